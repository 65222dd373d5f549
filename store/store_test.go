package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// raw is a document from extended JSON.
func raw(t *testing.T, json string) bson.Raw {
	t.Helper()
	var doc bson.D
	if err := bson.UnmarshalExtJSON([]byte(json), false, &doc); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	b, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDiff(t *testing.T) {
	for _, test := range []struct{ before, after, want string }{
		{`{}`, `{}`, ""},
		{`{"a": 1}`, `{"a": 1}`, ""},
		{`{"a": 1}`, `{"a": 2}`, "a"},
		{`{"a": 1}`, `{"a": {"$numberLong": "1"}}`, "a"},
		{`{"b": 1, "a": 1}`, `{"a": 1, "b": 1}`, ""},
		{`{"b": 1}`, `{"a": 1}`, "a b"},
		{`{"_id": 1, "_v": 1}`, `{"_id": 2, "_v": 2, "x": 1}`, "x"},
		{`{"a": {"_id": 1, "_v": 1}}`, `{"a": {"_id": 2}}`, "a._id a._v"},
		{`{"a": {"b": 1, "c": 1}}`, `{"a": {"b": 1, "c": 2}}`, "a.c"},
		{`{"a": {"b": {"c": 1}}}`, `{"a": {"b": {"c": 2, "d": 1}}}`, "a.b.c a.b.d"},
		{`{}`, `{"a": {"b": {"c": 1}}}`, "a.b.c"},
		{`{"a": {"b": 1}}`, `{}`, "a.b"},
		{`{}`, `{"a": {}}`, "a"},
		{`{"a": {}}`, `{}`, "a"},
		{`{"a": {}}`, `{"a": {"b": 1}}`, "a.b"},
		{`{"a": 1}`, `{"a": {"b": 1}}`, "a"},
		{`{"a": null}`, `{"a": {"b": 1}}`, "a"},
		{`{"a": {"b": 1}}`, `{"a": "text"}`, "a"},
		{`{"a": [1, {"x": 1}]}`, `{"a": [1, {"x": 2}]}`, "a"},
		{`{"a": []}`, `{"a": {}}`, "a"},
	} {
		got := store.Diff(raw(t, test.before), raw(t, test.after))
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s and %s: got %q, want %q", test.before, test.after, got, test.want)
		}
		large := func(doc string) bson.Raw { // another way to find fields
			return raw(t, strings.Replace(`{"large": "`+strings.Repeat("x", 600)+`", `+doc[1:], ", }", "}", 1))
		}
		if got := store.Diff(large(test.before), large(test.after)); strings.Join(got, " ") != test.want {
			t.Errorf("%s and %s in large documents: got %q, want %q", test.before, test.after, got, test.want)
		}
	}
	if got := store.Diff(nil, raw(t, `{"a": 1}`)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("from nothing: %q", got)
	}
}

func TestMask(t *testing.T) {
	c := store.Collection{Secret: []string{"s"}}
	for _, test := range []struct{ doc, want string }{
		{`{"_id": 1, "s": "hush", "open": "s"}`, `{"_id": 1, "s": true, "open": "s"}`},
		{`{"_id": 1, "s": "", "open": "s"}`, `{"_id": 1, "s": "", "open": "s"}`},
		{`{"_id": 1, "s": null}`, `{"_id": 1, "s": ""}`},
		{`{"_id": 1, "s": {"$undefined": true}}`, `{"_id": 1, "s": ""}`},
		{`{"_id": 1, "s": 0}`, `{"_id": 1, "s": true}`},
		{`{"_id": 1, "s": false}`, `{"_id": 1, "s": true}`},
		{`{"_id": 1, "s": {}}`, `{"_id": 1, "s": true}`},
		{`{"_id": 1, "sub": {"s": "seen"}}`, `{"_id": 1, "sub": {"s": "seen"}}`},
	} {
		doc := raw(t, test.doc)
		if got := c.Mask(doc); string(got) != string(raw(t, test.want)) {
			t.Errorf("%s: got %s", test.doc, got)
		}
		if string(doc) != string(raw(t, test.doc)) {
			t.Errorf("%s was written to", test.doc)
		}
	}
	if got := c.Mask(nil); got != nil {
		t.Errorf("of nothing: %s", got)
	}
}

func FuzzValidDocument(f *testing.F) {
	for _, doc := range []bson.D{
		{}, {{Key: "a", Value: bson.A{bson.D{{Key: "b", Value: "c"}}}}}, {{Key: "$a", Value: 1}}, {{Key: "", Value: bson.Regex{}}},
	} {
		b, err := bson.Marshal(doc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := store.ValidDocument(data)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) {
				t.Error(err)
			}
			return
		}
		var doc bson.D
		if err := bson.Unmarshal(data, &doc); err != nil {
			t.Skip() // the driver refuses more, such as invalid UTF-8
		}
		for _, e := range doc {
			if e.Key == "" || e.Key[0] == '$' || strings.Contains(e.Key, ".") {
				t.Errorf("it has the field %q", e.Key)
			}
		}
	})
}
