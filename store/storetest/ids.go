package storetest

import (
	"errors"
	"fmt"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var idCases = []testCase{
	{"ids/of every type", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		for i, id := range []any{
			"text", "", int32(7), int64(1) << 60, 2.5, bson.NewObjectID(), true, bson.DateTime(1234),
			bson.D{{Key: "a", Value: 1}, {Key: "b", Value: "x"}},
			bson.D{{Key: "b", Value: "x"}, {Key: "a", Value: 1}},
			bson.Binary{Data: []byte{1, 2}},
		} {
			f.apply(store.Insert(c, bson.D{{Key: "_id", Value: id}, {Key: "n", Value: i}}))
			f.refused(0, store.ErrDuplicate, store.Insert(c, bson.D{{Key: "_id", Value: id}}))
			f.apply(store.Update(c, id, bson.D{field("updated", true)}))
			if got := f.get(c, id).Lookup("n").AsInt64(); got != int64(i) {
				f.Errorf("%T %v: got document %d", id, id, got)
			}
			kind, bytes, err := bson.MarshalValue(id)
			if err != nil {
				f.Fatal(err)
			}
			want := bson.RawValue{Type: kind, Value: bytes}
			for _, change := range f.changes(feed, 2) {
				if !change.ID.Equal(want) {
					f.Errorf("%T %v: the feed shows %s", id, id, change.ID)
				}
			}
			docs, err := f.Find(f.ctx, c, store.Query{Where: bson.D{{Key: "_id", Value: id}}})
			if err != nil || len(docs) != 1 {
				f.Errorf("%T %v: found %d, %v", id, id, len(docs), err)
			}
		}
	}},
	{"ids/numbers are equal across types", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, bson.D{{Key: "_id", Value: int32(5)}}))
		for _, id := range []any{int64(5), 5.0} {
			f.refused(0, store.ErrDuplicate, store.Insert(c, bson.D{{Key: "_id", Value: id}}))
			f.get(c, id)
		}
		f.absent(c, "5")
		f.absent(c, 5.5)
	}},
	{"ids/are made where absent", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		f.apply(store.Insert(c, bson.D{field("n", 1)}), store.Insert(c, bson.D{field("n", 2)}))
		changes := f.changes(feed, 2)
		a, okA := changes[0].ID.ObjectIDOK()
		b, okB := changes[1].ID.ObjectIDOK()
		if !okA || !okB || a == b {
			f.Fatalf("got %s and %s", changes[0].ID, changes[1].ID)
		}
		if got := f.get(c, a).Lookup("n").AsInt64(); got != 1 {
			f.Errorf("got %d", got)
		}
	}},
	{"ids/in order", func(f *fixture) {
		c := f.plain()
		oid := bson.NewObjectID()
		ids := []any{int64(-5), 1.5, int32(2), "", "A", "B", "a", "ab", bson.D{{Key: "x", Value: 1}}, oid, false, true, bson.DateTime(-1), bson.DateTime(1)}
		for i := range ids {
			f.apply(store.Insert(c, bson.D{{Key: "_id", Value: ids[(i*5)%len(ids)]}}))
		}
		docs, err := f.Find(f.ctx, c, store.Query{})
		if err != nil || len(docs) != len(ids) {
			f.Fatalf("found %d, %v", len(docs), err)
		}
		for i, doc := range docs {
			kind, bytes, _ := bson.MarshalValue(ids[i])
			if want := (bson.RawValue{Type: kind, Value: bytes}); !doc.Lookup("_id").Equal(want) {
				f.Errorf("at %d: got %s, want %s", i, doc.Lookup("_id"), want)
			}
		}
	}},
}

