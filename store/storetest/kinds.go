package storetest

import (
	"errors"
	"slices"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var kindCases = []testCase{
	{"transient/is announced and not kept", func(f *fixture) {
		c := f.declare(store.Collection{Transient: true, Secret: []string{"code"}})
		kept := f.plain()
		feed := f.watch(store.Start{}, c, kept)
		f.apply(store.Insert(c, doc("a", field("n", 1), field("code", "x"))), store.Insert(kept, doc("k")), store.Insert(c, doc("b")))
		changes := f.changes(feed, 3)
		a := changes[0]
		if a.Collection != c || a.Op != store.OpInsert || idOf(a) != "a" || a.After.Lookup("n").AsInt64() != 1 || !a.After.Lookup("code").Boolean() || a.Before != nil {
			f.Errorf("got %+v", a)
		}
		if changes[1].Collection != kept || idOf(changes[2]) != "b" {
			f.Errorf("got %+v", changes)
		}
		f.equal(f.next(f.watch(store.Start{After: a.Position, Inclusive: true}, c)), a)
		f.idle(feed, kept)
	}},
	{"transient/can not be read or changed", func(f *fixture) {
		c := f.declare(store.Collection{Transient: true})
		kept := f.plain()
		f.apply(store.Insert(c, doc("a")))
		_, get := f.Get(f.ctx, c, "a")
		_, find := f.Find(f.ctx, c, store.Query{})
		_, take := f.Take(f.ctx, c, "a")
		for name, err := range map[string]error{"Get": get, "Find": find, "Take": take} {
			if !errors.Is(err, store.ErrTransient) {
				f.Errorf("%s: %v", name, err)
			}
		}
		for _, w := range []store.Write{store.Update(c, "a", nil), store.Put(c, "a", bson.D{}), store.Delete(c, "a")} {
			f.refused(1, store.ErrTransient, store.Insert(kept, doc("k")), w)
		}
		f.absent(kept, "k")
	}},
	{"secret/is masked in changes", func(f *fixture) {
		secrets := []string{"text", "empty", "null", "zero", "list", "late"}
		c := f.declare(store.Collection{Secret: secrets})
		feed := f.watch(store.Start{}, c)
		f.apply(store.Insert(c, doc("a", field("open", "o"), field("text", "hush"), field("empty", ""), field("null", nil),
			field("zero", 0), field("list", bson.A{}), field("sub", bson.D{field("text", "seen")}))))
		f.apply(store.Update(c, "a", bson.D{field("text", "hush2"), field("late", "x")}, "zero"))
		f.apply(store.Delete(c, "a"))
		changes := f.changes(feed, 3)
		insert, update, del := changes[0], changes[1], changes[2]

		want := map[string]any{"text": true, "empty": "", "null": "", "zero": true, "list": true, "open": "o", "late": nil}
		f.shows(insert.After, want)
		f.shows(update.Before, want)
		want["late"], want["zero"] = true, nil
		f.shows(update.After, want)
		f.shows(del.Before, want)
		if got := insert.After.Lookup("sub", "text").StringValue(); got != "seen" {
			f.Errorf("a field of the same name within another: %q", got)
		}
		if !slices.Equal(update.Fields, []string{"late", "text", "zero"}) {
			f.Errorf("fields: %v", update.Fields)
		}
	}},
	{"secret/is kept", func(f *fixture) {
		c := f.declare(store.Collection{Secret: []string{"s"}})
		f.apply(store.Insert(c, doc("a", field("s", "hush"))))
		if got := f.get(c, "a").Lookup("s").StringValue(); got != "hush" {
			f.Errorf("got %q", got)
		}
		f.apply(store.Update(c, "a", bson.D{field("x", 1)}).IfField("s", "hush"))
		f.refused(0, store.ErrConflict, store.Update(c, "a", bson.D{field("x", 1)}).IfField("s", true))
	}},
	{"expiry/deletes and announces", func(f *fixture) {
		c := f.declare(store.Collection{Expiry: "times.end", Indexes: []store.Index{{Fields: []string{"u"}, Unique: true}}})
		feed := f.watch(store.Start{}, c)
		ends := func(at any) bson.E { return field("times", bson.D{field("end", at)}) }
		past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
		f.apply(
			store.Insert(c, doc("past", ends(past), field("u", 1))),
			store.Insert(c, doc("future", ends(future))),
			store.Insert(c, doc("never")),
			store.Insert(c, doc("no date", ends("soon"))),
			store.Insert(c, doc("extended", ends(past))),
			store.Update(c, "extended", bson.D{field("times.end", future)}),
			store.Insert(c, doc("shortened", ends(future))),
			store.Update(c, "shortened", bson.D{field("times.end", past)}),
		)
		f.changes(feed, 8)
		var gone []string
		for _, change := range f.changes(feed, 2) {
			if change.Op != store.OpDelete || change.Collection != c {
				f.Fatalf("got %+v", change)
			}
			gone = append(gone, idOf(change))
		}
		slices.Sort(gone)
		if !slices.Equal(gone, []string{"past", "shortened"}) {
			f.Errorf("gone are %q", gone)
		}
		f.absent(c, "past")
		f.absent(c, "shortened")
		if got := f.find(c, "_id", store.Query{}); got != "extended future never no date" {
			f.Errorf("left are %q", got)
		}
		f.apply(store.Insert(c, doc("next", field("u", 1))))
	}},
}

// shows checks top-level fields of a document; nil stands for absent.
func (f *fixture) shows(doc bson.Raw, want map[string]any) {
	f.Helper()
	for name, value := range want {
		got, err := doc.LookupErr(name)
		switch value := value.(type) {
		case nil:
			if err == nil {
				f.Errorf("%s is there: %s", name, doc)
			}
		case bool:
			if b, ok := got.BooleanOK(); !ok || b != value {
				f.Errorf("%s is %s, want %v", name, got, value)
			}
		case string:
			if s, ok := got.StringValueOK(); !ok || s != value {
				f.Errorf("%s is %s, want %q", name, got, value)
			}
		}
	}
}
