// Command conformance serves what the public protocol suites of Engine.IO v4 and
// Socket.IO v5 expect:
//
//	go run ./server/socketio/internal/conformance -addr 127.0.0.1:3000
//
// At /engine.io/ every message is echoed. At /socket.io/ the namespaces / and
// /custom emit auth with what the client sent to join, answer message with
// message-back and the same arguments, and acknowledge message-with-ack with its
// arguments. Intervals are short, so that the suites are.
package main

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"time"

	"gatehouse/server/socketio"
	"gatehouse/server/socketio/engine"
	"gatehouse/server/socketio/internal/program"
)

const (
	pingInterval   = 300 * time.Millisecond
	pingTimeout    = 200 * time.Millisecond
	connectTimeout = time.Second
	maxPayload     = program.MaxPayload
)

func main() { program.Main(newHandler) }

// newHandler is both servers, to be ended with end.
func newHandler() (h http.Handler, end func(), err error) {
	sockets, err := program.Sockets()
	if err != nil {
		return nil, nil, err
	}
	remote := func(*http.Request) netip.Addr { return netip.Addr{} }
	echoes := engine.New(engine.Options{
		PingInterval: pingInterval, PingTimeout: pingTimeout, MaxPayload: maxPayload, Sockets: sockets, Remote: remote,
		Open: func(s *engine.Session, _ *http.Request) engine.Receiver { return echo{s} },
	})
	io := socketio.New(socketio.Options{
		PingInterval: pingInterval, PingTimeout: pingTimeout, ConnectTimeout: connectTimeout, MaxPayload: maxPayload, Sockets: sockets, Remote: remote,
	})
	for _, name := range []string{"/", "/custom"} {
		expected(io.Of(name))
	}
	mux := http.NewServeMux()
	mux.Handle("/engine.io/", echoes)
	mux.Handle("/socket.io/", io)
	return mux, func() {
		echoes.Close()
		io.Close()
		sockets.Close()
	}, nil
}

// echo sends each message back.
type echo struct{ s *engine.Session }

func (e echo) Message(data []byte, binary bool) error {
	data = append([]byte(nil), data...)
	if binary {
		e.s.Send(engine.NewBinary(data))
	} else {
		e.s.Send(engine.NewMessage(data))
	}
	return nil
}

func (echo) Closed(string) {}

// expected has a namespace behave as the suite expects.
func expected(n *socketio.Namespace) {
	n.Authorize = func(s *socketio.Socket, auth json.RawMessage) error {
		if s.Data = auth; auth == nil {
			s.Data = json.RawMessage("{}")
		}
		return nil
	}
	n.Connected = func(s *socketio.Socket) { _ = s.Emit("auth", s.Data) }
	n.Event = func(s *socketio.Socket, e socketio.Event) {
		switch e.Name {
		case "message":
			_ = s.EmitValues("message-back", e.Values)
		case "message-with-ack":
			e.Ack(e.Values)
		}
	}
}
