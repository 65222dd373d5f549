// Package follow reads the store's feed for a dialect that tells its sockets of
// changes.
//
// # What it promises
//
// Order. Changes are handed over one at a time, in the feed's order.
//
// Loss. From the moment that [Feed.Opened] is closed each change is handed over,
// or [Options.Lost] is called: once where the feed has ended, and once more when
// another is open, for those who came in between.
//
// Concurrency. [Feed.Run] is called once; the rest may be called by any
// goroutine.
package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"gatehouse/store"
)

// again is after how long a feed that has ended is opened anew.
const again = time.Second

// Store is the store as this package needs it.
type Store interface {
	Watch(ctx context.Context, start store.Start, collections ...string) (store.Feed, error)
}

// Options for [New].
type Options struct {
	Store       Store
	Collections []string
	Logger      *slog.Logger

	// Dialect is what the log calls those whose changes may be missed.
	Dialect string

	// Changed is given each change; ctx ends with Run.
	Changed func(ctx context.Context, c store.Change)

	// Lost ends what may have missed something: its clients come back, and begin
	// anew.
	Lost func()
}

// Feed is a feed that is kept open.
type Feed struct {
	o       Options
	opened  chan struct{}
	follows atomic.Bool
}

// New makes a feed, which Run opens.
func New(o Options) *Feed { return &Feed{o: o, opened: make(chan struct{})} }

// Opened is closed when the feed was open for the first time: before that a
// change could be missed.
func (f *Feed) Opened() <-chan struct{} { return f.opened }

// Follows reports whether the feed is open. A store that is away for a while is
// not seen here: its feed goes on afterwards.
func (f *Feed) Follows() bool { return f.follows.Load() }

// Run reads the feed until ctx ends. A store that does not answer is waited for;
// an error that waiting does not mend is returned.
func (f *Feed) Run(ctx context.Context) error {
	for {
		err := f.read(ctx)
		f.follows.Store(false)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, store.ErrHistoryLost), errors.Is(err, store.ErrUnavailable):
			f.o.Logger.Warn("changes may have been missed; the sockets are ended, and their clients come back", "sockets", f.o.Dialect, "error", err)
			f.o.Lost()
		default:
			return err
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil
		}
	}
}

// read reads one feed to its end.
func (f *Feed) read(ctx context.Context) error {
	feed, err := f.o.Store.Watch(ctx, store.Start{}, f.o.Collections...)
	if err != nil {
		return err
	}
	defer feed.Close()
	select {
	case <-f.opened: // who has come since the last one ended may have come in vain
		f.o.Lost()
	default:
		close(f.opened)
	}
	f.follows.Store(true)
	for {
		c, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		f.o.Changed(ctx, c)
	}
}
