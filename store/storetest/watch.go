package storetest

import (
	"errors"
	"fmt"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var watchCases = []testCase{
	{"watch/from now", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("before")))
		for i := range 20 {
			feed := f.watch(store.Start{}, c)
			f.apply(store.Insert(c, doc(fmt.Sprint(i))))
			if got := f.next(feed); idOf(got) != fmt.Sprint(i) {
				f.Fatalf("feed %d begins with %s", i, got.ID)
			}
		}
	}},
	{"watch/after and inclusive", func(f *fixture) {
		c := f.plain()
		all := f.fill(c, 10)
		for i, change := range all {
			f.continues(f.watch(store.Start{After: change.Position}, c), all[i+1:])
			f.continues(f.watch(store.Start{After: change.Position, Inclusive: true}, c), all[i:])
		}
		after := f.watch(store.Start{After: all[9].Position}, c)
		f.apply(store.Insert(c, doc("new")))
		if got := f.next(after); idOf(got) != "new" {
			f.Errorf("behind the last one: got %s", got.ID)
		}
	}},
	{"watch/after a change of another collection", func(f *fixture) {
		c, d := f.plain(), f.plain()
		both := f.watch(store.Start{}, c, d)
		f.apply(store.Insert(c, doc("c1")), store.Insert(d, doc("d1")), store.Insert(c, doc("c2")))
		changes := f.changes(both, 3)
		f.continues(f.watch(store.Start{After: changes[1].Position}, c), changes[2:])
		f.continues(f.watch(store.Start{After: changes[0].Position}, d), changes[1:2])
	}},
	{"watch/positions are places", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		begin := feed.Position()
		seen := make(map[store.Position]bool)
		var all []store.Change
		for i := range 10 {
			f.apply(store.Insert(c, doc(fmt.Sprint(i))), store.Update(c, fmt.Sprint(i), bson.D{field("x", 1)}))
			for _, change := range f.changes(feed, 2) {
				if change.Position == "" || seen[change.Position] {
					f.Fatalf("position %q is none, or not new", change.Position)
				}
				seen[change.Position] = true
				all = append(all, change)
			}
		}
		if begin == "" {
			f.Fatal("a feed that showed nothing has no position")
		}
		f.continues(f.watch(store.Start{After: begin}, c), all)
		again := f.watch(store.Start{After: all[4].Position}, c)
		if again.Position() != all[4].Position {
			f.Error("a feed's position before its first change is not where it began")
		}
		kept := store.Position(strings.Clone(string(all[4].Position)))
		f.continues(f.watch(store.Start{After: kept}, c), all[5:])
	}},
	{"watch/from the oldest", func(f *fixture) {
		c := f.plain()
		all := f.fill(c, 5)
		oldest, err := f.Oldest(f.ctx, 0)
		if err != nil || oldest == "" {
			f.Fatalf("Oldest: %q, %v", oldest, err)
		}
		feed := f.watch(store.Start{After: oldest}, c)
		f.apply(store.Insert(c, doc("last")))
		// How far back it reaches is the store's business; from there on
		// nothing is left out.
		got := f.next(feed)
		for i, change := range all {
			if got.Position == change.Position {
				f.equal(got, change)
				f.continues(feed, all[i+1:])
				got = f.next(feed)
				break
			}
		}
		if idOf(got) != "last" {
			f.Errorf("got %s", got.ID)
		}
	}},
	{"watch/from the oldest within a number of changes", func(f *fixture) {
		c := f.plain()
		f.fill(c, 10)
		for _, within := range []int{1, 3, 100} {
			oldest, err := f.Oldest(f.ctx, within)
			if err != nil {
				f.Fatal(err)
			}
			feed := f.watch(store.Start{After: oldest}, c)
			mark := fmt.Sprintf("mark%d", within)
			f.apply(store.Insert(c, doc(mark)))
			shown := 0
			for idOf(f.next(feed)) != mark {
				shown++
			}
			if shown > within {
				f.Errorf("%d changes were behind a position within %d", shown, within)
			}
		}
	}},
	{"watch/from what is no position of it", func(f *fixture) {
		c := f.plain()
		real := f.fill(c, 1)[0].Position
		flipped := []byte(real)
		flipped[0] ^= 0xFF
		for _, forged := range []store.Position{
			"x", "0123456789abcdef", store.Position(make([]byte, 16)), store.Position(flipped),
			real + "x", store.Position(strings.Repeat("forged ", 1000)), "\xff\xfe",
		} {
			for _, inclusive := range []bool{false, true} {
				feed, err := f.Watch(f.ctx, store.Start{After: forged, Inclusive: inclusive}, c)
				if !errors.Is(err, store.ErrHistoryLost) {
					f.Errorf("%.20q: got %v, %v", forged, feed, err)
				}
			}
		}
	}},
}

// fill makes n changes of every kind, and returns them as a feed shows them.
func (f *fixture) fill(collection string, n int) []store.Change {
	f.Helper()
	feed := f.watch(store.Start{}, collection)
	for i := range n {
		id := fmt.Sprint("fill", i/3)
		switch i % 3 {
		case 0:
			f.apply(store.Insert(collection, doc(id, field("n", i))))
		case 1:
			f.apply(store.Update(collection, id, bson.D{field("n", i)}))
		case 2:
			f.apply(store.Delete(collection, id))
		}
	}
	return f.changes(feed, n)
}

// continues checks that the feed shows these changes next.
func (f *fixture) continues(feed store.Feed, want []store.Change) {
	f.Helper()
	for _, change := range want {
		f.equal(f.next(feed), change)
	}
}
