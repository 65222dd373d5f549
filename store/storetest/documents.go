package storetest

import (
	"errors"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var documentCases = []testCase{
	{"documents/insert", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("n", 1), field("sub", bson.D{{Key: "x", Value: "y"}}))))
		got := f.get(c, "a")
		if got.Lookup("n").AsInt64() != 1 || got.Lookup("sub", "x").StringValue() != "y" {
			f.Errorf("got %s", got)
		}
		if versionOf(got) != 1 || got.Lookup(store.VersionField).Type != bson.TypeInt64 {
			f.Errorf("version: got %s, want int64 1", got.Lookup(store.VersionField))
		}
		f.absent(c, "b")
		f.isDuplicate(f.Apply(f.ctx, store.Insert(c, doc("a"))), c, "_id")
	}},
	{"documents/insert a struct and raw BSON", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, struct {
			ID   string `bson:"_id"`
			Name string `bson:"name"`
		}{"a", "Ann"}))
		raw, err := bson.Marshal(doc("b", field("name", "Bob")))
		if err != nil {
			f.Fatal(err)
		}
		f.apply(store.Insert(c, bson.Raw(raw)))
		if a, b := f.get(c, "a"), f.get(c, "b"); a.Lookup("name").StringValue() != "Ann" || b.Lookup("name").StringValue() != "Bob" {
			f.Errorf("got %s and %s", a, b)
		}
	}},
	{"documents/the version is the store's", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field(store.VersionField, 7))))
		if v := versionOf(f.get(c, "a")); v != 1 {
			f.Errorf("after insert: %d", v)
		}
		f.apply(store.Put(c, "a", f.get(c, "a")))
		if v := versionOf(f.get(c, "a")); v != 2 {
			f.Errorf("after putting back what was read: %d", v)
		}
		f.apply(store.Update(c, "a", bson.D{field("x", 1)}))
		f.apply(store.Update(c, "a", nil))
		if v := versionOf(f.get(c, "a")); v != 4 {
			f.Errorf("after two updates: %d", v)
		}
		f.apply(store.Update(c, "a", bson.D{field("sub", bson.D{field(store.VersionField, "mine")})}), store.Update(c, "a", bson.D{field("sub.x", 1)}))
		if got := f.get(c, "a"); got.Lookup("sub", store.VersionField).StringValue() != "mine" {
			f.Errorf("within a subdocument the name is the caller's: %s", got)
		}
		f.apply(store.Delete(c, "a"))
		f.apply(store.Put(c, "a", bson.D{}))
		if v := versionOf(f.get(c, "a")); v != 1 {
			f.Errorf("of a new document with an old id: %d", v)
		}
	}},
	{"documents/update", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("keep", "k"), field("drop", 1), field("sub", bson.D{{Key: "x", Value: 1}, {Key: "y", Value: 2}}))))
		f.apply(store.Update(c, "a", bson.D{field("new", "n"), field("sub.x", 10), field("deep.er.still", true)}, "drop", "sub.y", "not.there"))
		got := f.get(c, "a")
		if got.Lookup("keep").StringValue() != "k" || got.Lookup("new").StringValue() != "n" ||
			got.Lookup("sub", "x").AsInt64() != 10 || !got.Lookup("deep", "er", "still").Boolean() {
			f.Errorf("got %s", got)
		}
		for _, path := range [][]string{{"drop"}, {"sub", "y"}, {"not"}} {
			if _, err := got.LookupErr(path...); err == nil {
				f.Errorf("%v is there: %s", path, got)
			}
		}
		f.refused(0, store.ErrNotFound, store.Update(c, "b", bson.D{field("x", 1)}))
	}},
	{"documents/put", func(f *fixture) {
		c := f.plain()
		f.apply(store.Put(c, "a", bson.D{field("x", 1)}))
		f.apply(store.Put(c, "a", doc("a", field("y", 2))))
		got := f.get(c, "a")
		if _, err := got.LookupErr("x"); err == nil || got.Lookup("y").AsInt64() != 2 || got.Lookup("_id").StringValue() != "a" {
			f.Errorf("got %s", got)
		}
	}},
	{"documents/delete", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a")))
		f.apply(store.Delete(c, "a"))
		f.absent(c, "a")
		f.refused(0, store.ErrNotFound, store.Delete(c, "a"))
	}},
	{"documents/collections are apart", func(f *fixture) {
		c, d := f.plain(), f.plain()
		f.apply(store.Insert(c, doc("a", field("in", "c"))))
		f.absent(d, "a")
		f.apply(store.Insert(d, doc("a", field("in", "d"))))
		if got := f.get(c, "a").Lookup("in").StringValue(); got != "c" {
			f.Errorf("got %q", got)
		}
	}},
	{"documents/unicode and every kind of value", func(f *fixture) {
		c := f.plain()
		decimal, err := bson.ParseDecimal128("1234567890.0987654321")
		if err != nil {
			f.Fatal(err)
		}
		want := doc("Ünïcødé 🏰\x00 ー", field("ключ 🔑", "значение\x00"), field("null", nil), field("true", true),
			field("int", int64(1)<<60), field("float", 0.1), field("decimal", decimal), field("date", bson.DateTime(-1)),
			field("array", bson.A{"a", bson.A{int32(1)}, bson.D{}}), field("binary", bson.Binary{Subtype: 4, Data: make([]byte, 16)}),
			field("regex", bson.Regex{Pattern: "a", Options: "i"}), field("min", bson.MinKey{}), field("time", bson.Timestamp{T: 1, I: 2}))
		f.apply(store.Insert(c, want))
		got := f.get(c, "Ünïcødé 🏰\x00 ー")
		wanted, err := bson.Marshal(want)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range want {
			if !got.Lookup(e.Key).Equal(bson.Raw(wanted).Lookup(e.Key)) {
				f.Errorf("%s: got %s", e.Key, got.Lookup(e.Key))
			}
		}
	}},
	{"documents/large", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		text := strings.Repeat("0123456789abcdef", 1<<16)
		f.apply(store.Insert(c, doc("a", field("text", text))))
		f.apply(store.Update(c, "a", bson.D{field("n", 1)}))
		if got := f.get(c, "a").Lookup("text").StringValue(); got != text {
			f.Errorf("got %d bytes", len(got))
		}
		for _, change := range f.changes(feed, 2) {
			if got := change.After.Lookup("text").StringValue(); got != text {
				f.Errorf("the feed shows %d bytes", len(got))
			}
		}
	}},
	{"documents/undeclared", func(f *fixture) {
		const c = "undeclared"
		f.refused(0, store.ErrUndeclared, store.Insert(c, bson.D{}))
		_, get := f.Get(f.ctx, c, "a")
		_, find := f.Find(f.ctx, c, store.Query{})
		_, take := f.Take(f.ctx, c, "a")
		_, watch := f.Watch(f.ctx, store.Start{}, f.plain(), c)
		for name, err := range map[string]error{"Get": get, "Find": find, "Take": take, "Watch": watch} {
			if !errors.Is(err, store.ErrUndeclared) {
				f.Errorf("%s: %v", name, err)
			}
		}
	}},
	{"documents/declared twice", func(f *fixture) {
		c := store.Collection{Name: f.plain(), Indexes: []store.Index{{Fields: []string{"name"}, Unique: true}}}
		f.apply(store.Insert(c.Name, doc("a", field("name", "Ann"))))
		for range 2 {
			if err := f.Declare(f.ctx, c); err != nil {
				f.Fatal(err)
			}
		}
		if got := f.find(c.Name, "_id", store.Query{Where: bson.D{field("name", "Ann")}}); got != "a" {
			f.Errorf("by an index that came later: got %q", got)
		}
		f.refused(0, store.ErrDuplicate, store.Insert(c.Name, doc("b", field("name", "Ann"))))
	}},
}
