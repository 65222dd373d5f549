package events_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/events"
	"gatehouse/store"
)

func TestReadersThatFallOutOfThePastAndOutOfMemory(t *testing.T) {
	const n = 6000 // more than a past holds
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, n, 20)
	slow := open(t, l, all[0].ID)
	for i, e := range read(t, slow, 7) {
		isEcho(t, e, 1+i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	follow(ctx, t, l, all[0].ID, 1, n)
	echoes(t, c, n, n+100) // memory goes on as well
	got := read(t, slow, n+100-8)
	for i, e := range got {
		isEcho(t, e, 8+i)
	}
	if c.get(&c.opened) < 2 {
		t.Error("nobody fell out")
	}
}

func TestReadersInsideAChangeShareAPast(t *testing.T) {
	c := newCounted(t, 1_000_000)
	l, end := begin(t, c, 1000)
	r := open(t, l, "")
	for _, w := range []store.Write{
		store.Insert(events.Users, bson.D{{Key: "_id", Value: "u"}, {Key: "username", Value: "George"}, {Key: "registerKey", Value: "k"}}),
		store.Update(events.Users, "u", bson.D{
			{Key: "registerKey", Value: ""},
			{Key: "privileges", Value: 2},
			{Key: "lastLoggedIn", Value: time.UnixMilli(1)},
			{Key: "meta", Value: bson.D{{Key: "a", Value: 1}}},
		}),
		store.Delete(events.Users, "u"),
	} {
		if err := c.Apply(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	all := read(t, r, 6)
	end()
	for _, order := range [][]int{{1, 2, 3, 4, 0, 5}, {5, 3, 0, 2, 4, 1}, {2, 0, 1}} {
		l, end := begin(t, c, 1000)
		before := c.get(&c.opened)
		rs := make([]*events.Reader, len(order))
		for i, k := range order {
			rs[i] = open(t, l, all[k].ID)
		}
		for step := 1; step < len(all); step++ { // in turns: one reads on, the others find what it has read
			for i, k := range order {
				if k+step < len(all) {
					if e := read1(t, rs[i]); e.ID != all[k+step].ID {
						t.Fatalf("behind %s came %s", all[k+step-1].JSON, e.JSON)
					}
				}
			}
		}
		for i, k := range order {
			if es, err := rs[i].Take(t.Context(), 10); len(es) > 0 || err != nil {
				t.Fatalf("from %d, behind the last: %d entries, %v", k, len(es), err)
			}
			rs[i].Close()
		}
		// One for all that are within the change, and one for each that is
		// opened before another has come past its place.
		if n := c.get(&c.opened) - before; n > 4 {
			t.Errorf("%d feeds for %v", n, order)
		}
		end()
	}
}

func TestWhoComesFirstOpensForAll(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 10, 1000)
	first, opening := make(chan struct{}), atomic.Int32{}
	c.count(func() {
		c.watch = func(ctx context.Context, _ store.Start) error {
			if opening.Add(1) == 1 {
				close(first)
				<-ctx.Done() // and never comes to an end
				return &store.UnavailableError{Err: ctx.Err()}
			}
			return nil
		}
	})
	impatient, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := l.Open(impatient, all[2].ID); !errors.Is(err, context.Canceled) {
			t.Errorf("who left: %v", err)
		}
	})
	<-first
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	for range 50 {
		wg.Go(func() { follow(ctx, t, l, all[2].ID, 3, 10) })
	}
	gone, left := context.WithCancel(t.Context())
	left()
	if _, err := l.Open(gone, all[2].ID); !errors.Is(err, context.Canceled) {
		t.Errorf("who waited: %v", err)
	}
	if n := opening.Load(); n != 1 {
		t.Errorf("%d were opening", n)
	}
	leave()
	wg.Wait()
	if n := opening.Load(); n != 2 {
		t.Errorf("%d were opened", n)
	}
}

// errBroken is what the tests break a feed with.
var errBroken = &store.UnavailableError{Err: errors.New("broken by the test")}

func TestAnErrorReachesThoseWhoWaitAndTheNextGoOn(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 600, 1000)
	var broken atomic.Int32
	reading := map[store.Position]int{}
	c.count(func() {
		c.next = func(start store.Start) error {
			if reading[start.After]++; reading[start.After] == 300 && broken.Add(1) == 1 {
				return errBroken
			}
			return nil
		}
	})
	var failed atomic.Int32
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			r, err := l.Open(ctx, all[0].ID)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for next := 1; next < len(all); {
				es, err := r.Take(ctx, 64)
				if errors.Is(err, errBroken) {
					failed.Add(1)
					continue
				}
				if err != nil || len(es) == 0 {
					t.Errorf("at %d: %v", next, err)
					return
				}
				for _, e := range es {
					if e.ID != all[next].ID {
						t.Errorf("%s, want the echo of %d", e.JSON, next)
						return
					}
					next++
				}
			}
		})
	}
	wg.Wait()
	if broken.Load() == 0 || failed.Load() == 0 {
		t.Errorf("broken %d times, seen by %d", broken.Load(), failed.Load())
	}
	if c.closedTwice > 0 || c.get(&c.opened) > 10 {
		t.Errorf("%d opened, %d closed twice", c.opened, c.closedTwice)
	}
}

func TestHistoryThatIsLostWhileItIsRead(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 600, 1000)
	n := 0
	c.count(func() {
		c.next = func(store.Start) error {
			if n++; n > 300 {
				return store.ErrHistoryLost
			}
			return nil
		}
	})
	r := open(t, l, all[0].ID)
	next := 1
	for {
		es, err := r.Take(t.Context(), 64)
		if errors.Is(err, events.ErrHistoryLost) {
			break
		}
		if err != nil || len(es) == 0 {
			t.Fatal(err)
		}
		for _, e := range es {
			isEcho(t, e, next)
			next++
		}
	}
	if next < 250 {
		t.Errorf("lost at %d already", next)
	}
	r.Close()
	eventually(t, func() bool { return c.get(&c.open) <= 1 })
}

func TestAPastThatHasNothingToShowFindsMemory(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 10, 1000)
	before := c.get(&c.canaries)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			r, err := l.Open(ctx, all[9].ID)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if es, err := r.Take(ctx, 64); len(es) > 0 || err != nil {
				t.Errorf("%d entries, %v", len(es), err)
			}
		})
	}
	wg.Wait()
	if n := c.get(&c.canaries) - before; n < 1 || n > 10 { // one, but where the machine is slow
		t.Errorf("%d canaries", n)
	}
}
