package events

import (
	"cmp"
	"context"
	"errors"
	"time"

	"gatehouse/store"
)

// stretchBytes bounds what is read together, beside [stretch].
const stretchBytes = 1 << 20

// pauseLength is how long a past that has nothing to show waits before it looks
// again.
const pauseLength = 20 * time.Millisecond

// past is a stretch of the store's history that any number of readers read
// together, with one feed: whoever needs more than it holds reads on, and who
// needs the same waits for that. It begins where somebody came back to, and is
// complete where it meets memory. What its readers have taken long ago it
// forgets. The lock of [pasts] guards it.
type past struct {
	window
	l     *Log
	start store.Start
	rules *Rules

	readers     int
	begun, used time.Time

	feed store.Feed     // nil until it was opened, and when it is not needed any more
	busy chan struct{}  // closed when who reads is done; nil while nobody does
	at   store.Position // the place it has come to; it belongs to who reads

	met     bool   // it is complete: where it ends stands
	meeting uint64 // this entry of memory
	retired bool   // its readers must seek again
	err     error  // why, where that was an error
}

func newPast(l *Log, start store.Start) *past {
	now := time.Now()
	p := &past{window: newWindow(), l: l, start: start, rules: l.Rules(), begun: now, used: now}
	if !start.Inclusive {
		p.at = start.After
		p.remember(p.at)
	}
	return p
}

// serves tells behind which entry a reader begins that stands at a place. Where
// the past was opened inside the change of that place it is the first entry of
// all, and the reader leaves out what it has seen.
func (p *past) serves(at place, id string) (seq uint64, ok bool) {
	if p.over() {
		return 0, false
	}
	if seq, ok = p.find(at, id); !ok {
		ok = p.start == start(at) && p.first == 1
	}
	if p.met && seq == p.head() {
		ok = ok && p.l.reaches(p.meeting) // memory may have gone on since
	}
	return seq, ok
}

// start is where a feed is opened for a reader that stands at a place.
func start(at place) store.Start { return store.Start{After: at.position, Inclusive: !at.last} }

// over reports whether the past is of no more use: it was retired, or it shows
// what the rules wanted before they changed.
func (p *past) over() bool { return p.retired || p.rules != p.l.Rules() }

// opened waits until the past is open, and opens it if nobody else does.
func (p *past) opened(ctx context.Context) error {
	p.l.pasts.mu.Lock()
	defer p.l.pasts.mu.Unlock()
	for p.feed == nil && !p.met && !p.over() {
		if err := p.pull(ctx); err != nil {
			return err
		}
	}
	return nil
}

// next returns the entries that come next for one of its readers, at most max.
// None means that the reader has left: for memory, or to seek again.
func (p *past) next(ctx context.Context, r *Reader, max int) ([]*Entry, error) {
	p.l.pasts.mu.Lock()
	defer p.l.pasts.mu.Unlock()
	for {
		switch {
		case p.over() || !p.holds(r.seq):
			p.leave(r)
			return nil, nil
		case r.seq < p.head():
			p.used = time.Now()
			es, _ := p.after(r.seq, max)
			r.seq += uint64(len(es))
			if es = r.unseen(es); len(es) > 0 {
				return es, nil
			}
		case p.met:
			p.leave(r)
			r.live, r.seq = true, p.meeting
			return nil, nil
		default:
			if err := p.pull(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// pull makes the past go on: it reads, or waits for who does. An error of the
// feed, which retires the past, reaches those who wait for it, and nobody else.
func (p *past) pull(ctx context.Context) error {
	mu := &p.l.pasts.mu
	if busy := p.busy; busy != nil {
		mu.Unlock()
		var err error
		select {
		case <-busy:
		case <-ctx.Done():
			err = ctx.Err()
		}
		mu.Lock()
		return cmp.Or(err, p.err)
	}
	busy := make(chan struct{})
	p.busy = busy
	err := p.read(ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil: // it is not the feed's; another reader goes on
		err = ctx.Err()
	default:
		if errors.Is(err, store.ErrHistoryLost) {
			err = ErrHistoryLost
		}
		p.err = err
		p.retire()
	}
	p.used, p.busy = time.Now(), nil
	close(busy)
	return err
}

// read opens the feed; or it reads on until there are entries, or the past has
// met memory. It lets go of the lock while it does.
func (p *past) read(ctx context.Context) error {
	mu := &p.l.pasts.mu
	if p.feed == nil {
		mu.Unlock()
		feed, err := p.l.store.Watch(ctx, p.start, watched(p.rules)...)
		mu.Lock()
		if err == nil {
			p.feed = feed
		}
		return err
	}
	for pauses := 0; !p.over(); {
		feed := p.feed
		mu.Unlock()
		changed := p.l.Changed()
		ss, met, err := p.stretch(ctx, feed)
		mu.Lock()
		if p.retired {
			return nil // and the feed was closed meanwhile
		}
		grown := p.add(ss)
		switch {
		case met:
			p.met = true
			p.closeFeed()
			return nil
		case grown:
			return nil // after an error there is another one next time
		case err != nil:
			return err
		case len(ss) > 0:
			pauses = 0
			continue
		}
		// Memory has yet to come to where this past is; or nothing happens
		// that both could see.
		if pauses++; pauses > 1 {
			p.l.nudge()
		}
		mu.Unlock()
		err = pause(ctx, pauseLength, changed)
		mu.Lock()
		if err != nil {
			return err
		}
	}
	return nil
}

// step is a change as a past shows it.
type step struct {
	at      store.Position
	entries []*Entry
}

// stretch takes the changes that are there, up to the place where memory goes on.
func (p *past) stretch(ctx context.Context, feed store.Feed) (ss []step, met bool, err error) {
	for bytes := 0; len(ss) < stretch && bytes < stretchBytes; {
		if p.meeting, met = p.l.find(place{position: p.at, last: true}, ""); met {
			return ss, true, nil
		}
		c, ok, err := feed.TryNext(ctx)
		if err != nil || !ok {
			return ss, false, err
		}
		s := step{at: c.Position}
		for _, e := range p.rules.events(c) {
			s.entries = append(s.entries, entry(e, p.l.frame))
			bytes += len(s.entries[len(s.entries)-1].Frame)
		}
		p.at = c.Position
		ss = append(ss, s)
	}
	return ss, false, nil
}

// add appends what was read, and reports whether there are entries in it. What
// the past has no more room for goes before, so that those who wait for the new
// entries find them.
func (p *past) add(ss []step) (grown bool) {
	if len(ss) == 0 {
		return false
	}
	p.trim(pastEntries, pastBytes, p.head())
	for _, s := range ss {
		for _, e := range s.entries {
			p.append(e)
			grown = true
		}
		p.remember(s.at)
	}
	p.l.pasts.news()
	return grown
}
