package embedded

import (
	"bytes"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"
)

func keyOf(t interface{ Fatal(...any) }, value any, fold bool) []byte {
	v, err := store.MarshalValue(value)
	if err != nil {
		t.Fatal(err)
	}
	return appendKey(nil, v, fold)
}

func TestKeysSortAsBSONDoes(t *testing.T) {
	decimal := func(s string) bson.Decimal128 {
		d, err := bson.ParseDecimal128(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	groups := [][]any{ // in order; equal within a group
		{bson.MinKey{}},
		{nil, bson.Undefined{}},
		{math.NaN(), decimal("NaN")},
		{math.Inf(-1), decimal("-Infinity")},
		{decimal("-1E6000")},
		{-math.MaxFloat64},
		{int64(math.MinInt64), float64(math.MinInt64)},
		{int64(math.MinInt64) + 1},
		{-1.5, decimal("-1.50")},
		{int32(-1), int64(-1), -1.0, decimal("-1")},
		{0, 0.0, math.Copysign(0, -1), decimal("0E-10")},
		{math.SmallestNonzeroFloat64},
		{decimal("0.1")},
		{0.1}, // a little more than a tenth
		{int32(1), int64(1), 1.0, decimal("1.000")},
		{int64(1 << 53), float64(1 << 53)},
		{int64(1<<53 + 1), decimal("9007199254740993")},
		{decimal("9007199254740993.5")},
		{int64(1<<53 + 2)},
		{int64(math.MaxInt64) - 1},
		{int64(math.MaxInt64), decimal("9223372036854775807")},
		{float64(math.MaxInt64)},
		{math.MaxFloat64},
		{decimal("1E6000")},
		{math.Inf(1), decimal("Infinity")},
		{""},
		{"\x00"},
		{"\x00a"},
		{"A"},
		{"a", bson.Symbol("a")},
		{"a\x00"},
		{"a\x00b"},
		{"ab"},
		{"ä"},
		{bson.D{}},
		{bson.D{{Key: "z", Value: nil}}},
		{bson.D{{Key: "a", Value: 1}}, bson.D{{Key: "a", Value: int64(1)}}},
		{bson.D{{Key: "a", Value: 1}, {Key: "a", Value: 1}}},
		{bson.D{{Key: "a", Value: 2}}},
		{bson.D{{Key: "b", Value: 1}}},
		{bson.A{}},
		{bson.A{1}},
		{bson.A{1, 2}},
		{bson.A{2}},
		{bson.Binary{Data: []byte{9}}},
		{bson.Binary{Data: []byte{1, 1}}},
		{bson.Binary{Subtype: 4, Data: []byte{1, 1}}},
		{bson.ObjectID{1}},
		{bson.ObjectID{2}},
		{false},
		{true},
		{bson.DateTime(-1)},
		{bson.DateTime(1)},
		{bson.Timestamp{T: 1, I: 5}},
		{bson.Timestamp{T: 2, I: 1}},
		{bson.Regex{Pattern: "a"}},
		{bson.Regex{Pattern: "a", Options: "i"}},
		{bson.MaxKey{}},
	}
	var previous []byte
	for _, group := range groups {
		first := keyOf(t, group[0], false)
		if bytes.Compare(previous, first) >= 0 {
			t.Errorf("%T %v does not sort behind what is before it", group[0], group[0])
		}
		for _, value := range group[1:] {
			if !bytes.Equal(keyOf(t, value, false), first) {
				t.Errorf("%T %v is not equal to %T %v", value, value, group[0], group[0])
			}
		}
		previous = first
	}
}

func TestNumbersSortByValue(t *testing.T) {
	whole := rapid.OneOf(rapid.Int64(), rapid.Custom(func(t *rapid.T) int64 {
		return int64(1)<<rapid.IntRange(50, 62).Draw(t, "power") + rapid.Int64Range(-3, 3).Draw(t, "near")
	}))
	number := rapid.Custom(func(t *rapid.T) any {
		switch n := whole.Draw(t, "whole"); rapid.IntRange(0, 3).Draw(t, "type") {
		case 0:
			return n
		case 1:
			return int32(n)
		case 2:
			return float64(n) / float64(rapid.SampledFrom([]int{1, 3, 1 << 20}).Draw(t, "divisor"))
		default:
			d, _ := bson.ParseDecimal128FromBigInt(big.NewInt(n), rapid.IntRange(-20, 3).Draw(t, "exponent"))
			return d
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		want := exact(a).Cmp(exact(b))
		if got := bytes.Compare(keyOf(t, a, false), keyOf(t, b, false)); got != want {
			t.Fatalf("%T %v and %T %v compare as %d, want %d", a, a, b, b, got, want)
		}
	})
}

func exact(n any) *big.Rat {
	switch n := n.(type) {
	case int64:
		return new(big.Rat).SetInt64(n)
	case int32:
		return new(big.Rat).SetInt64(int64(n))
	case float64:
		return new(big.Rat).SetFloat64(n)
	default:
		r, _ := new(big.Rat).SetString(n.(bson.Decimal128).String())
		return r
	}
}

func TestNoKeyBeginsWithAnother(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune{0, 1, 'a', 0xFF}), 0, 4, -1)
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		return rapid.Custom(func(t *rapid.T) any {
			switch rapid.IntRange(0, 5).Draw(t, "type") {
			case 0:
				return rapid.Int32Range(-2, 2).Draw(t, "number")
			case 1:
				return nil
			case 2, 3:
				return text.Draw(t, "text")
			}
			if depth == 0 {
				return false
			}
			values := rapid.SliceOfN(value(depth-1), 0, 2).Draw(t, "values")
			if rapid.Bool().Draw(t, "array") {
				return bson.A(values)
			}
			doc := bson.D{}
			for _, v := range values {
				doc = append(doc, bson.E{Key: rapid.SampledFrom([]string{"a", "b", "aa"}).Draw(t, "name"), Value: v})
			}
			return doc
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := keyOf(t, value(2).Draw(t, "a"), false), keyOf(t, value(2).Draw(t, "b"), false)
		if !bytes.Equal(a, b) && (bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a)) {
			t.Fatalf("% x and % x", a, b)
		}
	})
}

