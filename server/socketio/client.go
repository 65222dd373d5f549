package socketio

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/server/socketio/engine"
)

// client is one connection: it may join several namespaces.
type client struct {
	server  *Server
	session *engine.Session
	peer    any

	mu      sync.Mutex
	sockets []*Socket // one of each namespace that it has joined, which are few
	closed  bool
	timer   *time.Timer // until it joins one

	partial *partial // of the receiver only
}

// partial is a packet whose attachments have not all come.
type partial struct {
	packet
	received [][]byte
	size     int
}

var _ engine.Receiver = (*client)(nil)

func newClient(s *Server, e *engine.Session, r *http.Request) *client {
	c := &client{server: s, session: e}
	if s.o.Peer != nil {
		c.peer = s.o.Peer(r)
	}
	c.timer = time.AfterFunc(s.o.ConnectTimeout, func() {
		c.mu.Lock()
		alone := c.timer != nil
		c.mu.Unlock()
		if alone {
			e.Close()
		}
	})
	return c
}

// settle ends the waiting for a first namespace. The caller holds mu.
func (c *client) settle() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

var (
	errState       = errors.New("this packet cannot come now")
	errAttachments = errors.New("too many attachments, too large ones, or others than the packet names")
)

// Message takes a part of a packet.
func (c *client) Message(data []byte, binary bool) error {
	if binary {
		return c.attachment(data)
	}
	if c.partial != nil {
		return errState
	}
	p, err := parse(data)
	if err != nil {
		return err
	}
	if p.attachments > c.server.o.MaxAttachments {
		return errAttachments
	}
	if p.attachments > 0 {
		c.partial = &partial{packet: p, size: len(data)}
		return nil
	}
	return c.handle(p, nil)
}

// attachment takes one of the binary frames that follow a packet.
func (c *client) attachment(data []byte) error {
	p := c.partial
	if p == nil {
		return errState
	}
	if p.size += len(data); p.size > c.server.o.MaxPayload {
		return errAttachments
	}
	p.received = append(p.received, bytes.Clone(data))
	if len(p.received) < p.attachments {
		return nil
	}
	c.partial = nil
	if !placed(p.data, p.attachments) {
		return errAttachments
	}
	return c.handle(p.packet, p.received)
}

// handle does what a whole packet says.
func (c *client) handle(p packet, attachments [][]byte) error {
	c.mu.Lock()
	s := c.socket(p.namespace)
	c.mu.Unlock()
	if s == nil && p.kind == typeConnect {
		return c.connect(p)
	}
	if s == nil || p.kind == typeConnect || p.kind == typeConnectError {
		return errState
	}
	switch p.kind {
	case typeDisconnect:
		if c.leave(s) {
			s.left("client namespace disconnect")
		}
	case typeEvent, typeBinaryEvent:
		name, args, err := p.event()
		if err != nil {
			return err
		}
		if s.namespace.Event != nil && !s.gone.Load() {
			e := Event{Name: name, Values: Values{args, attachments}, socket: s, id: p.id}
			if p.id >= 0 {
				e.acked = new(atomic.Bool)
			}
			s.namespace.Event(s, e)
		}
	case typeAck, typeBinaryAck:
		args, err := p.list()
		if err != nil {
			return err
		}
		s.answered(p.id, Values{args, attachments})
	}
	return nil
}

// connect lets the client into a namespace.
func (c *client) connect(p packet) error {
	n := c.server.namespace(p.namespace)
	if n == nil {
		c.send(packet{kind: typeConnectError, namespace: p.namespace, id: -1, data: refusal("Invalid namespace")})
		return nil
	}
	s := &Socket{id: newID(), client: c, namespace: n}
	if n.Authorize != nil {
		if err := n.Authorize(s, p.data); err != nil {
			c.send(packet{kind: typeConnectError, namespace: p.namespace, id: -1, data: refusal(err.Error())})
			return nil
		}
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.sockets = append(c.sockets, s)
	c.settle()
	c.mu.Unlock()
	n.add(s) // from now on it hears what all hear, behind this
	c.send(packet{kind: typeConnect, namespace: n.name, id: -1, data: fmt.Appendf(nil, `{"sid":%q}`, s.id)})
	s.told()
	s.joined()
	return nil
}

// socket is the one of this namespace, or nil. The caller holds mu.
func (c *client) socket(namespace string) *Socket {
	for _, s := range c.sockets {
		if s.namespace.name == namespace {
			return s
		}
	}
	return nil
}

func (c *client) send(p packet) { c.session.Send(engine.NewMessage(p.text())) }

// leave takes a socket from the client; false where it was not there any more.
func (c *client) leave(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.sockets, s)
	if i < 0 {
		return false
	}
	c.sockets = slices.Delete(c.sockets, i, i+1)
	return true
}

// Closed takes all of the client's sockets away.
func (c *client) Closed(reason string) {
	c.mu.Lock()
	c.closed = true
	c.settle()
	all := c.sockets
	c.sockets = nil
	c.mu.Unlock()
	for _, s := range all {
		s.left(reason)
	}
}

// newID is a text of 120 random bits.
func newID() string {
	b := make([]byte, 15)
	_, _ = rand.Read(b) // it does not fail
	return base64.RawURLEncoding.EncodeToString(b)
}
