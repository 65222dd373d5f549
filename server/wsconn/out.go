package wsconn

import "errors"

// push accepts a batch: it is written at once where nothing waits and the
// socket takes it, and queued where not. The caller holds mu and has seen that
// the connection is open.
func (c *Conn) push(b *Batch) {
	// One batch always fits, whatever the bound says: a bound smaller than a
	// message must not cut off everybody.
	if len(c.queue) > 0 && c.queued+len(b.bytes) > c.srv.limits.Load().QueueBytes {
		c.overflow()
		return
	}
	c.write(b)
}

// write puts a batch behind what waits, and writes what the socket takes.
func (c *Conn) write(b *Batch) {
	if c.direct && c.state == open && len(c.queue) == 0 {
		// The ordinary case, without a queue: nothing waits, and the socket
		// takes it all.
		n, err := c.sock.write(b.bytes)
		if n == len(b.bytes) {
			c.sent(b, n)
			return
		}
		c.off = n
		c.queue, c.queued = append(c.queue, b), len(b.bytes)-n
		c.stuck(err, true)
		return
	}
	c.queue = append(c.queue, b)
	c.queued += len(b.bytes)
	if len(c.queue) == 1 || !c.direct {
		c.flush()
	}
}

// overflow ends a connection that is too slow: what of a frame has begun to go
// out is finished, the rest is dropped, and the close frame names the last
// event that the client will have. The caller holds mu.
func (c *Conn) overflow() {
	head := c.queue[0]
	end := head.frameEnd(c.off)
	if c.flushing {
		end = len(head.bytes) // it is being written as a whole
	}
	c.sent(head, end)
	c.queue = c.queue[:0:0]
	c.queued = 0
	if end > c.off {
		c.queue = append(c.queue, &Batch{bytes: head.bytes[:end], marks: head.marks})
		c.queued = end - c.off
	} else {
		c.off = 0
	}
	c.beginClose(int(c.tooSlow), c.lastID, CauseSlow)
}

// flush writes what waits until the socket is full or nothing is left. The
// caller holds mu.
func (c *Conn) flush() {
	if c.state == opening || c.state >= lingering {
		return
	}
	if !c.direct {
		if !c.flushing {
			c.flushing = true
			c.srv.tasks.Go(c.flushBlocking)
		}
		return
	}
	progress := false
	for len(c.queue) > 0 {
		head := c.queue[0]
		n, err := c.sock.write(head.bytes[c.off:])
		if n > 0 {
			progress = true
			c.written(head, n)
		}
		if err != nil {
			c.stuck(err, progress)
			return
		}
	}
	c.emptied()
}

// stuck is reached when the socket takes no more, now or ever.
func (c *Conn) stuck(err error, progress bool) {
	if errors.Is(err, errAgain) {
		c.park(progress)
		return
	}
	c.lost()
}

// sent notes which event went out last with the first n bytes of a batch.
func (c *Conn) sent(b *Batch, n int) {
	if id := b.lastID(n); id != "" {
		c.lastID = id
	}
}

// written counts n bytes of the first batch as gone. The caller holds mu.
func (c *Conn) written(head *Batch, n int) {
	c.off += n
	c.queued -= n
	if c.off < len(head.bytes) {
		return
	}
	c.sent(head, c.off)
	c.off = 0
	if c.queue = c.queue[1:]; len(c.queue) == 0 {
		c.queue = nil // its memory is not an idle connection's
	}
}

// park gives a socket that is full its time to take something. One that is
// closing has had its time set already.
func (c *Conn) park(progress bool) {
	if c.state == open && (progress || c.deadline == 0) {
		c.setDeadline(writeTimeout)
	}
}

// emptied is reached when nothing waits. The caller holds mu.
func (c *Conn) emptied() {
	c.tellEmpty()
	if c.state != closing {
		c.clearDeadline()
		return
	}
	// The close frame is out. The client answers it, or hangs up; until then
	// its bytes are read away, because closing over unread bytes would reset
	// the connection and could take the close frame with it.
	c.state = lingering
	c.setDeadline(closeTimeout)
	if !c.direct {
		c.srv.tasks.Go(func() { _ = c.sock.closeWrite() }) // under TLS it writes, and may wait
		return
	}
	if c.sock.closeWrite() != nil {
		c.drop()
	}
}

// lost gives up a connection whose socket cannot be written to. The reader will
// see the same and say why it ended, so here nobody is told twice.
func (c *Conn) lost() {
	c.queue, c.queued, c.off = nil, 0, 0
	if c.state >= closing {
		c.drop()
		return
	}
	c.sock.interrupt()
}

// blockingSlice is how much is written at a time where writes block.
const blockingSlice = 32 << 10

// flushBlocking is flush for a socket whose writes block: a goroutine that
// lives while something waits.
func (c *Conn) flushBlocking() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && c.state < lingering {
		head := c.queue[0]
		if c.state == open {
			c.setDeadline(writeTimeout)
		}
		c.mu.Unlock()
		// In slices, so that progress is seen.
		n, err := c.sock.write(head.bytes[c.off:min(c.off+blockingSlice, len(head.bytes))])
		c.mu.Lock()
		if c.state == closed {
			break
		}
		if err != nil {
			c.flushing = false
			c.lost()
			return
		}
		c.written(c.queue[0], n)
	}
	c.flushing = false
	if c.state < lingering && len(c.queue) == 0 {
		c.emptied()
	}
}
