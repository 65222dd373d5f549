package storetest

import (
	"errors"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// people declares and fills a collection to search in.
func people(f *fixture) string {
	c := f.declare(store.Collection{Indexes: []store.Index{
		{Fields: []string{"city"}},
		{Fields: []string{"name"}, Fold: true},
		{Fields: []string{"city", "job.title"}},
		{Fields: []string{"number"}, Unique: true},
	}})
	person := func(id, name, city, job string, number, age any) store.Write {
		return store.Insert(c, doc(id, field("name", name), field("city", city),
			field("job", bson.D{field("title", job)}), field("number", number), field("age", age)))
	}
	f.apply(
		person("e", "Eve", "Oslo", "smith", 5, nil),
		person("a", "Ann", "Oslo", "baker", 1, 30),
		person("c", "Åse", "Rome", "baker", 3, 30.5),
		person("b", "bob", "Oslo", "baker", 2, int64(7)),
		person("d", "ANN", "rome", "100% (smith)", 4, "old"),
		store.Insert(c, doc("f", field("name", 6))),
	)
	return c
}

var findCases = []testCase{
	{"find/all", func(f *fixture) {
		c := people(f)
		if got := f.find(c, "_id", store.Query{}); got != "a b c d e f" {
			f.Errorf("got %q", got)
		}
		if got := f.find(f.plain(), "_id", store.Query{}); got != "" {
			f.Errorf("in an empty collection: got %q", got)
		}
	}},
	{"find/where", func(f *fixture) {
		c := people(f)
		for _, q := range []struct {
			want  string
			where bson.D
		}{
			{"a b e", bson.D{field("city", "Oslo")}},
			{"c", bson.D{field("city", "Rome")}},
			{"", bson.D{field("city", "oslo")}},
			{"", bson.D{field("city", "Os")}},
			{"", bson.D{field("city", 5)}},
			{"a d", bson.D{field("name", "ann")}},
			{"c", bson.D{field("name", "åse")}},
			{"f", bson.D{field("name", 6.0)}},
			{"a b", bson.D{field("city", "Oslo"), field("job.title", "baker")}},
			{"a b", bson.D{field("job.title", "baker"), field("city", "Oslo")}},
			{"c", bson.D{field("number", int64(3))}},
			{"c", bson.D{field("_id", "c")}},
			{"", bson.D{field("_id", "C")}},
		} {
			if got := f.find(c, "_id", store.Query{Where: q.where}); got != q.want {
				f.Errorf("%v: got %q, want %q", q.where, got, q.want)
			}
		}
	}},
	{"find/follows changes", func(f *fixture) {
		c := people(f)
		f.apply(store.Update(c, "a", bson.D{field("city", "Rome")}), store.Update(c, "b", nil, "city"),
			store.Delete(c, "e"), store.Put(c, "g", bson.D{field("city", "Oslo")}))
		if got := f.find(c, "_id", store.Query{Where: bson.D{field("city", "Oslo")}}); got != "g" {
			f.Errorf("in Oslo: %q", got)
		}
		if got := f.find(c, "_id", store.Query{Where: bson.D{field("city", "Rome")}}); got != "a c" {
			f.Errorf("in Rome: %q", got)
		}
	}},
	{"find/without an index", func(f *fixture) {
		c := people(f)
		for _, where := range []bson.D{
			{field("age", 30)},
			{field("job.title", "baker")},
			{field("city", "Oslo"), field("name", "Ann")},
			{field("city", "Oslo"), field("job.title", "baker"), field("age", 1)},
			{field("_id", "a"), field("city", "Oslo")},
		} {
			if docs, err := f.Find(f.ctx, c, store.Query{Where: where}); !errors.Is(err, store.ErrNoIndex) {
				f.Errorf("%v: got %v, %v", where, docs, err)
			}
		}
	}},
	{"find/contains", func(f *fixture) {
		c := people(f)
		for _, q := range []struct {
			want, text string
			fields     []string
			where      bson.D
		}{
			{"a d", "nN", []string{"name"}, nil},
			{"c", "åS", []string{"name"}, nil},
			{"d e", "smith", []string{"name", "job.title"}, nil},
			{"d", "100% (", []string{"job.title"}, nil},
			{"", ".*", []string{"name", "job.title"}, nil},
			{"b", "b", []string{"name"}, bson.D{field("city", "Oslo")}},
			{"a b c d e", "e", []string{"job.title", "city", "name", "nothing"}, nil},
		} {
			got := f.find(c, "_id", store.Query{Where: q.where, Contains: &store.Contains{Text: q.text, Fields: q.fields}})
			if got != q.want {
				f.Errorf("%q in %v: got %q, want %q", q.text, q.fields, got, q.want)
			}
		}
	}},
	{"find/order", func(f *fixture) {
		c := people(f)
		for _, q := range []struct {
			want  string
			query store.Query
		}{
			{"f e d c b a", store.Query{Descending: true}},
			{"f e d c b a", store.Query{Order: "_id", Descending: true}},
			{"e f b a c d", store.Query{Order: "age"}},
			{"d c a b e f", store.Query{Order: "age", Descending: true}},
			{"f d a e b c", store.Query{Order: "name"}},
			{"f d a b c e", store.Query{Order: "job.title"}},
			{"b e a", store.Query{Where: bson.D{field("city", "Oslo")}, Order: "name", Descending: true}},
		} {
			if got := f.find(c, "_id", q.query); got != q.want {
				f.Errorf("%+v: got %q, want %q", q.query, got, q.want)
			}
		}
	}},
	{"find/pages", func(f *fixture) {
		c := people(f)
		oslo := bson.D{field("city", "Oslo")}
		for _, q := range []struct {
			want  string
			query store.Query
		}{
			{"a b", store.Query{Limit: 2}},
			{"c d", store.Query{Skip: 2, Limit: 2}},
			{"e f", store.Query{Skip: 4, Limit: 5}},
			{"d e f", store.Query{Skip: 3}},
			{"", store.Query{Skip: 9}},
			{"e d", store.Query{Skip: 1, Limit: 2, Descending: true}},
			{"f b", store.Query{Skip: 1, Limit: 2, Order: "age"}},
			{"b", store.Query{Where: oslo, Skip: 1, Limit: 1}},
			{"d", store.Query{Contains: &store.Contains{Text: "ann", Fields: []string{"name"}}, Skip: 1, Limit: 1}},
		} {
			if got := f.find(c, "_id", q.query); got != q.want {
				f.Errorf("%+v: got %q, want %q", q.query, got, q.want)
			}
		}
		for _, q := range []store.Query{{Skip: -1}, {Limit: -1}} {
			if _, err := f.Find(f.ctx, c, q); !errors.Is(err, store.ErrInvalid) {
				f.Errorf("%+v: %v", q, err)
			}
		}
	}},
	{"find/documents are whole", func(f *fixture) {
		c := f.declare(store.Collection{Secret: []string{"hash"}})
		f.apply(store.Insert(c, doc("a", field("hash", "h"))))
		docs, err := f.Find(f.ctx, c, store.Query{})
		if err != nil || len(docs) != 1 || string(docs[0]) != string(f.get(c, "a")) || docs[0].Lookup("hash").StringValue() != "h" {
			f.Errorf("got %v, %v", docs, err)
		}
	}},
}
