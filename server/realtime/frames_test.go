package realtime

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/users/resources"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for frame, want := range map[string]command{
		`{"action":"subscribe","resource":{"type":"kvStore","id":"World:kvstoreClient:testKey"}}`:   {subscribe, name{"kvStore", "World:kvstoreClient:testKey"}},
		` { "resource" : { "id":"ü\n" , "type":"" }, "action":"unsubscribe", "more":[{}] } `:        {unsubscribe, name{"", "ü\n"}},
		`{"action":"x","action":"subscribe","resource":{"type":"a","type":"b","id":"1","id":"2"}}`:  {subscribe, name{"b", "2"}},
		`{"action":"subscribe","resource":{"type":"collection","id":"public","Type":"x","ID":"y"}}`: {subscribe, name{"collection", "public"}},
		`{"action":"subscribe","Resource":{"type":"collection","id":"public"}}`:                     {},
		`{"action":"Subscribe","resource":{"type":"collection","id":"public"}}`:                     {},
		`{"action":"subscribe","resource":{"type":"collection","id":["public"]}}`:                   {},
		`{"action":"subscribe","resource":{"type":"collection","id":null}}`:                         {},
		`{"action":"subscribe","resource":[{"type":"collection","id":"public"}]}`:                   {},
		`{"action":"subscribe","resource":null}`:                                                    {},
		`{"action":["subscribe"],"resource":{"type":"collection","id":"public"}}`:                   {},
		`{"action":"subscribe"}`:     {},
		`null`:                       {},
		`[]`:                         {},
		`1`:                          {},
		``:                           {},
		`{`:                          {},
		strings.Repeat("[", 100_000): {},
	} {
		if got, ok := parse([]byte(frame)); ok != (want.action != "") || ok && got != want {
			t.Errorf("%.100s is %+v, %v, want %+v", frame, got, ok, want)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	resource := name{"kvStore", `World:kvstoreClient:"a"`}.json()
	_, data, err := bson.MarshalValue(bson.D{{Key: "a", Value: bson.A{int32(1), 2.5, nil}}})
	if err != nil {
		t.Fatal(err)
	}
	value := bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: data}
	const v resources.Version = 1706629835742
	for want, got := range map[string]string{
		`{"userId":"ann \"x\"","resource":{"type":"kvStore","id":"World:kvstoreClient:\"a\""},"data":{"a":[1,2.5,null]},"version":"2024-01-30T15:50:35.742Z"}`:                                           newEnvelope(resource, value, true, v).to(`ann "x"`).String(),
		`{"userId":"","resource":{"type":"kvStore","id":"World:kvstoreClient:\"a\""},"data":null,"version":"2024-01-30T15:50:35.742Z"}`:                                                                  newEnvelope(resource, bson.RawValue{}, false, v).to("").String(),
		`{"warning":"resource_not_found","message":"KVStore resource doesn't currently exist, subscription was still made successfully","resource":{"type":"kvStore","id":"World:kvstoreClient:\"a\""}}`: warning(resources.KVStore, resource).String(),
		`{"error":"Invalid message format"}`:                             malformed.String(),
		`{"error":"Not allowed","resource":{"type":"kvStore","id":"x"}}`: refusal("Not allowed", name{"kvStore", "x"}).String(),
	} {
		if !strings.HasSuffix(got, want) || !json.Valid([]byte(want)) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Whatever arrives, it is a command with a resource to it, or none.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"action":"subscribe","resource":{"type":"kvStore","id":"World:kvstoreClient:testKey"}}`))
	f.Add([]byte(`{"action":"unsubscribe","resource":{"type":"liveConfig","id":"game"}}`))
	f.Add([]byte(`{"action":"subscribe","resource":{"type":"collection","id":"\ud800"}}`))
	at := resources.Place{resources.Organization: "o", resources.Project: "p", resources.World: "w"}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, ok := parse(payload)
		if !ok {
			return
		}
		if c.action != subscribe && c.action != unsubscribe || !utf8.ValidString(c.resource.ID) {
			t.Errorf("%q is %+v", payload, c)
		}
		r, err := resources.Parse(c.resource.Type, c.resource.ID, at, "ann")
		if err == nil && (r.Name != c.resource.ID || r.Key == resources.Key{} || len(r.ID) > 8<<10) {
			t.Errorf("%q is %+v", payload, r)
		}
		if b := refusal("x", c.resource).String(); !json.Valid([]byte(b[strings.Index(b, "{"):])) {
			t.Errorf("%q is answered with %s", payload, b)
		}
	})
}
