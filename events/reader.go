package events

import (
	"context"
	"errors"
	"time"

	"gatehouse/store"
)

// replays bounds how many readers read from the store at the same moment: a
// crowd that returns must not take the store from those who stayed.
var replays = make(chan struct{}, 8)

// Reader reads the log from a place, in order, each entry once: from the store
// where memory does not reach back, then from memory. Close it.
type Reader struct {
	l *Log

	// In memory:
	live bool
	seq  uint64

	// In the store:
	feed store.Feed
	at   store.Position // of the last change that was read
	skip int            // events of the first change that were seen before
	held []*Entry       // read, not yet handed out

	last string // id of the last entry handed out
}

// Open returns a reader that stands behind the event with this id, or, for an
// empty id, at the head. An id that nobody knows, or that history no longer
// reaches, is [ErrHistoryLost].
func (l *Log) Open(ctx context.Context, since string) (*Reader, error) {
	if since == "" {
		l.mu.Lock()
		defer l.mu.Unlock()
		return &Reader{l: l, live: true, seq: l.head(), last: l.here()}, nil
	}
	r := &Reader{l: l, last: since}
	return r, r.seek(ctx)
}

// seek places the reader behind r.last.
func (r *Reader) seek(ctx context.Context) error {
	p, ok := parseID(r.last)
	if !ok {
		return ErrHistoryLost
	}
	if seq, ok := r.l.find(p, r.last); ok {
		r.live, r.seq = true, seq
		return nil
	}
	r.live, r.at, r.skip = false, p.position, 0
	if !p.last {
		r.skip = p.index + 1
	}
	feed, err := r.l.store.Watch(ctx, store.Start{After: p.position, Inclusive: !p.last}, r.l.watched()...)
	if errors.Is(err, store.ErrHistoryLost) {
		return ErrHistoryLost
	}
	if err != nil {
		return err
	}
	r.feed = feed
	return nil
}

// Close frees what the reader holds.
func (r *Reader) Close() {
	if r.feed != nil {
		_ = r.feed.Close()
		r.feed = nil
	}
}

// Seq is the place in memory that the reader has come to; it is meaningful once
// Take has returned nothing.
func (r *Reader) Seq() uint64 { return r.seq }

// Place is an id that leads to where the reader is.
func (r *Reader) Place() string { return r.last }

// Take returns the entries that come next, at most max. None, without an error,
// means that the reader has come to the log's head.
func (r *Reader) Take(ctx context.Context, max int) ([]*Entry, error) {
	for {
		if len(r.held) > 0 {
			n := min(max, len(r.held))
			es := r.held[:n:n]
			r.held = r.held[n:]
			return r.gone(es), nil
		}
		if r.live {
			if es, ok := r.l.After(r.seq, max); ok {
				r.seq += uint64(len(es))
				return r.gone(es), nil
			}
			// Memory went on without this reader. What it gave out last leads
			// back into the store.
			if err := r.seek(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if err := r.readStore(ctx, max); err != nil {
			return nil, err
		}
	}
}

func (r *Reader) gone(es []*Entry) []*Entry {
	for i := len(es) - 1; i >= 0; i-- {
		if es[i].ID != "" {
			r.last = es[i].ID
			break
		}
	}
	return es
}

// readStore fills held from the store, or finds that the reader has come to what
// is in memory.
func (r *Reader) readStore(ctx context.Context, max int) error {
	select {
	case replays <- struct{}{}:
		defer func() { <-replays }()
	case <-ctx.Done():
		return ctx.Err()
	}
	rules := r.l.Rules()
	for n := 0; n < stretch && len(r.held) < max; n++ {
		// Memory knows the place behind the last change: go on from there.
		if r.skip == 0 {
			if seq, ok := r.l.find(place{position: r.at, last: true}, ""); ok {
				r.live, r.seq = true, seq
				r.Close()
				return nil
			}
		}
		c, ok, err := r.feed.TryNext(ctx)
		if errors.Is(err, store.ErrHistoryLost) {
			return ErrHistoryLost
		}
		if err != nil {
			return err
		}
		if !ok {
			// The log has yet to come to where this reader is.
			return r.pause(ctx)
		}
		es := rules.events(c)
		es = es[min(r.skip, len(es)):]
		r.skip, r.at = 0, c.Position
		for _, e := range es {
			r.held = append(r.held, entry(e, r.l.frame))
		}
	}
	return nil
}

// pause waits for the log to grow, or a moment.
func (r *Reader) pause(ctx context.Context) error {
	t := time.NewTimer(20 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.l.Changed():
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Next is Take for a reader that stays: it waits until there is something.
func (r *Reader) Next(ctx context.Context, max int) ([]*Entry, error) {
	for {
		changed := r.l.Changed()
		es, err := r.Take(ctx, max)
		if err != nil || len(es) > 0 {
			return es, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