var invalidCases = []testCase{
	{"invalid/documents", func(f *fixture) {
		c := f.plain()
		deep := bson.D{}
		for range 200 {
			deep = bson.D{{Key: "d", Value: deep}}
		}
		for name, document := range map[string]any{
			"nothing":            nil,
			"no document":        "text",
			"a dollar":           bson.D{field("$set", 1)},
			"a dollar, deep":     bson.D{field("a", bson.A{bson.D{field("$x", 1)}})},
			"an empty name":      bson.D{field("", 1)},
			"a dot":              bson.D{field("a.b", 1)},
			"an array as id":     bson.D{{Key: "_id", Value: bson.A{1}}},
			"a regex as id":      bson.D{{Key: "_id", Value: bson.Regex{Pattern: "a"}}},
			"a dollar in the id": bson.D{{Key: "_id", Value: bson.D{field("$a", 1)}}},
			"broken bytes":       bson.Raw{9, 0, 0, 0, 2, 'a', 0, 1, 0},
			"no bytes":           bson.Raw{},
			"too deep":           deep,
			"too large":          bson.D{field("x", make([]byte, 17<<20))},
		} {
			if err := f.Apply(f.ctx, store.Insert(c, document)); !errors.Is(err, store.ErrInvalid) {
				f.Errorf("insert %s: %v", name, err)
			}
			if err := f.Apply(f.ctx, store.Put(c, "a", document)); !errors.Is(err, store.ErrInvalid) {
				f.Errorf("put %s: %v", name, err)
			}
		}
		f.refused(1, store.ErrInvalid, store.Insert(c, doc("a")), store.Put(c, "b", doc("other")))
		f.absent(c, "a")
	}},
	{"invalid/updates", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("text", "t"), field("n", 1))))
		for name, w := range map[string]store.Write{
			"the id":                 store.Update(c, "a", bson.D{field("_id", "b")}),
			"removes the id":         store.Update(c, "a", nil, "_id"),
			"within the id":          store.Update(c, "a", bson.D{field("_id.x", "b")}),
			"the version":            store.Update(c, "a", bson.D{field(store.VersionField, 9)}),
			"a dollar":               store.Update(c, "a", bson.D{field("$inc", 1)}),
			"a dollar within":        store.Update(c, "a", bson.D{field("x.$y", 1)}),
			"a dollar in the value":  store.Update(c, "a", bson.D{field("x", bson.D{field("$y", 1)})}),
			"an empty path":          store.Update(c, "a", bson.D{field("", 1)}),
			"an empty part":          store.Update(c, "a", bson.D{field("x..y", 1)}),
			"a last empty part":      store.Update(c, "a", nil, "x."),
			"one path twice":         store.Update(c, "a", bson.D{field("x", 1), field("x", 2)}),
			"set and removed":        store.Update(c, "a", bson.D{field("x", 1)}, "x"),
			"paths that overlap":     store.Update(c, "a", bson.D{field("x.y", 1), field("x", 2)}),
			"through a text":         store.Update(c, "a", bson.D{field("text.x", 1)}),
			"no such value":          store.Update(c, "a", bson.D{field("x", func() {})}),
			"grows too large":        store.Update(c, "a", bson.D{field("x", make([]byte, 16<<20-20)), field("y", "12345678901234567890")}),
			"an array as id":         store.Update(c, bson.A{1}, bson.D{field("x", 1)}),
			"a condition's path":     store.Update(c, "a", bson.D{field("x", 1)}).IfField("$n", 1),
			"an insert's condition":  store.Insert(c, doc("new")).IfVersion(0),
			"a write that is no one": {Collection: c, ID: "a"},
		} {
			if err := f.Apply(f.ctx, w); !errors.Is(err, store.ErrInvalid) {
				f.Errorf("%s: %v", name, err)
			}
		}
		if got := f.get(c, "a"); versionOf(got) != 1 {
			f.Errorf("it was changed: %s", got)
		}
	}},
	{"invalid/declarations", func(f *fixture) {
		for i, c := range []store.Collection{
			{Name: ""},
			{Name: "a/b"},
			{Name: ".a"},
			{Name: "a..b"},
			{Name: "a$b"},
			{Name: "system.users"},
			{Name: "gatehouse.store"},
			{Name: "x1", Indexes: []store.Index{{}}},
			{Name: "x2", Indexes: []store.Index{{Fields: []string{"$a"}}}},
			{Name: "x3", Expiry: "a..b"},
			{Name: "x4", Secret: []string{"_id"}},
			{Name: "x5", Transient: true, Expiry: "a"},
		} {
			if err := f.Declare(f.ctx, c); !errors.Is(err, store.ErrInvalid) {
				f.Errorf("declaration %d: %v", i, err)
			}
		}
	}},
	{"invalid/a refused write names itself", func(f *fixture) {
		c := f.plain()
		writes := make([]store.Write, 5)
		for i := range writes {
			writes[i] = store.Insert(c, doc(fmt.Sprint(i)))
		}
		writes[3] = store.Delete(c, "none")
		f.refused(3, store.ErrNotFound, writes...)
		if got := f.find(c, "_id", store.Query{}); got != "" {
			f.Errorf("the others happened: %s", got)
		}
	}},
}
