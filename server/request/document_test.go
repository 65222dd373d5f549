package request

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"

	"gatehouse/server/fault"
	"gatehouse/store"
)

// What is sent comes back as it was: this is what a GET answers after a PUT.
func TestDocumentComesBack(t *testing.T) {
	for sent, want := range map[string]string{
		`{}`:                                                     `{}`,
		` { "b" : 1 , "a" : [ ] } `:                              `{"b":1,"a":[]}`,
		`{"a":[null,true,"x",{"b":{}}]}`:                         `{"a":[null,true,"x",{"b":{}}]}`,
		`{"a":-2147483648}`:                                      `{"a":-2147483648}`,
		`{"a":2147483648}`:                                       `{"a":2147483648}`,
		`{"a":9007199254740993}`:                                 `{"a":9007199254740993}`,
		`{"a":-9223372036854775808}`:                             `{"a":-9223372036854775808}`,
		`{"a":9223372036854775808}`:                              `{"a":9.223372036854776E+18}`, // no int64
		`{"a":12.50}`:                                            `{"a":12.5}`,
		`{"a":1.0}`:                                              `{"a":1.0}`,
		`{"a":1e2}`:                                              `{"a":100.0}`,
		`{"a":-0}`:                                               `{"a":-0.0}`,
		`{"a":1e-400}`:                                           `{"a":0.0}`,
		`{"a":"2026-01-01T00:00:00Z"}`:                           `{"a":"2026-01-01T00:00:00Z"}`,
		`{"a":"507f1f77bcf86cd799439011"}`:                       `{"a":"507f1f77bcf86cd799439011"}`,
		`{"a":"\u00e9\ud83d\ude00\u0000<"}`:                      `{"a":"é😀\u0000<"}`,
		`{"a":"\ud800"}`:                                         `{"a":"` + "\ufffd" + `"}`,
		`{"__proto__":{"_v":1}}`:                                 `{"__proto__":{"_v":1}}`,
		`{"a":{"$date":"2026-01-01T01:00:00+01:00"}}`:            `{"a":{"$date":"2026-01-01T00:00:00Z"}}`,
		`{"a":{"$date":{"$numberLong":"-1"}}}`:                   `{"a":{"$date":{"$numberLong":"-1"}}}`,
		`{"a": { "$oid" : "507f1f77bcf86cd799439011" }}`:         `{"a":{"$oid":"507f1f77bcf86cd799439011"}}`,
		`{"a":[{"$numberDecimal":"1.50"}]}`:                      `{"a":[{"$numberDecimal":"1.50"}]}`,
		`{"a":{"\u0024numberLong":"7"}}`:                         `{"a":7}`,
		`{"a":{"$numberDouble":"NaN"}}`:                          `{"a":{"$numberDouble":"NaN"}}`,
		`{"a":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}}`: `{"a":{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}}}`,
	} {
		doc, err := Document([]byte(sent))
		if err != nil {
			t.Errorf("%s: %v", sent, err)
			continue
		}
		if got, err := bson.MarshalExtJSON(doc, false, false); string(got) != want {
			t.Errorf("%s came back as %s (%v), want %s", sent, got, err, want)
		}
	}
}

