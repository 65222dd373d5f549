package wsconn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// inbound is what a connection needs while it is being read; it is lent.
type inbound struct {
	c        *Conn
	buf      []byte
	r, w     int       // buf[r:w] was read and not yet used
	left     int64     // bytes of the data frame at hand that gorilla has not had
	deadline time.Time // of the message at hand; zero until it had to be waited for
	message  bytes.Buffer
	unsaid   bool // messages were handed over since Drained was called
}

var inbounds = sync.Pool{New: func() any { return &inbound{buf: make([]byte, 4096)} }}

var errEnding = errors.New("the connection is ending")

// onReady is told by the poller, or at the start.
func (c *Conn) onReady(readable, writable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == opening || c.state == closed {
		return
	}
	if writable && len(c.queue) > 0 {
		c.flush()
	}
	if !readable {
		return
	}
	if c.activity == reading {
		c.signal()
		return
	}
	c.activity = reading
	c.srv.tasks.Go(c.serve)
}

// serve reads until nothing is left. On a socket that blocks that is to its end.
func (c *Conn) serve() {
	in := inbounds.Get().(*inbound)
	in.c, c.in = c, in
	in.w = copy(in.buf, c.rest)
	c.rest = nil
	for {
		var err error
		if !c.ending() {
			err = in.messages()
		}
		// What follows a close frame is no longer looked at.
		if c.ending() {
			err = in.discard()
		}
		if err != nil {
			in.drained() // who speaks and hangs up at once was heard
			c.kill(CauseClient)
		}
		if in.rest() {
			break
		}
	}
	*in = inbound{buf: in.buf, message: in.message}
	if in.message.Cap() > 1<<16 {
		in.message = bytes.Buffer{}
	}
	inbounds.Put(in)
}

// rest ends the reading where nothing came meanwhile, and closes the socket
// where that was left to the reader.
func (in *inbound) rest() bool {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == closed:
		c.sock.close()
	case c.again:
		c.again = false
		return false
	default:
		c.activity = resting
	}
	c.in = nil
	return true
}

// messages hands over message after message. It returns nil when nothing more
// is there now.
func (in *inbound) messages() error {
	c := in.c
	for {
		ok, err := in.boundary(false)
		if err != nil || !ok {
			return err
		}
		c.ws.SetReadLimit(c.maxMessageBytes())
		kind, r, err := c.ws.NextReader()
		if err == nil {
			in.message.Reset()
			_, err = in.message.ReadFrom(r)
		}
		in.deadline = time.Time{}
		if errors.Is(err, websocket.ErrReadLimit) {
			c.end(CloseTooBig, "", CauseProtocol) // not every such frame was answered
		}
		if c.ending() {
			return errEnding
		}
		if err != nil {
			return err
		}
		if kind == websocket.TextMessage && !utf8.Valid(in.message.Bytes()) {
			c.end(CloseInvalidText, "text is not UTF-8", CauseProtocol)
			return errEnding
		}
		c.handler.Message(c, in.message.Bytes(), kind == websocket.BinaryMessage)
		in.unsaid = true
		if c.ending() {
			return errEnding
		}
	}
}

// maxMessageBytes is the limit as it is now.
func (c *Conn) maxMessageBytes() int64 {
	if c.maxMessage > 0 {
		return int64(c.maxMessage)
	}
	return int64(c.srv.limits.Load().MaxMessageBytes)
}

func (c *Conn) ending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state > open
}

// boundary stands between two frames: it answers control frames until the
// header of a data frame is there. Unless told to wait, it returns false where
// nothing has arrived.
func (in *inbound) boundary(wait bool) (bool, error) {
	for {
		h, ok := parseHeader(in.buf[in.r:in.w])
		if !ok {
			if more, err := in.fill(wait || in.r < in.w); err != nil || !more {
				return false, err
			}
			continue
		}
		if !h.isControl() {
			in.left = int64(h.size) + h.payload
			return true, nil
		}
		if err := in.control(h); err != nil {
			return false, err
		}
		if !wait {
			in.deadline = time.Time{} // it was the frame's, and no message has begun
		}
	}
}

