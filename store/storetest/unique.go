package storetest

import (
	"errors"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var uniqueCases = []testCase{
	{"unique/one field", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"mail.address"}, Unique: true}}})
		mail := func(address any) bson.E { return field("mail", bson.D{field("address", address)}) }
		f.apply(store.Insert(c, doc("a", mail("a@x"))))
		f.isDuplicate(f.Apply(f.ctx, store.Insert(c, doc("b", mail("a@x")))), c, "mail.address")
		f.apply(store.Insert(c, doc("b", mail("A@x"))))
		f.refused(0, store.ErrDuplicate, store.Update(c, "b", bson.D{field("mail.address", "a@x")}))
		f.refused(0, store.ErrDuplicate, store.Put(c, "b", bson.D{mail("a@x")}))
		f.apply(store.Update(c, "a", bson.D{field("other", 1)}))
		f.apply(store.Put(c, "a", bson.D{mail("a@x")}))
	}},
	{"unique/a value is free again", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"u"}, Unique: true}}})
		f.apply(store.Insert(c, doc("a", field("u", 1))))
		f.apply(store.Update(c, "a", bson.D{field("u", 2)}))
		f.apply(store.Insert(c, doc("b", field("u", 1))))
		f.apply(store.Delete(c, "a"))
		f.apply(store.Insert(c, doc("c", field("u", 2))))
		if _, err := f.Take(f.ctx, c, "c"); err != nil {
			f.Fatal(err)
		}
		f.apply(store.Insert(c, doc("d", field("u", 2))))
		f.apply(store.Update(c, "d", nil, "u"))
		f.apply(store.Insert(c, doc("e", field("u", 2))))
	}},
	{"unique/absent and null are no value", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"u", "v"}, Unique: true}}})
		f.apply(store.Insert(c, doc("a")), store.Insert(c, doc("b")),
			store.Insert(c, doc("c", field("u", 1))), store.Insert(c, doc("d", field("u", 1))),
			store.Insert(c, doc("e", field("u", 1), field("v", nil))), store.Insert(c, doc("f", field("u", 1), field("v", nil))))
	}},
	{"unique/several fields", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"u", "v"}, Unique: true}, {Fields: []string{"w"}, Unique: true}}})
		f.apply(store.Insert(c, doc("a", field("u", 1), field("v", 1))))
		f.apply(store.Insert(c, doc("b", field("u", 1), field("v", 2))))
		f.apply(store.Insert(c, doc("c", field("u", 2), field("v", 1), field("w", 1))))
		f.isDuplicate(f.Apply(f.ctx, store.Insert(c, doc("d", field("u", int64(1)), field("v", 2.0)))), c, "u", "v")
		f.isDuplicate(f.Apply(f.ctx, store.Insert(c, doc("d", field("w", 1)))), c, "w")
	}},
	{"unique/folded", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}}})
		f.apply(store.Insert(c, doc("a", field("name", "Ann"))), store.Insert(c, doc("m", field("name", "Müller"))),
			store.Insert(c, doc("n", field("name", 5))))
		for _, name := range []any{"ann", "ANN", "MÜLLER", int64(5)} {
			if err := f.Apply(f.ctx, store.Insert(c, doc("x", field("name", name)))); !errors.Is(err, store.ErrDuplicate) {
				f.Errorf("%v: %v", name, err)
			}
		}
		f.apply(store.Insert(c, doc("b", field("name", "anne"))))
		f.apply(store.Update(c, "a", bson.D{field("name", "aNN")}))
		if got := f.get(c, "a").Lookup("name").StringValue(); got != "aNN" {
			f.Errorf("it is kept as %q", got)
		}
	}},
	{"unique/folded whatever an accent is made of", func(f *fixture) {
		c := f.declare(store.Collection{Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}}})
		f.apply(store.Insert(c, doc("m", field("name", "Müller"))))
		f.refused(0, store.ErrDuplicate, store.Insert(c, doc("x", field("name", "MU\u0308LLER"))))
	}},
	{"unique/one of many wins", func(f *fixture) {
		for _, index := range []store.Index{{Fields: []string{"name"}, Unique: true}, {Fields: []string{"name"}, Unique: true, Fold: true}} {
			c := f.declare(store.Collection{Indexes: []store.Index{index}})
			name := func(i int) string {
				if index.Fold {
					return []string{"ann", "Ann", "ANN", "aNN"}[i%4]
				}
				return "ann"
			}
			f.exactlyOne(together(16, func(i int) error {
				return f.Apply(f.ctx, store.Insert(c, bson.D{field("name", name(i))}))
			}), store.ErrDuplicate)
			if docs, err := f.Find(f.ctx, c, store.Query{}); err != nil || len(docs) != 1 {
				f.Errorf("there are %d, %v", len(docs), err)
			}
		}
	}},
	{"unique/one id of many wins", func(f *fixture) {
		c := f.plain()
		f.exactlyOne(together(16, func(i int) error {
			return f.Apply(f.ctx, store.Insert(c, doc("a", field("n", i))))
		}), store.ErrDuplicate)
	}},
	{"unique/declared over duplicates", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("u", 1))), store.Insert(c, doc("b", field("u", 1))))
		f.isDuplicate(f.Declare(f.ctx, store.Collection{Name: c, Indexes: []store.Index{{Fields: []string{"u"}, Unique: true}}}), c, "u")
	}},
}

// exactlyOne checks that one call had no error, and all the others this one.
func (f *fixture) exactlyOne(errs []error, others error) {
	f.Helper()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, others):
			f.Errorf("%d: %v", i, err)
		}
	}
	if won != 1 {
		f.Errorf("%d won", won)
	}
}
