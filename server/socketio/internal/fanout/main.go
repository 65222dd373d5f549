// Command fanout tells everybody what anybody says, and nothing else, so that what
// this server of Socket.IO costs can be set beside what another costs that does
// the same:
//
//	go run ./server/socketio/internal/fanout -addr 127.0.0.1:3000
//
// In the namespace / each event pub with one argument is emitted to all as msg.
package main

import (
	"net/http"

	"gatehouse/server/socketio"
	"gatehouse/server/socketio/internal/program"
)

func main() { program.Main(newHandler) }

// newHandler is the server, to be ended with end.
func newHandler() (h http.Handler, end func(), err error) {
	sockets, err := program.Sockets()
	if err != nil {
		return nil, nil, err
	}
	io := socketio.New(socketio.Options{Sockets: sockets})
	all := io.Of("/")
	all.Event = func(_ *socketio.Socket, e socketio.Event) {
		if e.Name == "pub" && len(e.Args) == 1 {
			_ = all.Emit("msg", e.Args[0])
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	return mux, func() {
		io.Close()
		sockets.Close()
	}, nil
}
