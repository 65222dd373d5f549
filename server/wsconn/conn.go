package wsconn

import (
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Handler is what a dialect does with a connection. No call is made while a
// lock of this package is held.
type Handler interface {
	// Message is given each text message, and each binary one as it came. The
	// payload is only lent: it is overwritten after the call. Calls of one
	// connection come one at a time, in order; the next message is read when
	// this one was handled.
	Message(c *Conn, payload []byte, binary bool)

	// Drained follows Message when nothing more has arrived yet: the time to
	// do together what several messages asked for. It is called by the same
	// goroutine.
	Drained(c *Conn)

	// Closed is called once, when nothing can be sent any more; messages that
	// were read before may still be handed over while it runs.
	Closed(c *Conn, cause Cause)
}

// Ponger is a [Handler] that wants to hear of pongs, too: by the goroutine that
// calls Message, in the order in which they arrive.
type Ponger interface {
	Ponged(c *Conn)
}

// state is how far a connection has come; it only grows.
type state uint8

const (
	opening   state = iota // upgraded, not started: what is sent is queued
	open                   // the ordinary one
	closing                // the close frame is queued, nothing may follow it
	lingering              // all is written; waiting for the client to hang up
	closed                 // the socket is gone, or goes with its reader
)

// activity is what the reader of a connection does.
type activity uint8

const (
	resting activity = iota // no goroutine; readiness starts one
	reading                 // a goroutine reads
)

// Conn is one WebSocket connection. It is made by [Server.Upgrade].
type Conn struct {
	srv     *Server
	ws      *websocket.Conn // reads; never written to
	handler Handler
	sock    socket
	in      *inbound // set while a goroutine reads
	rest    []byte   // bytes that came with the handshake
	remote  netip.Addr
	slot    int32 // where it stands in the server's ping wheel, guarded by the server
	place   int32

	maxMessage int32 // 0: as for all
	tooSlow    int16
	unanswered uint8 // how many pings may stay so before the last
	unpinged   bool

	mu       sync.Mutex
	state    state
	direct   bool // the socket does not block
	activity activity
	again    bool // readiness came while the reader was busy
	flushing bool // a goroutine writes the queue (sockets that block)
	heard    bool // something came since the last ping
	missed   uint8
	wake     chan struct{} // a reader waits for readiness within a message
	empty    chan struct{} // a sender waits for an empty queue
	queue    []*Batch
	off      int    // how much of queue[0] is written
	queued   int    // bytes that wait
	lastID   string // the last event written whole
	deadline int64  // Unix nanoseconds; 0: none
	cause    Cause
}

// Handler is the one that the connection was upgraded with.
func (c *Conn) Handler() Handler { return c.handler }

// Send queues the batch, or writes it at once where the socket takes it. It
// reports whether it was accepted: false once the connection ends. Bytes that
// would be more than the bound end it with [CloseTooSlow].
func (c *Conn) Send(b *Batch) bool {
	c.mu.Lock()
	if c.state > open {
		c.mu.Unlock()
		return false
	}
	c.push(b)
	ended, cause := c.state > open, c.cause
	c.mu.Unlock()
	if ended {
		c.handler.Closed(c, cause)
	}
	return !ended
}

// onTheWay is how much may be queued on a socket whose writes block without
// anything having to wait: all that is sent there passes through the queue.
const onTheWay = 256 << 10

// TrySend is Send where nothing has to wait, and reports whether it was: for a
// sender that keeps what has to wait to itself.
func (c *Conn) TrySend(b *Batch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state > open || len(c.queue) > 0 && (c.direct || c.queued+len(b.bytes) > onTheWay) {
		return false
	}
	c.write(b)
	return true
}

// SendWhenEmpty is Send for a sender that goes at the client's pace: it waits
// until nothing is queued first. It returns false when the connection ends or
// stop is closed.
func (c *Conn) SendWhenEmpty(stop <-chan struct{}, b *Batch) bool {
	for {
		c.mu.Lock()
		if c.state > open {
			c.mu.Unlock()
			return false
		}
		if len(c.queue) == 0 {
			c.mu.Unlock()
			return c.Send(b)
		}
		if c.empty == nil {
			c.empty = make(chan struct{})
		}
		empty := c.empty
		c.mu.Unlock()
		select {
		case <-stop:
			return false
		case <-empty:
		}
	}
}

// tellEmpty wakes who waits for the queue to be empty, or for the end. The
// caller holds mu.
func (c *Conn) tellEmpty() {
	if c.empty != nil {
		close(c.empty)
		c.empty = nil
	}
}

// Close sends a close frame behind what is queued and ends the connection when
// the client has taken it, or a few seconds later.
func (c *Conn) Close(code int, reason string) { c.end(code, reason, CauseServer) }

func (c *Conn) end(code int, reason string, cause Cause) {
	c.mu.Lock()
	if c.state > open {
		c.mu.Unlock()
		return
	}
	c.beginClose(code, reason, cause)
	c.mu.Unlock()
	c.handler.Closed(c, cause)
}

// kill ends the connection without a word.
func (c *Conn) kill(cause Cause) {
	c.mu.Lock()
	if c.state == closed {
		c.mu.Unlock()
		return
	}
	first := c.state <= open
	if first {
		c.cause = cause
	}
	c.drop()
	c.mu.Unlock()
	if first {
		c.handler.Closed(c, cause)
	}
}

// beginClose queues the close frame. The caller holds mu and has seen that the
// connection is open, and calls the handler's Closed when it has let go of mu.
func (c *Conn) beginClose(code int, reason string, cause Cause) {
	c.state, c.cause = closing, cause
	c.tellEmpty()
	c.setDeadline(writeTimeout)
	c.write(NewBatch(closeFrame(code, reason), ""))
	c.signal()
}

// drop gives the socket up. The caller holds mu. A reader that is at work
// closes it when it is done: a descriptor that is closed under a reader could
// be another connection's by then.
func (c *Conn) drop() {
	if c.state == closed {
		return
	}
	c.state = closed
	c.tellEmpty()
	c.queue, c.queued = nil, 0
	c.clearDeadline()
	c.srv.forget(c)
	if c.activity == reading {
		c.sock.interrupt()
		c.signal()
		return
	}
	c.sock.close()
}

// setDeadline makes the server end the connection after d, unless it is moved
// or cleared. The caller holds mu.
func (c *Conn) setDeadline(d time.Duration) {
	if c.deadline == 0 {
		c.srv.watch(c)
	}
	c.deadline = time.Now().Add(d).UnixNano()
}

func (c *Conn) clearDeadline() {
	if c.deadline != 0 {
		c.deadline = 0
		c.srv.unwatch(c)
	}
}

// signal wakes a reader that waits within a message. The caller holds mu.
func (c *Conn) signal() {
	c.again = true
	if c.wake != nil {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}
