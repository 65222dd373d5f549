package storetest

import (
	"context"
	"errors"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var endCases = []testCase{
	{"feed/can be asked again after its ctx ended", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		ctx, cancel := context.WithTimeout(f.ctx, time.Millisecond)
		defer cancel()
		if _, err := feed.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			f.Errorf("got %v", err)
		}
		f.apply(store.Insert(c, doc("a")))
		if got := f.next(feed); idOf(got) != "a" {
			f.Errorf("got %s", got.ID)
		}
	}},
	{"feed/outlives the ctx it was opened with", func(f *fixture) {
		c := f.plain()
		ctx, cancel := context.WithCancel(f.ctx)
		feed, err := f.Watch(ctx, store.Start{}, c)
		if err != nil {
			f.Fatal(err)
		}
		defer feed.Close()
		cancel()
		f.apply(store.Insert(c, doc("a")))
		f.next(feed)
	}},
	{"feed/TryNext does not wait", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		if change, found, err := feed.TryNext(f.ctx); found || err != nil {
			f.Fatalf("got %+v, %v, %v", change, found, err)
		}
		f.apply(store.Insert(c, doc("a")), store.Insert(c, doc("b")))
		for _, want := range []string{"a", "b"} {
			var got store.Change
			for found := false; !found; { // it may not have come yet
				var err error
				if got, found, err = feed.TryNext(f.ctx); err != nil {
					f.Fatal(err)
				}
			}
			if idOf(got) != want || feed.Position() != got.Position {
				f.Errorf("got %s, want %s", got.ID, want)
			}
		}
		if _, found, err := feed.TryNext(f.ctx); found || err != nil {
			f.Errorf("got %v, %v", found, err)
		}
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if _, _, err := feed.TryNext(ctx); err != nil && !errors.Is(err, context.Canceled) {
			f.Errorf("with a ctx that has ended: %v", err)
		}
		f.idle(feed, c)
	}},
	{"feed/Close ends it", func(f *fixture) {
		c := f.plain()
		feed, other := f.watch(store.Start{}, c), f.watch(store.Start{}, c)
		waits := f.waiting(feed)
		for range 2 {
			if err := feed.Close(); err != nil {
				f.Error(err)
			}
		}
		if err := <-waits; !errors.Is(err, store.ErrClosed) {
			f.Errorf("the Next that waited: %v", err)
		}
		if _, err := feed.Next(f.ctx); !errors.Is(err, store.ErrClosed) {
			f.Errorf("Next: %v", err)
		}
		if _, _, err := feed.TryNext(f.ctx); !errors.Is(err, store.ErrClosed) {
			f.Errorf("TryNext: %v", err)
		}
		f.apply(store.Insert(c, doc("a")))
		f.next(other)
	}},
	{"store/Close ends everything", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		f.apply(store.Insert(c, doc("a")))
		f.next(feed)
		waits := f.waiting(feed)
		for i, err := range together(3, func(int) error { return f.Close() }) {
			if err != nil {
				f.Errorf("Close %d: %v", i, err)
			}
		}
		if err := <-waits; !errors.Is(err, store.ErrClosed) {
			f.Errorf("the Next that waited: %v", err)
		}
		_, get := f.Get(f.ctx, c, "a")
		_, find := f.Find(f.ctx, c, store.Query{})
		_, take := f.Take(f.ctx, c, "a")
		_, sequence := f.Sequence(f.ctx, c)
		_, watch := f.Watch(f.ctx, store.Start{}, c)
		_, oldest := f.Oldest(f.ctx, 0)
		_, next := feed.Next(f.ctx)
		for name, err := range map[string]error{
			"Get": get, "Find": find, "Take": take, "Sequence": sequence, "Watch": watch, "Oldest": oldest, "Next": next,
			"Apply": f.Apply(f.ctx, store.Insert(c, bson.D{})), "Declare": f.Declare(f.ctx, store.Collection{Name: c}),
		} {
			if !errors.Is(err, store.ErrClosed) {
				f.Errorf("%s: %v", name, err)
			}
		}
	}},
	{"store/Close while it is used", func(f *fixture) {
		c := f.plain()
		begun := make(chan struct{}, 16)
		errs := together(9, func(i int) error {
			if i == 8 {
				<-begun
				return f.Close()
			}
			for {
				err := f.Apply(f.ctx, store.Insert(c, bson.D{}))
				if errors.Is(err, store.ErrClosed) {
					return nil
				}
				if err != nil {
					return err
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			f.Error(err)
		}
	}},
}

// waiting calls Next, which must end with an error, and sends that. It returns
// when Next was called, or is just about to be.
func (f *fixture) waiting(feed store.Feed) <-chan error {
	calls, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		close(calls)
		_, err := feed.Next(f.ctx)
		ended <- err
	}()
	<-calls
	return ended
}
