package storetest

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var batchCases = []testCase{
	{"batches/happen whole", func(f *fixture) {
		c, d := f.plain(), f.plain()
		f.apply(store.Insert(c, doc("old")), store.Insert(d, doc("gone")))
		f.apply(
			store.Insert(c, doc("new")),
			store.Update(c, "old", bson.D{field("n", 1)}),
			store.Put(d, "put", bson.D{}),
			store.Delete(d, "gone"),
		)
		f.get(c, "new")
		f.get(d, "put")
		f.absent(d, "gone")
		if got := f.get(c, "old"); versionOf(got) != 2 {
			f.Errorf("got %s", got)
		}
	}},
	{"batches/or not at all", func(f *fixture) {
		c, d := f.plain(), f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"u"}, Unique: true}}})
		f.apply(store.Insert(c, doc("a")), store.Insert(d, doc("a", field("u", 1))))
		feed := f.watch(store.Start{}, c, d)
		before := []store.Write{
			store.Insert(c, doc("new")), store.Update(c, "a", bson.D{field("n", 1)}),
			store.Update(d, "a", bson.D{field("u", 2)}), store.Put(d, "b", bson.D{field("u", 1)}),
		}
		for want, last := range map[error]store.Write{
			store.ErrDuplicate:  store.Insert(d, doc("c", field("u", 2))),
			store.ErrConflict:   store.Delete(c, "a").IfVersion(1),
			store.ErrNotFound:   store.Delete(c, "none"),
			store.ErrInvalid:    store.Insert(c, bson.D{field("$x", 1)}),
			store.ErrUndeclared: store.Insert("undeclared", bson.D{}),
		} {
			f.refused(len(before), want, append(before[:len(before):len(before)], last)...)
		}
		f.absent(c, "new")
		f.absent(d, "b")
		if a := f.get(c, "a"); versionOf(a) != 1 {
			f.Errorf("got %s", a)
		}
		if got := f.find(d, "_id", store.Query{Where: bson.D{field("u", 1)}}); got != "a" {
			f.Errorf("by index: got %q", got)
		}
		f.idle(feed, c)
	}},
	{"batches/see themselves", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"u"}, Unique: true}}})
		f.apply(
			store.Insert(c, doc("a", field("u", 1))),
			store.Update(c, "a", bson.D{field("u", 2)}).IfVersion(1),
			store.Insert(c, doc("b", field("u", 1))),
			store.Delete(c, "a").IfVersion(2),
			store.Put(c, "a", bson.D{field("u", 2)}),
		)
		if a, b := f.get(c, "a"), f.get(c, "b"); versionOf(a) != 1 || versionOf(b) != 1 {
			f.Errorf("got %s and %s", a, b)
		}
		f.refused(1, store.ErrDuplicate, store.Insert(c, doc("d", field("u", 9))), store.Insert(c, doc("e", field("u", 9))))
		f.refused(1, store.ErrNotFound, store.Delete(c, "b"), store.Delete(c, "b"))
	}},
	{"batches/of nothing", func(f *fixture) {
		if err := f.Apply(f.ctx); err != nil {
			f.Error(err)
		}
	}},
	{"batches/large", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		writes := make([]store.Write, 500)
		for i := range writes {
			writes[i] = store.Insert(c, doc(fmt.Sprint(i)))
		}
		f.apply(writes...)
		for i, change := range f.changes(feed, len(writes)) {
			if idOf(change) != fmt.Sprint(i) {
				f.Fatalf("at %d: %s", i, change.ID)
			}
		}
	}},
	{"batches/stand together in the feed", func(f *fixture) {
		const writers, rounds, size = 8, 10, 5
		c, d := f.plain(), f.plain()
		feed := f.watch(store.Start{}, c, d)
		errs := together(writers, func(i int) error {
			for round := range rounds {
				writes := make([]store.Write, size)
				for n := range writes {
					writes[n] = store.Insert([]string{c, d}[n%2], doc(fmt.Sprintf("%d.%d.%d", i, round, n)))
				}
				if err := f.Apply(f.ctx, writes...); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			f.Fatal(err)
		}
		last := make(map[int]int) // by writer: rounds are in order
		for range writers * rounds {
			var writer, round, n int
			for want, change := range f.changes(feed, size) {
				var w, r int
				if _, err := fmt.Sscanf(idOf(change), "%d.%d.%d", &w, &r, &n); err != nil {
					f.Fatal(err)
				}
				if want == 0 {
					writer, round = w, r
				}
				if w != writer || r != round || n != want {
					f.Fatalf("the batch %d.%d is broken at %d by %s", writer, round, want, change.ID)
				}
			}
			if round != last[writer] {
				f.Fatalf("round %d of %d is out of order", round, writer)
			}
			last[writer]++
		}
	}},
	{"batches/with a ctx that has ended", func(f *fixture) {
		c := f.plain()
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		err := f.Apply(ctx, store.Insert(c, doc("a")))
		var unavailable *store.UnavailableError
		if !errors.As(err, &unavailable) || !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) || unavailable.InDoubt {
			f.Errorf("Apply: got %#v", err)
		}
		f.absent(c, "a")
		_, get := f.Get(ctx, c, "a")
		_, find := f.Find(ctx, c, store.Query{})
		_, take := f.Take(ctx, c, "a")
		_, sequence := f.Sequence(ctx, c)
		_, watch := f.Watch(ctx, store.Start{}, c)
		_, oldest := f.Oldest(ctx, 0)
		for name, err := range map[string]error{
			"Get": get, "Find": find, "Take": take, "Sequence": sequence, "Watch": watch, "Oldest": oldest,
			"Declare": f.Declare(ctx, store.Collection{Name: c}),
		} {
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
				f.Errorf("%s: got %v", name, err)
			}
		}
	}},
}
