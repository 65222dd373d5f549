package storetest

import (
	"slices"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var changeCases = []testCase{
	{"changes/say what happened", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		started := time.Now().Add(-time.Minute) // another machine's clock may differ
		f.apply(store.Insert(c, doc("a", field("n", 1))))
		inserted := f.get(c, "a")
		f.apply(store.Update(c, "a", bson.D{field("n", 2)}))
		updated := f.get(c, "a")
		f.apply(store.Put(c, "a", bson.D{field("m", 3)}))
		replaced := f.get(c, "a")
		f.apply(store.Delete(c, "a"))
		f.apply(store.Put(c, "a", bson.D{field("m", 4)}))
		put := f.get(c, "a")

		for i, want := range []struct {
			op            store.Op
			before, after bson.Raw
			fields        []string
		}{
			{store.OpInsert, nil, inserted, nil},
			{store.OpUpdate, inserted, updated, []string{"n"}},
			{store.OpUpdate, updated, replaced, []string{"m", "n"}},
			{store.OpDelete, replaced, nil, nil},
			{store.OpInsert, nil, put, nil},
		} {
			got := f.next(feed)
			if got.Collection != c || got.Op != want.op || idOf(got) != "a" || string(got.After) != string(want.after) || !slices.Equal(got.Fields, want.fields) {
				f.Errorf("change %d: got %+v, want %+v", i, got, want)
			}
			// A store that cannot tell what was before says nothing.
			if got.Before != nil && string(got.Before) != string(want.before) {
				f.Errorf("change %d: before is %s, want %s", i, got.Before, want.before)
			}
			if got.Position == "" || got.Time.Before(started) || got.Time.After(time.Now().Add(time.Minute)) ||
				got.Time.Location() != time.UTC || got.Time != got.Time.Truncate(time.Millisecond) {
				f.Errorf("change %d: position %q, time %v", i, got.Position, got.Time)
			}
		}
	}},
	{"changes/name the fields of an update", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("x", 1), field("list", bson.A{1, 2}), field("gone", 1),
			field("sub", bson.D{field("a", 1), field("b", bson.D{field("c", 1), field("d", 1)})}))))
		feed := f.watch(store.Start{}, c)
		f.apply(store.Update(c, "a", bson.D{field("x", 1)}))
		f.apply(store.Update(c, "a", nil))
		f.apply(store.Update(c, "a", bson.D{field("sub.b.c", 2), field("x", "1")}, "gone"))
		f.apply(store.Update(c, "a", bson.D{field("sub", bson.D{field("a", 1), field("b", bson.D{field("c", 2), field("d", 5)})})}))
		f.apply(store.Update(c, "a", bson.D{field("list", bson.A{1, 3}), field("new.deep", 1)}))
		f.apply(store.Update(c, "a", bson.D{field("sub", "text")}, "new"))
		for i, want := range [][]string{nil, nil, {"gone", "sub.b.c", "x"}, {"sub.b.d"}, {"list", "new.deep"}, {"new.deep", "sub"}} {
			if got := f.next(feed); got.Op != store.OpUpdate || !slices.Equal(got.Fields, want) {
				f.Errorf("update %d: got %s of %v, want %v", i, got.Op, got.Fields, want)
			}
		}
	}},
	{"changes/come from the watched collections alone", func(f *fixture) {
		c, d, e := f.plain(), f.plain(), f.plain()
		feed := f.watch(store.Start{}, c, e, c)
		f.apply(store.Insert(d, doc("d1")), store.Insert(c, doc("c1")), store.Insert(d, doc("d2")), store.Insert(e, doc("e1")))
		f.apply(store.Insert(d, doc("d3")))
		for _, want := range []string{"c1", "e1"} {
			if got := f.next(feed); idOf(got) != want {
				f.Errorf("got %s, want %s", got.ID, want)
			}
		}
		f.idle(feed, e)
	}},
	{"changes/are not made by refused writes", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		f.apply(store.Insert(c, doc("a")))
		f.refused(0, store.ErrDuplicate, store.Insert(c, doc("a")))
		f.refused(1, store.ErrNotFound, store.Insert(c, doc("b")), store.Delete(c, "none"))
		f.refused(0, store.ErrConflict, store.Delete(c, "a").IfVersion(2))
		_, _ = f.Take(f.ctx, c, "none")
		if _, err := f.Sequence(f.ctx, c); err != nil {
			f.Fatal(err)
		}
		f.next(feed)
		f.idle(feed, c)
	}},
}
