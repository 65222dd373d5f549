package storetest

import (
	"errors"
	"slices"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var onceCases = []testCase{
	{"take/returns the document", func(f *fixture) {
		c := f.declare(store.Collection{Secret: []string{"code"}})
		feed := f.watch(store.Start{}, c)
		f.apply(store.Insert(c, doc("a", field("n", 1), field("code", "1234"))))
		got, err := f.Take(f.ctx, c, "a")
		if err != nil || got.Lookup("n").AsInt64() != 1 || got.Lookup("code").StringValue() != "1234" || versionOf(got) != 1 {
			f.Errorf("got %s, %v", got, err)
		}
		f.absent(c, "a")
		if _, err := f.Take(f.ctx, c, "a"); !errors.Is(err, store.ErrNotFound) {
			f.Errorf("again: %v", err)
		}
		f.next(feed)
		if change := f.next(feed); change.Op != store.OpDelete || idOf(change) != "a" {
			f.Errorf("the feed shows %+v", change)
		}
	}},
	{"take/by many", func(f *fixture) {
		c := f.plain()
		f.apply(store.Insert(c, doc("a", field("n", 1))))
		docs := make([]bson.Raw, 16)
		errs := together(len(docs), func(i int) error {
			var err error
			docs[i], err = f.Take(f.ctx, c, "a")
			return err
		})
		f.exactlyOne(errs, store.ErrNotFound)
		for i, err := range errs {
			if (err == nil) != (docs[i] != nil) {
				f.Errorf("%d: got %s, %v", i, docs[i], err)
			}
		}
	}},
	{"take/of what no id can be", func(f *fixture) {
		if _, err := f.Take(f.ctx, f.plain(), bson.A{1}); !errors.Is(err, store.ErrInvalid) {
			f.Error(err)
		}
	}},
	{"sequence/counts", func(f *fixture) {
		a, b := "a"+bson.NewObjectID().Hex(), "b/"+bson.NewObjectID().Hex()
		for want := range int64(3) {
			for _, name := range []string{a, b} {
				if got, err := f.Sequence(f.ctx, name); err != nil || got != want+1 {
					f.Errorf("%s: got %d, %v, want %d", name, got, err, want+1)
				}
			}
		}
	}},
	{"sequence/for many", func(f *fixture) {
		const callers, each = 8, 10
		name := bson.NewObjectID().Hex()
		got := make([][]int64, callers)
		errs := together(callers, func(i int) error {
			for range each {
				n, err := f.Sequence(f.ctx, name)
				if err != nil {
					return err
				}
				got[i] = append(got[i], n)
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			f.Fatal(err)
		}
		all := slices.Concat(got...)
		slices.Sort(all)
		for i, n := range all {
			if n != int64(i)+1 {
				f.Fatalf("got %v", all)
			}
		}
		for i := range got {
			if !slices.IsSorted(got[i]) {
				f.Errorf("one caller got %v", got[i])
			}
		}
	}},
}
