package wsconn

import (
	"sync"
	"time"
)

// slots is among how many moments of the ping interval the connections are
// spread.
const slots = 128

// wheel holds the connections that were started, in slots, so that each moment
// pings a few and none pings all.
type wheel struct {
	mu    sync.Mutex
	slots [slots][]*Conn
	next  int32
}

func newWheel() *wheel { return &wheel{} }

func (w *wheel) add(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.slot, w.next = w.next, (w.next+1)%slots
	c.place = int32(len(w.slots[c.slot]))
	w.slots[c.slot] = append(w.slots[c.slot], c)
}

// remove takes a connection out; one that was never started is in no slot.
func (w *wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot < 0 {
		return
	}
	s := w.slots[c.slot]
	last := s[len(s)-1]
	s[c.place], last.place = last, c.place
	s[len(s)-1] = nil
	w.slots[c.slot] = s[:len(s)-1]
	c.slot = -1
}

func (w *wheel) slot(i int) []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*Conn(nil), w.slots[i]...)
}

func (w *wheel) all() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*Conn
	for _, s := range w.slots {
		all = append(all, s...)
	}
	return all
}

var pingFrame = NewBatch(frame(opPing, nil), "")

// ping asks one slot after another whether it is still there.
func (s *Server) ping(every time.Duration) {
	t := time.NewTicker(max(every/slots, time.Millisecond))
	defer t.Stop()
	for i := 0; ; i = (i + 1) % slots {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		for _, c := range s.wheel.slot(i) {
			c.ask()
		}
	}
}

// ask pings a connection, or ends it where it was silent for too long.
func (c *Conn) ask() {
	if c.unpinged {
		return
	}
	c.mu.Lock()
	waiting := len(c.queue) > 0 // it has a deadline already, and a ping would only wait too
	if c.heard || waiting {
		c.heard, c.missed = false, 0
	} else {
		c.missed++
	}
	silent := c.missed > c.unanswered
	c.mu.Unlock()
	switch {
	case silent:
		c.kill(CauseSilent)
	case !waiting:
		c.Send(pingFrame)
	}
}

// housekeep ends the connections whose deadline has passed.
func (s *Server) housekeep() {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		s.watchMu.Lock()
		due := make([]*Conn, 0, len(s.watched))
		for c := range s.watched {
			due = append(due, c)
		}
		s.watchMu.Unlock()
		now := time.Now().UnixNano()
		for _, c := range due {
			c.mu.Lock()
			late := c.deadline != 0 && c.deadline <= now
			c.mu.Unlock()
			if late {
				c.kill(CauseSlow)
			}
		}
	}
}

func (s *Server) watch(c *Conn) {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	s.watched[c] = struct{}{}
}

func (s *Server) unwatch(c *Conn) {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	delete(s.watched, c)
}
