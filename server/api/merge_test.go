package api

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"gatehouse/server/request"
	"gatehouse/store"
)

func document(t *testing.T, s string) bson.D {
	t.Helper()
	d, err := request.Document([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The examples of RFC 7396 whose target and patch are objects, and what is ours.
func TestMerge(t *testing.T) {
	for _, test := range []struct{ target, patch, want, set, unset string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`, "a", ""},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`, "b", ""},
		{`{"a":"b"}`, `{"a":null}`, `{}`, "", "a"},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`, "", "a"},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`, "a", ""},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`, "a", ""},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`, "a.b", ""},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`, "a", ""},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`, "a", ""},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`, "a", ""},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":null}}`, `{"a":{"c":2}}`, "", "a.b"},
		{`{"a":{"b":1}}`, `{"a":{"b":null}}`, `{"a":{}}`, "", "a.b"},
		{`{"a":{"b":1}}`, `{"a":null}`, `{}`, "", "a"},
		{`{"a":[1,{"x":2}]}`, `{"a":{"0":1}}`, `{"a":{"0":1}}`, "a", ""},
		{`{"a":1}`, `{"a":{"b":null}}`, `{"a":{}}`, "a", ""},
		{`{"a":1,"b":{"c":1}}`, `{"a":1,"b":{"c":1},"d":null}`, `{"a":1,"b":{"c":1}}`, "", ""},
		{`{"a":1.0,"b":[{"c":5.0}]}`, `{"a":1,"b":[{"c":5}]}`, `{"a":1.0,"b":[{"c":5.0}]}`, "", ""},
		{`{"a":{"$date":"2026-01-01T00:00:00Z"}}`, `{"a":{"$date":"2026-01-02T00:00:00Z"}}`, `{"a":{"$date":"2026-01-02T00:00:00Z"}}`, "a", ""},
		{`{"a":[1,null]}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`, "a", ""},
	} {
		target := document(t, test.target)
		got := keepNumbers(target, merged(target, document(t, test.patch)))
		if text, err := bson.MarshalExtJSON(got, false, false); string(text) != test.want {
			t.Errorf("%s and %s: %s (%v), want %s", test.target, test.patch, text, err, test.want)
		}
		set, unset := changes("", target, got)
		var paths []string
		for _, e := range set {
			paths = append(paths, e.Key)
		}
		if strings.Join(paths, " ") != test.set || strings.Join(unset, " ") != test.unset {
			t.Errorf("%s and %s: sets %q and removes %q, want %q and %q", test.target, test.patch, paths, unset, test.set, test.unset)
		}
		if text, _ := bson.MarshalExtJSON(target, false, false); string(text) != test.target {
			t.Errorf("%s was written to: %s", test.target, text)
		}
	}
}

// small are JSON objects that often have the same names.
func small(depth int) *rapid.Generator[map[string]any] {
	value := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.SampledFrom([]any{float64(1), 2.5, "x", true}), rapid.Just[any]([]any{"y", map[string]any{"a": nil}}),
	}
	if depth > 0 {
		value = append(value, rapid.Map(small(depth-1), func(m map[string]any) any { return m }))
	}
	return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.OneOf(value...), 0, 4)
}

// reference is the algorithm as RFC 7396 has it.
func reference(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result, ok := target.(map[string]any)
	if ok {
		result = maps.Clone(result)
	} else {
		result = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(result, name)
		} else {
			result[name] = reference(result[name], value)
		}
	}
	return result
}

// A merge is what the RFC says, and the update that is made of it is one that the
// store takes, and has the same effect.
func TestMergeIsTheReference(t *testing.T) {
	asDocument := func(t *rapid.T, m any) bson.D {
		text, _ := json.Marshal(m)
		d, err := request.Document(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	asMap := func(t *rapid.T, d bson.D) (m map[string]any) {
		text, err := bson.MarshalExtJSON(d, false, false)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		from, patch := small(3).Draw(t, "target"), small(3).Draw(t, "patch")
		target := asDocument(t, from)
		got := keepNumbers(target, merged(target, asDocument(t, patch)))
		if want := reference(from, patch); !reflect.DeepEqual(asMap(t, got), want) {
			t.Fatalf("got %v, want %v", asMap(t, got), want)
		}

		set, unset := changes("", target, got)
		if err := store.ValidUpdate(set, unset); err != nil {
			t.Fatal(err)
		}
		updated := asMap(t, target)
		for _, path := range unset {
			at, name := descend(updated, path)
			delete(at, name)
		}
		for _, e := range set {
			at, name := descend(updated, e.Key)
			at[name] = asMap(t, bson.D{{Key: "v", Value: e.Value}})["v"]
		}
		if !reflect.DeepEqual(updated, asMap(t, got)) {
			t.Fatalf("setting %v and removing %q makes %v, want %v", set, unset, updated, got)
		}
	})
}

func descend(m map[string]any, path string) (at map[string]any, name string) {
	names := strings.Split(path, ".")
	for _, n := range names[:len(names)-1] {
		m = m[n].(map[string]any)
	}
	return m, names[len(names)-1]
}

func TestBounded(t *testing.T) {
	wide := func(fields int) (d bson.D) {
		for i := range fields {
			d = append(d, bson.E{Key: "f" + textOf(int64(i)), Value: i})
		}
		return d
	}
	long := strings.Repeat("n", 1<<10)
	for name, test := range map[string]struct {
		document bson.D
		fits     bool
	}{
		"nothing":                        {bson.D{}, true},
		"as many fields as are allowed":  {wide(maxFields), true},
		"one more":                       {wide(maxFields + 1), false},
		"one more, within":               {bson.D{{Key: "a", Value: wide(maxFields)}}, false},
		"any number in lists":            {bson.D{{Key: "a", Value: slices.Repeat(bson.A{wide(10)}, maxFields)}}, true},
		"many in a field of a long name": {bson.D{{Key: long, Value: wide(5000)}}, false},
		"16 MiB":                         {bson.D{{Key: "a", Value: strings.Repeat("x", 16<<20)}}, false},
	} {
		if err := bounded(test.document); (err == nil) != test.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMeanings(t *testing.T) {
	id := bson.ObjectID{0x50, 0x7f, 11: 0xff}
	for text, want := range map[string][]any{
		"a": {"a"}, "7": {"7", int64(7)}, "-7": {"-7", int64(-7)}, "07": {"07"}, "+7": {"+7"}, "7.0": {"7.0"}, "9223372036854775808": {"9223372036854775808"},
		id.Hex(): {id.Hex(), id}, id.Hex()[1:]: {id.Hex()[1:]},
	} {
		if got := meanings(text); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
