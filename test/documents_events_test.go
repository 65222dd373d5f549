package test

import (
	"encoding/json"
	"maps"
	"testing"
)

// own are the properties of an event beside its id and time.
func own(t *testing.T, f frame) string {
	t.Helper()
	fields := f.fields(t)
	for _, name := range []string{"id", "time"} {
		if fields[name] == nil {
			t.Errorf("an event without %s: %s", name, f.raw)
		}
		delete(fields, name)
	}
	b, err := json.Marshal(fields) // sorted by their names
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// hears waits for these events, in this order.
func (c *client) hears(events ...string) {
	c.t.Helper()
	for _, want := range events {
		if got := c.next(); own(c.t, got) != want {
			c.t.Errorf("got  %s\nwant %s", got.raw, want)
		}
	}
}

// Each operation fires the rules that are about it, and no other.
func TestDocumentsFireRules(t *testing.T) {
	t.Parallel()
	with := func(more map[string]any) map[string]any {
		all := map[string]any{"properties": map[string]string{"total": "total", "city": "customer.address.city"}, "username": "customer.login"}
		maps.Copy(all, more)
		return all
	}
	srv := start(t, settings{"events.rules": []any{
		rule(1000, "insert", with(nil)),
		rule(1001, "update", with(map[string]any{"fields": []string{"status", "customer.address"}, "where": map[string]any{"status": "paid"}})),
		rule(1002, "delete", with(map[string]any{"where": map[string]any{"total": 3}})),
		rule(1003, "any", map[string]any{"fields": []string{"total"}}),
		rule(1004, "any", map[string]any{"collection": "bills", "properties": map[string]string{"when": "when", "of": "_id"}}),
	}})
	w := writerOf(t, srv)
	c := connect(t, srv.ws)
	george, paid := connect(t, srv.ws+"/?username=George"), connect(t, srv.ws+"/?events=1001")

	w.do("POST", "/orders", `{"_id":"a","status":"new","total":12.50,"customer":{"login":"george","address":{"city":"Lyme"}}}`)
	c.hears(`{"city":"Lyme","eventType":1000,"total":12.5,"username":"george"}`, `{"eventType":1003}`)
	w.do("PUT", "/orders/b", `{"status":"paid","total":3}`)
	c.hears(`{"eventType":1000,"total":3}`, `{"eventType":1003}`)

	w.do("PATCH", "/orders/a", `{"note":"x"}`) // touches nothing that a rule names
	w.do("PATCH", "/orders/a", `{"status":"packed"}`)
	w.do("PATCH", "/orders/a", `{"status":"paid"}`)
	c.hears(`{"city":"Lyme","eventType":1001,"total":12.5,"username":"george"}`)
	w.do("PATCH", "/orders/a", `{"status":"paid"}`) // it is
	w.do("PATCH", "/orders/a", `{"customer":{"address":{"city":null}}}`)
	c.hears(`{"eventType":1001,"total":12.5,"username":"george"}`)
	w.do("PUT", "/orders/a", `{"status":"paid","total":4}`) // the rest is gone
	c.hears(`{"eventType":1001,"total":4}`, `{"eventType":1003}`)
	w.do("PUT", "/orders/a", `{"status":"paid","total":4.0}`) // nothing is touched

	w.do("DELETE", "/orders/a", "")
	c.hears(`{"eventType":1003}`) // the total was not 3
	w.do("DELETE", "/orders/b", "")
	c.hears(`{"eventType":1002,"total":3}`, `{"eventType":1003}`)

	w.do("PUT", "/bills/507f1f77bcf86cd799439011", `{"_id":{"$oid":"507f1f77bcf86cd799439011"},"when":{"$date":"2026-01-01T00:00:00Z"}}`)
	c.hears(`{"eventType":1004,"of":"507f1f77bcf86cd799439011","when":"2026-01-01T00:00:00.000Z"}`)
	c.alive()

	george.hears(`{"city":"Lyme","eventType":1000,"total":12.5,"username":"george"}`, `{"city":"Lyme","eventType":1001,"total":12.5,"username":"george"}`,
		`{"eventType":1001,"total":12.5,"username":"george"}`)
	paid.hears(`{"city":"Lyme","eventType":1001,"total":12.5,"username":"george"}`, `{"eventType":1001,"total":12.5,"username":"george"}`, `{"eventType":1001,"total":4}`)
	george.alive()
	paid.alive()
}

// Files and buckets are announced with their documents, when they come and when they go.
func TestDocumentsOfFilesAndBuckets(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	w := writerOf(t, srv)
	c := connect(t, srv.ws)

	w.do("PUT", "/files/f1", `{"user":"george","name":"a.txt","size":7,"on":{"$date":"2026-01-01T00:00:00Z"}}`)
	c.hears(`{"eventType":5,"file":{"_id":"f1","user":"george","name":"a.txt","size":7,"on":"2026-01-01T00:00:00.000Z"},"username":"george"}`)
	w.do("PATCH", "/files/f1", `{"size":8}`) // is no event
	w.do("POST", "/buckets", `{"_id":1,"username":"martha","files":["f1"]}`)
	c.hears(`{"bucket":{"_id":1,"username":"martha","files":["f1"]},"eventType":7,"username":"martha"}`)
	w.do("DELETE", "/files/f1", "")
	c.hears(`{"eventType":6,"file":{"_id":"f1","user":"george","name":"a.txt","size":8,"on":"2026-01-01T00:00:00.000Z"},"username":"george"}`)
	w.do("DELETE", "/buckets/1", "")
	c.hears(`{"bucket":{"_id":1,"username":"martha","files":["f1"]},"eventType":8,"username":"martha"}`)
	c.alive()
}

// What is published under a rule's number has the properties that the rule declares, and no other.
func TestOwnEventHasWhatItsRuleDeclares(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"events.rules": []any{orderPlaced, rule(1001, "any", nil)}})
	key := srv.key(t, "write:events")
	c := connect(t, srv.ws)
	post := func(body string) (int, []byte) { return srv.do(t, "POST", "/events", body, bearer(key)) }

	for body, property := range map[string]string{
		`{"eventType":1000,"total":1,"totals":1}`: "totals",
		`{"eventType":1000,"Total":1}`:            "Total",
		`{"eventType":1000,"message":"x"}`:        "message",
		`{"eventType":1000,"broadcast":true}`:     "broadcast",
		`{"eventType":1000,"requestId":1}`:        "requestId",
		`{"eventType":1000,"id":"x"}`:             "id",
		`{"eventType":1000,"time":"x"}`:           "time",
		`{"eventType":1000,"username":5}`:         "username",
		`{"eventType":1000,"customer":"george"}`:  "customer",
		`{"eventType":1001,"username":"george"}`:  "username",
		`{"eventType":1001,"total":1}`:            "total",
	} {
		status, answer := post(body)
		if said := decodeFailure(t, answer); status != 400 || said.Code != "INVALID_PROPERTY" || said.Property != property {
			t.Errorf("%s: status %d: %s", body, status, answer)
		}
	}
	for body, want := range map[string]string{
		`{"eventType":1000}`:                                `{"eventType":1000}`,
		`{"eventType":1000,"total":{"any":["thing"]}}`:      `{"eventType":1000,"total":{"any":["thing"]}}`,
		`{"eventType":1000,"username":"george","total":12}`: `{"eventType":1000,"total":12,"username":"george"}`,
		`{"eventType":1001}`:                                `{"eventType":1001}`,
	} {
		if status, answer := post(body); status != 202 {
			t.Errorf("%s: status %d: %s", body, status, answer)
			continue
		}
		c.hears(want)
	}
	c.alive()
}
