package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gatehouse/store"
)

// How far a feed reads ahead of whoever asks it.
const (
	maxAhead        = 8 << 20 // bytes
	maxAheadChanges = 4096
)

var _ store.Feed = (*feed)(nil)

// feed is a stream, and the goroutine that reads it.
type feed struct {
	s      *Store
	stream *stream
	stop   context.CancelFunc

	mu       sync.Mutex
	ready    []item
	bytes    int
	position store.Position
	moved    time.Time     // when the position was set
	err      error         // why nothing comes behind what is ready
	closed   bool          // ready is not shown any more
	wake     chan struct{} // closed and replaced when one of these changes
}

type item struct {
	change store.Change
	bytes  int
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, start store.Start, collections ...string) (store.Feed, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if len(collections) == 0 {
		return nil, fmt.Errorf("%w: Watch needs a collection", store.ErrInvalid)
	}
	var watched []*collection
	for _, name := range collections {
		c, err := s.lookup(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(watched, c) {
			watched = append(watched, c)
		}
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f := &feed{s: s, stream: s.newStream(watched), position: start.After, moved: time.Now(), wake: make(chan struct{})}
	if err := f.open(ctx, start); err != nil {
		f.stream.close()
		return nil, err
	}
	reading, stop := context.WithCancel(s.halted)
	f.stop = stop
	if err := s.begin(func() { f.run(reading) }); err != nil {
		stop()
		f.stream.close()
		return nil, err
	}
	return f, nil
}

// open opens the stream where the feed begins.
func (f *feed) open(ctx context.Context, start store.Start) error {
	if start.After == "" {
		if err := f.stream.open(ctx, nil); err != nil {
			return f.s.fault(err, false)
		}
		f.position = f.s.position(place{token: f.stream.from})
		return nil
	}
	p, ok := f.s.place(start.After)
	if !ok || start.Inclusive && p.time.T == 0 {
		return store.ErrHistoryLost
	}
	f.stream.from = p.token
	err := f.s.reached(ctx, p.token)
	switch {
	case err != nil:
	case start.Inclusive:
		err = f.openAt(ctx, p)
	default:
		err = f.stream.open(ctx, nil)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrHistoryLost), noPlace(err):
		return store.ErrHistoryLost
	}
	return f.s.fault(err, false)
}

// openAt opens the stream in front of a change that is known to be there, and
// makes it the first that is ready. No token names that place; the cluster time
// does, and what else happened at that time is passed over.
func (f *feed) openAt(ctx context.Context, p place) error {
	want := f.s.position(p)
	if err := f.stream.open(ctx, &p.time); err != nil {
		return err
	}
	for {
		e, err := f.stream.next(ctx)
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case e == nil: // the server has looked at all there is
			return store.ErrHistoryLost
		case e.ClusterTime.After(p.time):
			return store.ErrHistoryLost
		case f.s.position(place{e.Token, e.ClusterTime}) != want:
			continue
		}
		change, err := f.s.change(ctx, f.stream.watched[e.Namespace.Collection], e)
		if err == nil {
			f.put(change)
		}
		return err
	}
}

// run reads the stream until the feed is closed or its place is lost. Ctx ends
// with the feed; a server that is asked is given the time to answer, or it would
// keep the cursor.
func (f *feed) run(ctx context.Context) {
	defer f.stream.close()
	for f.room(ctx) {
		e, err := f.stream.next(f.s.halted)
		switch {
		case err != nil:
			if err = f.stream.reopen(ctx, err); err != nil {
				f.end(err)
				return
			}
		case e != nil:
			f.take(ctx, e)
		default:
			f.idle()
		}
	}
	f.end(store.ErrClosed)
}

// take makes a change of an event, however often it must ask.
func (f *feed) take(ctx context.Context, e *event) {
	c := f.stream.watched[e.Namespace.Collection]
	if c == nil { // the server was asked for no other
		return
	}
	told := time.Now()
	for wait := newBackoff(); ; {
		bounded, cancel := context.WithTimeout(ctx, stalled)
		change, err := f.s.change(bounded, c, e)
		cancel()
		if err == nil {
			f.put(change)
			return
		}
		if time.Since(told) > tellAgain {
			told = time.Now()
			f.s.o.Logger.Warn("a change waits: what its update left alone cannot be read", "collection", c.physical, "error", f.s.words(err))
		}
		if !wait.pause(ctx) {
			return
		}
	}
}

// idleAfter is how long nothing happens before the position moves on.
const idleAfter = time.Minute

// idle moves the position on where nothing was shown for a while: a token that is
// never renewed falls out of the oplog.
func (f *feed) idle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s.marks.note(f.stream.from) // it has come to now
	if len(f.ready) == 0 && time.Since(f.moved) >= idleAfter {
		f.position, f.moved = f.s.position(place{token: f.stream.from}), time.Now()
	}
}

// put makes a change ready.
func (f *feed) put(c store.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := 256 + len(c.Before) + len(c.After)
	f.ready = append(f.ready, item{c, size})
	f.bytes += size
	f.tell()
}

func (f *feed) tell() {
	close(f.wake)
	f.wake = make(chan struct{})
}

// room waits until more may be read, and reports whether it is to be.
func (f *feed) room(ctx context.Context) bool {
	for {
		f.mu.Lock()
		full, wake := len(f.ready) >= maxAheadChanges || f.bytes >= maxAhead, f.wake
		f.mu.Unlock()
		if !full || ctx.Err() != nil {
			return ctx.Err() == nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// end says why nothing more comes.
func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
		f.tell()
	}
}

// step shows the next change if it is ready, or says what announces it.
func (f *feed) step(ctx context.Context) (store.Change, bool, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.s.halted.Err() != nil {
		return store.Change{}, false, nil, store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return store.Change{}, false, nil, err
	}
	if len(f.ready) == 0 {
		return store.Change{}, false, f.wake, f.err
	}
	next := f.ready[0]
	f.ready[0] = item{}
	if f.ready = f.ready[1:]; len(f.ready) == 0 {
		f.ready = nil
	}
	full := f.bytes >= maxAhead || len(f.ready)+1 >= maxAheadChanges
	f.bytes -= next.bytes
	f.position, f.moved = next.change.Position, time.Now()
	if full {
		f.tell()
	}
	return next.change, true, nil, nil
}

// Next implements store.Feed.
func (f *feed) Next(ctx context.Context) (store.Change, error) {
	for {
		c, found, wake, err := f.step(ctx)
		if found || err != nil {
			return c, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// TryNext implements store.Feed.
func (f *feed) TryNext(ctx context.Context) (store.Change, bool, error) {
	c, found, _, err := f.step(ctx)
	return c, found, err
}

// Position implements store.Feed.
func (f *feed) Position() store.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.position
}

// Close implements store.Feed. What goes on behind it ends by itself.
func (f *feed) Close() error {
	f.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed, f.ready, f.bytes = true, nil, 0
		f.tell()
	}
	return nil
}
