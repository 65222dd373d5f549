package engine

import (
	"net/netip"
	"sync"
	"time"

	"gatehouse/server/wsconn"
)

// Why a session ended, in the words of the protocol's own servers.
const (
	ReasonClient  = "transport close" // the client closed it, or its line was cut
	ReasonServer  = "forced close"    // Close was called
	ReasonError   = "parse error"     // it sent what is no packet
	ReasonTimeout = "ping timeout"    // it did not answer a ping
	ReasonSlow    = "too slow"        // too much waited for it
)

// Session is one client, whatever its transport.
type Session struct {
	server   *Server
	id       string
	remote   netip.Addr
	receiver Receiver
	admitted bool // it is counted here, and not as a WebSocket

	turn sync.Mutex // of the receiver: one message at a time

	mu       sync.Mutex
	conn     *wsconn.Conn // the WebSocket, once it is the transport
	probe    *probe       // the WebSocket that is to become it
	poll     chan []byte  // of the GET that waits; nil: none
	posting  bool
	queue    []*Message // for a poll, or for the WebSocket while it becomes the transport
	queued   int        // bytes
	awaiting bool       // a pong
	closed   bool
	leaving  chan struct{} // a goodbye waits for a poll, which closes it
	timer    *time.Timer
	due      time.Duration // when the timer is to go off, since the server was made
}

func newSession(s *Server, remote netip.Addr) *Session {
	return &Session{server: s, id: newID(), remote: remote}
}

// ID is what the session is called, for its client too: who knows it can take
// part in it.
func (s *Session) ID() string { return s.id }

// Receiver is what [Options.Open] gave for the session.
func (s *Session) Receiver() Receiver { return s.receiver }

// start begins the heartbeat.
func (s *Session) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.due = s.server.now() + s.server.o.PingInterval
		s.timer = time.AfterFunc(s.server.o.PingInterval, s.beat)
	}
}

// tardy is how much of a timer's being late the client has to make good for, so
// that a session that does not answer ends when it should.
const tardy = 50 * time.Millisecond

var (
	ping = control("2")
	noop = []byte("6")
)

// beat sends a ping, or ends a session that has not answered the last one.
func (s *Session) beat() {
	s.mu.Lock()
	late := s.awaiting
	if !late && !s.closed {
		s.awaiting = true
		now, timeout := s.server.now(), s.server.o.PingTimeout
		s.due = max(s.due, now-tardy) + timeout
		s.timer.Reset(s.due - now)
	}
	s.mu.Unlock()
	if late {
		s.timeout()
		return
	}
	s.Send(ping)
}

func (s *Session) timeout() { s.end(ReasonTimeout, wsconn.ClosePolicy, "no pong came") }

// pong puts the next ping off.
func (s *Session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.timer == nil {
		return
	}
	s.awaiting = false
	s.due = s.server.now() + s.server.o.PingInterval
	s.timer.Reset(s.server.o.PingInterval)
}

// Send sends a message, or queues it, and reports whether the session is open.
func (s *Session) Send(m *Message) bool {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return false
	case s.conn != nil:
		conn := s.conn
		s.mu.Unlock()
		return conn.Send(m.webSocket())
	case s.poll != nil:
		poll := s.poll
		s.poll = nil
		s.mu.Unlock()
		poll <- m.polling()
		return true
	}
	s.queue = append(s.queue, m)
	s.queued += m.cost()
	// One message always fits: a bound smaller than a message must not cut off
	// everybody.
	full := len(s.queue) > 1 && s.queued > s.server.o.QueueBytes
	s.mu.Unlock()
	if full {
		s.end(ReasonSlow, wsconn.CloseTooSlow, "")
	}
	return !full
}

// Close ends the session. Its client learns of it, and returns by itself where it
// is made to.
func (s *Session) Close() { s.end(ReasonServer, 1000, "") }

// end ends the session, a WebSocket with this code. A poll that waits is told
// where its client was wrong. Otherwise it is let go, and its client learns from
// the next that the session is no more: python-socketio does not come back where
// it was told.
func (s *Session) end(reason string, code int, words string) {
	last := noop
	if reason == ReasonError {
		last = []byte{packetClose}
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	conn, poll, receiver := s.conn, s.poll, s.receiver
	if s.probe != nil {
		conn = s.probe.conn // there is only one of them
		s.probe.timer.Stop()
	}
	s.poll, s.queue, s.queued = nil, nil, 0
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if poll != nil {
		poll <- last
	}
	if conn != nil {
		conn.Close(code, words)
	}
	s.server.forget(s)
	if receiver != nil { // otherwise Open is at work, and it is told behind that
		receiver.Closed(reason)
	}
}

// over reports whether the session has ended.
func (s *Session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// receive does what a packet of the client says. It reports whether the session
// goes on.
func (s *Session) receive(p packet) bool {
	switch p.kind {
	case packetMessage:
		s.turn.Lock()
		err := s.receiver.Message(p.data, p.binary)
		s.turn.Unlock()
		if err == nil {
			return true
		}
		s.end(ReasonError, wsconn.ClosePolicy, err.Error())
		return false
	case packetPong:
		s.pong()
		return true
	case packetNoop:
		return true
	case packetClose:
		s.end(ReasonClient, 1000, "")
		return false
	}
	s.end(ReasonError, wsconn.CloseProtocolError, errPacket.Error())
	return false
}
