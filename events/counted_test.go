package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/events"
	"gatehouse/store"
)

// elsewhere is a collection at which no feed looks.
const elsewhere = "elsewhere"

// counted is a real store that behaves as MongoDB does: memory begins now, at a
// position that no feed from another place ever shows. It counts, and fails when
// it is told to.
type counted struct {
	store.Store

	mu                     sync.Mutex
	opened, open, mostOpen int
	closedTwice            int
	oldest, canaries       int

	// watch is called before a feed is opened, next, with the lock held, before
	// a feed that was opened at start shows a change. Their errors are the
	// store's.
	watch func(ctx context.Context, start store.Start) error
	next  func(start store.Start) error

	mute bool // canaries are refused
}

func newCounted(t *testing.T, history int) *counted {
	t.Helper()
	st := openStore(t, filepath.Join(t.TempDir(), "db"), history)
	if err := st.Declare(t.Context(), store.Collection{Name: elsewhere}); err != nil {
		t.Fatal(err)
	}
	return &counted{Store: st}
}

// Oldest is now where memory asks.
func (c *counted) Oldest(ctx context.Context, within int) (store.Position, error) {
	if within == 0 {
		c.count(func() { c.oldest++ })
		return c.Store.Oldest(ctx, 0)
	}
	if err := c.Store.Apply(ctx, store.Insert(elsewhere, bson.D{})); err != nil {
		return "", err
	}
	feed, err := c.Store.Watch(ctx, store.Start{}, elsewhere)
	if err != nil {
		return "", err
	}
	defer func() { _ = feed.Close() }()
	return feed.Position(), nil
}

func (c *counted) Watch(ctx context.Context, start store.Start, collections ...string) (store.Feed, error) {
	c.count(func() { c.opened++ })
	c.mu.Lock()
	watch := c.watch
	c.mu.Unlock()
	if watch != nil {
		if err := watch(ctx, start); err != nil {
			return nil, err
		}
	}
	feed, err := c.Store.Watch(ctx, start, collections...)
	if err != nil {
		return nil, err
	}
	c.count(func() {
		c.open++
		c.mostOpen = max(c.mostOpen, c.open)
	})
	return &countedFeed{Feed: feed, c: c, start: start}, nil
}

func (c *counted) Apply(ctx context.Context, writes ...store.Write) error {
	refused := false
	c.count(func() {
		if writes[0].Collection == "canaries" {
			c.canaries++
			refused = c.mute
		}
	})
	if refused {
		return errBroken
	}
	return c.Store.Apply(ctx, writes...)
}

func (c *counted) count(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// get reads a count.
func (c *counted) get(n *int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *n
}

type countedFeed struct {
	store.Feed
	c      *counted
	start  store.Start
	closed bool
	err    error
}

func (f *countedFeed) TryNext(ctx context.Context) (store.Change, bool, error) {
	if err := f.fails(); err != nil {
		return store.Change{}, false, err
	}
	return f.Feed.TryNext(ctx)
}

func (f *countedFeed) Next(ctx context.Context) (store.Change, error) {
	c, err := f.Feed.Next(ctx)
	if failed := f.fails(); failed != nil {
		return store.Change{}, failed
	}
	return c, err
}

func (f *countedFeed) fails() error {
	f.c.count(func() {
		if f.err == nil && f.c.next != nil {
			f.err = f.c.next(f.start)
		}
	})
	return f.err
}

func (f *countedFeed) Close() error {
	f.c.count(func() {
		if f.closed {
			f.c.closedTwice++
			return
		}
		f.closed = true
		f.c.open--
	})
	return f.Feed.Close()
}

// begin runs a log on the store until the test ends, or end is called. It writes
// no canary.
func begin(t *testing.T, st store.Store, history int) (l *events.Log, end func()) {
	t.Helper()
	rules, err := events.NewRules()
	if err != nil {
		t.Fatal(err)
	}
	l = events.NewLog(events.Options{
		Store: st, Rules: rules, History: history, Logger: slog.New(slog.DiscardHandler),
		Frame: func(p []byte) []byte { return append([]byte("frame:"), p...) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	ended := make(chan struct{})
	wg.Go(func() {
		defer close(ended)
		if err := l.Run(ctx); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	end = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(end)
	select {
	case <-l.Begun():
	case <-ended:
		t.Fatal("the log has ended before it began")
	}
	return l, end
}

// restarted writes n echoes and gives their entries, and a log whose memory
// begins behind them.
func restarted(t *testing.T, c *counted, n, history int) ([]*events.Entry, *events.Log) {
	t.Helper()
	l, end := begin(t, c, 2*n+10)
	r := open(t, l, "")
	echoes(t, c, 0, n)
	all := read(t, r, n)
	end()
	l, _ = begin(t, c, history)
	c.count(func() { c.opened, c.mostOpen = 0, c.open })
	return all, l
}

// echoes writes many at a time.
func echoes(t *testing.T, st store.Store, from, to int) {
	t.Helper()
	for from < to {
		var as []events.Announcement
		for ; from < to && len(as) < 200; from++ {
			as = append(as, events.NewEcho(fmt.Append(nil, from), nil))
		}
		if err := events.Announce(t.Context(), st, as...); err != nil {
			t.Error(err)
			return
		}
	}
}
