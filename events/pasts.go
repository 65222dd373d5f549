package events

import (
	"slices"
	"sync"
	"time"
)

// The bounds of what is read back from the store: a crowd that returns must not
// take the store from those who stayed.
const (
	maxPasts    = 8        // open at once
	pastEntries = 4096     // that one holds,
	pastBytes   = 16 << 20 // in so many bytes; and a stretch more
)

const (
	// pastRest is how long a past that nobody uses is left alone: who comes
	// next in a crowd finds it open.
	pastRest = time.Second

	// pastTurn is how long a past has its place for itself, where others wait
	// for one.
	pastTurn = 5 * time.Second
)

// pasts are those that are open.
type pasts struct {
	mu      sync.Mutex
	open    []*past
	changed chan struct{} // closed when somebody who waits may find a past
}

// enter places a reader that stands at a place in a past that serves it, or in a
// new one. Where there is no room for a new one it returns what to wait for
// before asking again.
func (ps *pasts) enter(r *Reader, at place) (wait <-chan struct{}) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for {
		for _, p := range ps.open {
			if seq, ok := p.serves(at, r.last); ok {
				p.enter(r, seq)
				return nil
			}
		}
		if len(ps.open) < maxPasts {
			p := newPast(r.l, start(at))
			ps.open = append(ps.open, p)
			p.enter(r, 0)
			return nil
		}
		p := ps.spare()
		if p == nil {
			if ps.changed == nil {
				ps.changed = make(chan struct{})
			}
			return ps.changed
		}
		p.retire()
	}
}

// spare is the past that gives way to another, if one must: it has no readers,
// or nobody has used it for a while, or it has had its turn. Slow readers cannot
// keep others waiting for ever.
func (ps *pasts) spare() (spare *past) {
	for _, p := range ps.open {
		if opening := p.busy != nil && p.feed == nil; opening || p.retired {
			continue
		}
		if p.readers > 0 && time.Since(p.used) < pastRest && time.Since(p.begun) < pastTurn {
			continue
		}
		if spare == nil || p.used.Before(spare.used) {
			spare = p
		}
	}
	return spare
}

// news tells those who wait for a past to look again.
func (ps *pasts) news() {
	if ps.changed != nil {
		close(ps.changed)
		ps.changed = nil
	}
}

func (p *past) enter(r *Reader, seq uint64) {
	r.past, r.seq = p, seq
	p.readers++
}

// leave lets a reader go. The last one leaves the past open for a moment.
func (p *past) leave(r *Reader) {
	r.past = nil
	p.used = time.Now()
	if p.readers--; p.readers == 0 && !p.retired {
		time.AfterFunc(pastRest, p.closeUnused)
		p.l.pasts.news()
	}
}

func (p *past) closeUnused() {
	p.l.pasts.mu.Lock()
	defer p.l.pasts.mu.Unlock()
	if p.readers == 0 && time.Since(p.used) >= pastRest {
		p.retire()
	}
}

// retire ends a past; readers that it still has seek again. Its place is free
// when its feed is closed.
func (p *past) retire() {
	if p.retired {
		return
	}
	p.retired = true
	p.window = window{first: p.head() + 1}
	p.closeFeed()
	ps := &p.l.pasts
	ps.open = slices.DeleteFunc(ps.open, func(o *past) bool { return o == p })
	ps.news()
}

// closeFeed closes the feed, once. It lets go of the lock while it does.
func (p *past) closeFeed() {
	feed := p.feed
	if p.feed = nil; feed == nil {
		return
	}
	p.l.pasts.mu.Unlock()
	defer p.l.pasts.mu.Lock()
	_ = feed.Close()
}
