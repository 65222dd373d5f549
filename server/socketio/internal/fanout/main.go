// Command fanout tells everybody what anybody says, and nothing else, so that what
// this server of Socket.IO costs can be set beside what another costs that does
// the same:
//
//	go run ./server/socketio/internal/fanout -addr 127.0.0.1:3000
//
// In the namespace / each event pub with one argument is emitted to all as msg.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"gatehouse/server/socketio"
	"gatehouse/server/wsconn"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "where to listen")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	handler, end, err := newHandler()
	if err != nil {
		return err
	}
	defer end()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = s.Close()
	}()
	fmt.Println("listening on", l.Addr())
	if err := s.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// newHandler is the server, to be ended with end.
func newHandler() (h http.Handler, end func(), err error) {
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: 1_000_000, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
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