func TestDocumentIsRefused(t *testing.T) {
	deep := func(levels int) string {
		return `{"a":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	}
	for sent, want := range map[string]struct {
		code     fault.Code
		property string
	}{
		``:                                      {fault.InvalidJSON, ""},
		`null`:                                  {fault.InvalidJSON, ""},
		`[{"a":1}]`:                             {fault.InvalidJSON, ""},
		`"x"`:                                   {fault.InvalidJSON, ""},
		`{"a":1} {"b":2}`:                       {fault.InvalidJSON, ""},
		`{"a":NaN}`:                             {fault.InvalidJSON, ""},
		`{"a":01}`:                              {fault.InvalidJSON, ""},
		"{\"a\":\"\xff\"}":                      {fault.InvalidJSON, ""},
		deep(100_000):                           {fault.InvalidJSON, ""},
		deep(100):                               {fault.InvalidProperty, "a" + strings.Repeat(".0", 99)},
		`{"":1}`:                                {fault.InvalidProperty, ""},
		`{"a":{"":1}}`:                          {fault.InvalidProperty, "a."},
		`{"a":[{"b.c":1}]}`:                     {fault.InvalidProperty, "a.0.b.c"},
		`{"a\u0000":1}`:                         {fault.InvalidProperty, "a\x00"},
		`{"$set":{"a":1}}`:                      {fault.InvalidProperty, "$set"},
		`{"$date":"2026-01-01"}`:                {fault.InvalidProperty, "$date"},
		`{"a":{"$gt":1}}`:                       {fault.InvalidProperty, "a.$gt"},
		`{"a":{"b":1,"$date":1}}`:               {fault.InvalidProperty, "a.$date"},
		`{"a":{"$ref":"x","$id":1}}`:            {fault.InvalidProperty, "a.$ref"},
		`{"a":{"$date":"yesterday"}}`:           {fault.InvalidProperty, "a"},
		`{"a":{"$date":1,"x":1}}`:               {fault.InvalidProperty, "a"},
		`{"a":{"$oid":"x"}}`:                    {fault.InvalidProperty, "a"},
		`{"a":{"$code":"f","$scope":{"$x":1}}}`: {fault.InvalidProperty, "a"},
		`{"a":{"$code":"f","$scope":[[[[[]]]]]}}`:                      {fault.InvalidProperty, "a"},
		`{"a":1,"b":{"c":1,"c":1}}`:                                    {fault.InvalidProperty, "b.c"},
		`{"a":{"$numberDecimal":"1` + strings.Repeat("0", 300) + `"}}`: {fault.InvalidProperty, "a"},
		`{"a":1e400}`: {fault.InvalidProperty, "a"},
		`{"_v":1}`:    {fault.InvalidProperty, "_v"},
	} {
		_, err := Document([]byte(sent))
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != want.code || f.Property != want.property {
			t.Errorf("%.60s: %+v, want %+v", sent, f, want)
		}
	}
	if _, err := Document([]byte(deep(99))); err != nil {
		t.Errorf("as deep as is allowed: %v", err)
	}
}

var (
	fieldName = rapid.StringMatching(`[a-zé_][a-z$ ]{0,3}`)
	leaf      = rapid.OneOf(
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Int32().AsAny(),
		rapid.Int64().Filter(func(n int64) bool { return n != int64(int32(n)) }).AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) }).AsAny(),
		rapid.Map(rapid.Int64(), func(n int64) any { return bson.DateTime(n) }),
		rapid.Map(rapid.Int64Range(0, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()), func(n int64) any { return bson.DateTime(n) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 12, 12), func(b []byte) any { return bson.ObjectID(b) }),
		rapid.Map(rapid.Uint64(), func(n uint64) any { return bson.NewDecimal128(0x3040000000000000, n) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return bson.Binary{Data: b} }),
	)
)

func values(depth int) *rapid.Generator[any] {
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf, rapid.Map(documents(depth-1), func(d bson.D) any { return d }),
		rapid.Map(rapid.SliceOfN(values(depth-1), 0, 3), func(a []any) any { return bson.A(a) }))
}

func documents(depth int) *rapid.Generator[bson.D] {
	return rapid.Custom(func(t *rapid.T) bson.D {
		d := bson.D{}
		for _, name := range rapid.SliceOfNDistinct(fieldName, 0, 4, rapid.ID[string]).Draw(t, "names") {
			if name != store.VersionField {
				d = append(d, bson.E{Key: name, Value: values(depth).Draw(t, name)})
			}
		}
		return d
	})
}

// Whatever a document holds, what is answered can be sent back.
func TestDocumentReadsWhatIsAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := documents(3).Draw(t, "document")
		answered, err := bson.MarshalExtJSON(doc, false, false)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Document(answered)
		if err != nil {
			t.Fatalf("%s: %v", answered, err)
		}
		want, _ := bson.Marshal(doc)
		got, err := bson.Marshal(again)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%s is read as %v (%v), not as %v", answered, again, err, doc)
		}
	})
}

// Whatever arrives, reading ends with an error that has a code, or with a document
// that a store takes and that comes back as JSON.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2.5,{"b":null}],"é":"\u0000"}`, `{"a":{"$date":"2026-01-01T00:00:00Z"},"b":{"$oid":"507f1f77bcf86cd799439011"}}`,
		`{"a":{"$numberDecimal":"1E+3"},"b":{"$binary":{"base64":"AA==","subType":"00"}}}`, `{"a":{"$date":{"$numberLong":"1"}}}`,
		`{"a":{"$regularExpression":{"pattern":"x","options":"i"}},"b":{"$minKey":1},"c":{"$timestamp":{"t":1,"i":2}}}`,
		`{"a":{"$dbPointer":{"$ref":"a","$id":{"$oid":"507f1f77bcf86cd799439011"}}},"b":{"$code":"x"},"c":{"$symbol":"y"}}`,
		`{"a":{"$numberDouble":"-Infinity"},"b":{"$undefined":true},"c":{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		doc, err := Document(payload)
		if err != nil {
			if codeOf(err) == "" {
				t.Errorf("%q: %v has no code", payload, err)
			}
			return
		}
		if _, err := store.MarshalDocument(doc); err != nil {
			t.Errorf("%q: %v", payload, err)
		}
		if answered, err := bson.MarshalExtJSON(doc, false, false); err != nil || !json.Valid(answered) {
			t.Errorf("%q comes back as %q (%v)", payload, answered, err)
		}
	})
}
