package socketio

import (
	"encoding/json"
	"sync"

	"gatehouse/server/socketio/engine"
)

// Namespace is a part of a server that clients join by its name. Its functions
// are set before the server is served.
type Namespace struct {
	name string

	// Authorize decides who may join; auth is what the client sent, nil where
	// it sent nothing. An error refuses it, with its words. Nil: everybody may.
	Authorize func(s *Socket, auth json.RawMessage) error

	// Connected is called when a client has joined, and has been told so. One
	// that was gone by then is passed over, here and by Disconnected.
	Connected func(s *Socket)

	// Event is called for each event that a client sends; nil: they are
	// ignored. What it is given is its own. One that came just before the
	// client left may still be at work when Disconnected is called.
	Event func(s *Socket, e Event)

	// Disconnected is called once when a client has left, for whatever reason,
	// after Connected has returned. The goroutine may be one that was sending
	// to the client and found it too slow: it must hold no lock that is taken
	// here.
	Disconnected func(s *Socket, reason string)

	mu      sync.RWMutex
	sockets map[string]*Socket
}

// Count is the number of sockets that have joined.
func (n *Namespace) Count() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.sockets)
}

// Socket is the one with this id, or nil.
func (n *Namespace) Socket(id string) *Socket {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.sockets[id]
}

// Emit sends an event to every socket of the namespace. It is encoded once.
func (n *Namespace) Emit(event string, args ...any) error {
	v, err := NewValues(args...)
	if err != nil {
		return err
	}
	m := n.message(event, v, -1)
	n.mu.RLock()
	all := make([]*Socket, 0, len(n.sockets))
	for _, s := range n.sockets {
		all = append(all, s)
	}
	n.mu.RUnlock()
	for _, s := range all {
		if !s.gone.Load() {
			s.send(m)
		}
	}
	return nil
}

func (n *Namespace) message(event string, v Values, id int64) *engine.Message {
	p := packet{kind: typeEvent, namespace: n.name, id: id, data: v.list(event)}
	return encoded(p, v)
}

// encoded is a packet with its attachments as a message.
func encoded(p packet, v Values) *engine.Message {
	if p.attachments = len(v.Attachments); p.attachments > 0 {
		p.kind += typeBinaryEvent - typeEvent
	}
	return engine.NewMessage(p.text(), v.Attachments...)
}

// add takes a socket in, unless it has left: it is removed behind that.
func (n *Namespace) add(s *Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !s.gone.Load() {
		n.sockets[s.id] = s
	}
}

func (n *Namespace) remove(s *Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sockets, s.id)
}