// control answers one control frame, which is never given to gorilla: it would
// then wait for the next data frame.
func (in *inbound) control(h header) error {
	c := in.c
	if h.b0&finBit == 0 || h.b0&rsvBits != 0 || h.payload > maxControlPayload || h.b1&maskBit == 0 || h.opcode() > opPong {
		c.end(CloseProtocolError, "malformed control frame", CauseProtocol)
		return errEnding
	}
	size := h.size + int(h.payload)
	for in.w-in.r < size {
		if _, err := in.fill(true); err != nil {
			return err
		}
	}
	f := in.buf[in.r : in.r+size]
	in.r += size
	payload := f[h.size:]
	unmask([4]byte(f[h.size-4:h.size]), payload)
	switch h.opcode() {
	case opPing:
		c.Send(NewBatch(frame(opPong, payload), ""))
	case opPong:
		if p, ok := c.handler.(Ponger); ok {
			p.Ponged(c)
		}
	case opClose:
		code, reason := closeAnswer(payload)
		c.end(code, reason, CauseClient)
	}
	if c.ending() {
		return errEnding
	}
	return nil
}

// closeAnswer is what a client's close frame is answered with: its own code, or
// why its frame was wrong.
func closeAnswer(payload []byte) (code int, reason string) {
	switch {
	case len(payload) == 0:
		return websocket.CloseNormalClosure, ""
	case len(payload) == 1:
		return CloseProtocolError, "malformed close frame"
	case !utf8.Valid(payload[2:]):
		return CloseInvalidText, "close reason is not UTF-8"
	}
	code = int(binary.BigEndian.Uint16(payload))
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return code, ""
	}
	return CloseProtocolError, "invalid close code"
}

// fill reads more bytes. Where it does not wait, it returns false when nothing
// is there, after Drained had its turn.
func (in *inbound) fill(wait bool) (bool, error) {
	switch {
	case in.r == in.w:
		in.r, in.w = 0, 0
	case in.w == len(in.buf):
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	n, err := in.read(in.buf[in.w:], wait)
	in.w += n
	return n > 0, err
}

func (in *inbound) read(p []byte, wait bool) (int, error) {
	c := in.c
	for {
		if c.sock.blocks() {
			in.drained() // before the read, which may last
			if wait {
				in.startDeadline()
			}
		}
		n, err := c.sock.read(p, in.deadline)
		switch {
		case n > 0:
			c.alive()
			return n, nil
		case errors.Is(err, errAgain) && !wait:
			if in.drained() {
				continue // something may have come meanwhile
			}
			return 0, nil
		case errors.Is(err, errAgain):
			err = in.await()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.end(ClosePolicy, "message took too long", CauseProtocol)
			return 0, errEnding
		}
		if err != nil {
			return 0, err
		}
	}
}

// drained lets the handler finish what it gathered; it reports whether there was
// anything.
func (in *inbound) drained() bool {
	if !in.unsaid {
		return false
	}
	in.unsaid = false
	in.c.handler.Drained(in.c)
	return true
}

func (in *inbound) startDeadline() {
	if in.deadline.IsZero() {
		in.deadline = time.Now().Add(messageTimeout)
	}
}

// await waits for readiness within a message, until its deadline. What was
// gathered before is not kept waiting for it.
func (in *inbound) await() error {
	in.drained()
	in.startDeadline()
	c := in.c
	c.mu.Lock()
	if c.wake == nil {
		c.wake = make(chan struct{}, 1)
	}
	wake, again := c.wake, c.again
	c.again = false
	ended := c.state > open
	c.mu.Unlock()
	if ended {
		return errEnding
	}
	if again {
		return nil
	}
	t := time.NewTimer(time.Until(in.deadline))
	defer t.Stop()
	defer func() {
		c.mu.Lock()
		c.wake = nil
		c.mu.Unlock()
	}()
	select {
	case <-wake:
		return nil
	case <-t.C:
		return os.ErrDeadlineExceeded
	}
}

// discard reads bytes away while a connection ends. It returns nil when nothing
// is there now, and an error at the client's end.
func (in *inbound) discard() error {
	in.drained()
	in.r, in.w, in.deadline = 0, 0, time.Time{}
	for {
		_, err := in.c.sock.read(in.buf, time.Time{})
		if errors.Is(err, errAgain) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// alive notes that the client was heard.
func (c *Conn) alive() {
	c.mu.Lock()
	c.heard = true
	c.mu.Unlock()
}
