package storetest

import (
	"errors"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var conditionCases = []testCase{
	{"conditions/version", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a")))
		f.apply(store.Update(c, "a", bson.D{field("n", 1)}).IfVersion(1))
		f.refused(0, store.ErrConflict, store.Update(c, "a", bson.D{field("n", 2)}).IfVersion(1))
		f.refused(0, store.ErrConflict, store.Put(c, "a", bson.D{}).IfVersion(3))
		f.refused(0, store.ErrConflict, store.Delete(c, "a").IfVersion(0))
		f.apply(store.Put(c, "a", bson.D{field("n", 3)}).IfVersion(2))
		f.apply(store.Delete(c, "a").IfVersion(3))
	}},
	{"conditions/fields", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("text", "t"), field("n", int32(1)), field("sub", bson.D{field("x", true)}), field("null", nil))))
		touch := func() store.Write { return store.Update(c, "a", bson.D{field("touched", true)}) }
		for name, w := range map[string]store.Write{
			"text":             touch().IfField("text", "t"),
			"a number":         touch().IfField("n", int64(1)),
			"a path":           touch().IfField("sub.x", true),
			"a document":       touch().IfField("sub", bson.D{field("x", true)}),
			"null is null":     touch().IfField("null", nil),
			"null is absent":   touch().IfField("none.at.all", nil),
			"several":          touch().IfField("text", "t").IfField("n", 1),
			"put":              store.Put(c, "a", f.get(c, "a")).IfField("text", "t"),
			"fields of the id": touch().IfField("_id", "a"),
		} {
			if err := f.Apply(f.ctx, w); err != nil {
				f.Errorf("%s: %v", name, err)
			}
		}
		for name, w := range map[string]store.Write{
			"text":     touch().IfField("text", "T"),
			"a type":   touch().IfField("n", "1"),
			"a value":  touch().IfField("n", 1.5),
			"absent":   touch().IfField("none", "x"),
			"not null": touch().IfField("text", nil),
			"one of":   touch().IfField("text", "t").IfField("n", 2),
			"delete":   store.Delete(c, "a").IfField("n", 2),
			"put":      store.Put(c, "a", bson.D{}).IfField("n", 2),
		} {
			if err := f.Apply(f.ctx, w); !errors.Is(err, store.ErrConflict) {
				f.Errorf("%s: %v", name, err)
			}
		}
	}},
	{"conditions/need a document", func(f *fixture) {
		c := f.plain()
		f.refused(0, store.ErrNotFound, store.Put(c, "a", bson.D{}).IfVersion(0))
		f.refused(0, store.ErrNotFound, store.Put(c, "a", bson.D{}).IfField("x", nil))
		f.refused(0, store.ErrNotFound, store.Update(c, "a", bson.D{}).IfVersion(1))
		f.refused(0, store.ErrNotFound, store.Delete(c, "a").IfVersion(1))
	}},
	{"conditions/do not change the write they are made from", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("n", 1))))
		base := store.Update(c, "a", bson.D{field("x", 1)}).IfField("n", 1)
		_, _ = base.IfField("n", 2), base.IfVersion(9)
		f.apply(base)
	}},
	{"conditions/one of many wins", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a")))
		errs := together(16, func(i int) error {
			return f.Apply(f.ctx, store.Update(c, "a", bson.D{field("winner", i)}).IfVersion(1))
		})
		won := 0
		for i, err := range errs {
			switch {
			case err == nil:
				won++
				if got := f.get(c, "a").Lookup("winner").AsInt64(); got != int64(i) {
					f.Errorf("%d was told that it won, but %d did", i, got)
				}
			case !errors.Is(err, store.ErrConflict):
				f.Errorf("%d: %v", i, err)
			}
		}
		if won != 1 {
			f.Errorf("%d won", won)
		}
	}},
	{"conditions/concurrent updates all count", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a")))
		for i, err := range together(16, func(i int) error {
			return f.Apply(f.ctx, store.Update(c, "a", bson.D{field("f"+string(rune('a'+i)), i)}))
		}) {
			if err != nil {
				f.Errorf("%d: %v", i, err)
			}
		}
		got := f.get(c, "a")
		if elements, _ := got.Elements(); len(elements) != 18 || versionOf(got) != 17 {
			f.Errorf("got %s", got)
		}
	}},
}
