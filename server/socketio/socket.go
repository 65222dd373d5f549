package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"gatehouse/server/socketio/engine"
)

// ErrGone says that a socket has left.
var ErrGone = errors.New("the socket has left")

// Socket is one client in one namespace.
type Socket struct {
	id        string
	client    *client
	namespace *Namespace
	gone      atomic.Bool
	open      atomic.Bool // the client has been told that it has joined

	// Data is for who uses the package; it is set before the socket is used by
	// more than one goroutine.
	Data any

	mu     sync.Mutex
	stage  stage
	early  []*engine.Message // what is sent until it is open
	reason string            // why it left while Connected was at work
	asked  int64
	asks   map[int64]chan Values // those that wait for an answer
}

// stage is what a socket's namespace has been told of it.
type stage uint8

const (
	unknown stage = iota // nothing
	telling              // Connected is at work
	known                // it is connected
)

// ID is what the socket is called, for its client too.
func (s *Socket) ID() string { return s.id }

// Peer is what [Options.Peer] made of the request with which the connection
// began.
func (s *Socket) Peer() any { return s.client.peer }

// Close ends the connection of the socket, whatever else it has joined.
func (s *Socket) Close() { s.client.session.Close() }

// Emit sends an event to the client, and reports whether it was accepted.
func (s *Socket) Emit(event string, args ...any) error {
	v, err := NewValues(args...)
	if err != nil {
		return err
	}
	return s.EmitValues(event, v)
}

// EmitValues is Emit for values that were made before, or came from a client.
func (s *Socket) EmitValues(event string, v Values) error {
	if s.gone.Load() || !s.send(s.namespace.message(event, v, -1)) {
		return ErrGone
	}
	return nil
}

// send keeps what is sent to a client that does not know yet that it has joined,
// so that it misses nothing from then on.
func (s *Socket) send(m *engine.Message) bool {
	if !s.open.Load() {
		s.mu.Lock()
		if !s.open.Load() {
			s.early = append(s.early, m)
			s.mu.Unlock()
			return true
		}
		s.mu.Unlock()
	}
	return s.client.session.Send(m)
}

// told sends what was kept, and opens the socket.
func (s *Socket) told() {
	for {
		s.mu.Lock()
		early := s.early
		s.early = nil
		if len(early) == 0 {
			s.open.Store(true)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		for _, m := range early {
			s.client.session.Send(m)
		}
	}
}

// Ask sends an event and waits for the client's answer, until ctx ends. It waits
// in vain in one of the namespace's functions: what the client sends is handled
// behind them.
func (s *Socket) Ask(ctx context.Context, event string, args ...any) (Values, error) {
	v, err := NewValues(args...)
	if err != nil {
		return Values{}, err
	}
	answer := make(chan Values, 1)
	s.mu.Lock()
	if s.gone.Load() {
		s.mu.Unlock()
		return Values{}, ErrGone
	}
	id := s.asked
	s.asked++
	if s.asks == nil {
		s.asks = map[int64]chan Values{}
	}
	s.asks[id] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.asks, id)
		s.mu.Unlock()
	}()
	if !s.send(s.namespace.message(event, v, id)) {
		return Values{}, ErrGone
	}
	select {
	case v, ok := <-answer:
		if !ok {
			return Values{}, ErrGone
		}
		return v, nil
	case <-ctx.Done():
		return Values{}, ctx.Err()
	}
}

// answered takes the client's answer. One that nobody waits for is late, and
// ignored.
func (s *Socket) answered(id int64, v Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.asks[id]; answer != nil {
		delete(s.asks, id)
		answer <- v
	}
}

// Disconnect has the client leave the namespace.
func (s *Socket) Disconnect() {
	if s.client.leave(s) {
		s.client.send(packet{kind: typeDisconnect, namespace: s.namespace.name, id: -1})
		s.left("server namespace disconnect")
	}
}

// joined tells the namespace of a socket that has joined. It may leave at any
// time, also before.
func (s *Socket) joined() {
	n := s.namespace
	s.mu.Lock()
	if s.gone.Load() {
		s.mu.Unlock()
		return
	}
	s.stage = telling
	s.mu.Unlock()
	if n.Connected != nil {
		n.Connected(s)
	}
	s.mu.Lock()
	s.stage = known
	gone := s.gone.Load()
	s.mu.Unlock()
	if gone && n.Disconnected != nil {
		n.Disconnected(s, s.reason)
	}
}

// left is called once, when the socket is no longer the client's.
func (s *Socket) left(reason string) {
	s.mu.Lock()
	s.gone.Store(true)
	for _, answer := range s.asks {
		close(answer)
	}
	s.asks = nil
	s.reason = reason
	tell := s.stage == known // otherwise nobody has heard of it, or joined goes on
	s.mu.Unlock()
	s.namespace.remove(s)
	if tell && s.namespace.Disconnected != nil {
		s.namespace.Disconnected(s, reason)
	}
}

// Event is what a client sent.
type Event struct {
	Name string
	Values

	socket *Socket
	id     int64
	acked  *atomic.Bool
}

// WantsAck reports whether the client waits for an answer.
func (e Event) WantsAck() bool { return e.id >= 0 }

// Ack answers the client; once, and only where it waits for it.
func (e Event) Ack(v Values) {
	if e.id < 0 || !e.acked.CompareAndSwap(false, true) || e.socket.gone.Load() {
		return
	}
	p := packet{kind: typeAck, namespace: e.socket.namespace.name, id: e.id, data: v.list("")}
	e.socket.client.session.Send(encoded(p, v))
}

// refusal is the data of a packet that refuses a client.
func refusal(words string) json.RawMessage {
	b, _ := json.Marshal(struct {
		Message string `json:"message"`
	}{words}) // a text: it cannot fail
	return b
}