func TestLongKeys(t *testing.T) {
	long := strings.Repeat("x", 5000)
	a, b, again := keyOf(t, long+"a", false), keyOf(t, long+"b", false), keyOf(t, long+"a", false)
	a, b, again = shorten(a, 0), shorten(b, 0), shorten(again, 0)
	if len(a) != keyMax || bytes.Equal(a, b) || !bytes.Equal(a, again) {
		t.Errorf("%d bytes; two are equal: %v; one is equal to itself: %v", len(a), bytes.Equal(a, b), bytes.Equal(a, again))
	}
}

func TestFold(t *testing.T) {
	for _, pair := range [][2]string{
		{"Ann", "aNN"}, {"STRASSE", "straße"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"Å", "a\u030a"}, {"\u212b", "å"}, {"Ω", "ω"}, {"ǅ", "ǆ"}, {"", ""},
	} {
		if !bytes.Equal(keyOf(t, pair[0], true), keyOf(t, pair[1], true)) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"a", "b"}, {"a", "ä"}, {"i", "ı"}} {
		if bytes.Equal(keyOf(t, pair[0], true), keyOf(t, pair[1], true)) {
			t.Errorf("%q and %q are equal", pair[0], pair[1])
		}
	}
	if bytes.Equal(keyOf(t, "a", false), keyOf(t, "A", false)) {
		t.Error("they are folded without being asked")
	}
}

// Whatever bytes a caller gives as a document, it is refused or it can be
// stored, indexed and shown.
func FuzzDocument(f *testing.F) {
	for _, doc := range []any{
		bson.D{},
		bson.D{{Key: "_id", Value: "x"}, {Key: "a", Value: bson.A{1, "two", bson.D{{Key: "c", Value: 3.5}}}}},
		bson.D{{Key: "r", Value: bson.Regex{Pattern: "p", Options: "i"}}, {Key: "b", Value: bson.Binary{Subtype: 2, Data: []byte("x")}}},
		bson.D{{Key: "j", Value: bson.CodeWithScope{Code: "c", Scope: bson.D{}}}, {Key: "p", Value: bson.DBPointer{DB: "d"}}, {Key: "t", Value: bson.Timestamp{}}},
	} {
		raw, err := bson.Marshal(doc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		write := store.Insert("c", bson.Raw(data))
		ready, err := write.Prepare()
		if err != nil {
			return
		}
		stored := ready.Document
		if err := store.ValidDocument(stored); err != nil || store.VersionOf(stored) != 1 {
			t.Fatalf("it is stored as %v with version %d", err, store.VersionOf(stored))
		}
		elements, _ := stored.Elements()
		for _, e := range elements {
			appendKey(nil, e.Value(), true)
			store.Collection{Secret: []string{e.Key()}}.Mask(stored)
		}
		edited, err := applyEdits(stored, []*edit{{name: "a", remove: true}})
		if err != nil {
			t.Fatal(err)
		}
		store.Diff(stored, edited)
	})
}

// Whatever a damaged file holds, reading its log does not end the process.
func FuzzRecord(f *testing.F) {
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: 1}})
	if err != nil {
		f.Fatal(err)
	}
	c := change{collection: "c", op: store.OpUpdate, before: doc, after: doc, fields: []string{"a", "b.c"}}
	f.Add(c.encode(time.Unix(1, 0)))
	f.Fuzz(func(t *testing.T, record []byte) {
		name := recordCollection(record)
		if c, err := decode(record, string(name), ""); err == nil && c.After == nil && c.Before == nil {
			t.Errorf("a change of nothing: %+v", c)
		}
	})
}
