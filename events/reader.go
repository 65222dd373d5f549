package events

import (
	"context"
	"time"
)

// Reader reads the log from a place, in order, each entry once: from the store
// where memory does not reach back, then from memory. Close it.
type Reader struct {
	l *Log

	// It is in one of two places, or must seek: in memory, or in a past.
	live bool
	past *past
	seq  uint64 // of the last entry that was taken there

	inside place  // in a past that begins with the change of this place: what comes before it was seen
	last   string // id of the last entry handed out
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

// seekAgain is how long a reader for which there is no room waits, at most,
// before it looks again: memory may have come to its place.
const seekAgain = 100 * time.Millisecond

// seek places the reader behind r.last.
func (r *Reader) seek(ctx context.Context) error {
	at, ok := parseID(r.last)
	if !ok {
		return ErrHistoryLost
	}
	for {
		if seq, ok := r.l.find(at, r.last); ok {
			r.live, r.seq = true, seq
			return nil
		}
		r.inside = at
		wait := r.l.pasts.enter(r, at)
		if wait == nil {
			break
		}
		if err := pause(ctx, seekAgain, wait); err != nil {
			return err
		}
	}
	err := r.past.opened(ctx)
	if err != nil {
		r.Close()
	}
	return err
}

// Close frees what the reader holds.
func (r *Reader) Close() {
	if r.past != nil {
		r.l.pasts.mu.Lock()
		defer r.l.pasts.mu.Unlock()
		r.past.leave(r)
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
		var es []*Entry
		var err error
		switch {
		case r.live:
			if es, r.live = r.l.After(r.seq, max); r.live {
				r.seq += uint64(len(es))
				return r.gone(es), nil
			}
			// Memory went on without this reader. What it gave out last leads
			// back to its place.
		case r.past != nil:
			es, err = r.past.next(ctx, r, max)
		default:
			err = r.seek(ctx)
		}
		if err != nil || len(es) > 0 {
			return r.gone(es), err
		}
	}
}

// unseen leaves out the entries that the reader had seen before it came to a past
// that begins with them.
func (r *Reader) unseen(es []*Entry) []*Entry {
	for len(es) > 0 && r.inside.position != "" {
		p, ok := parseID(es[0].ID)
		if !ok || p.position != r.inside.position || p.index > r.inside.index {
			r.inside = place{}
			break
		}
		es = es[1:]
	}
	return es
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

// pause waits for news, or for a while.
func pause(ctx context.Context, d time.Duration, news <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-news:
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
