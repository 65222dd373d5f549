package test

import (
	"maps"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Two deployments share a database under two prefixes. Each hears its own echoes and users, and both announce a
// collection that a rule names, which belongs to neither.
func TestMongoPrefixes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	under := func(prefix string) *server {
		store := mongoStore(d.uri, d.database)
		maps.Copy(store, settings{"mongodb.collectionPrefix": prefix})
		srv := newServer(t, store)
		srv.configure(t, settings{"events.rules": []any{orderInserted}})
		srv.launch(t)
		return srv
	}
	one, other := under("one."), under("other_")
	atOne, atOther := witnessOf(t, one, ""), witnessOf(t, other, "")
	p := d.program(t)

	mine := atOne.ask(echo(`"of one"`))
	p.insert("one.users", george())
	p.insert("other_users", append(george()[:1:1], bson.E{Key: "username", Value: "anna"}))
	p.insert("users", george()) // of neither
	p.insert("orders", bson.D{{Key: "writer", Value: 7}, {Key: "n", Value: 7}})
	theirs := atOther.client.next() // the first it hears is its own user

	if got := withoutPlace(t, theirs); got != `{"eventType":11,"username":"anna"}` {
		t.Errorf("the other deployment hears %s", got)
	}
	expect(t, "one deployment", atOne, `{"eventType":11,"username":"george"}`)
	for _, w := range []*witness{atOne, atOther} {
		expect(t, "the order", w, `{"eventType":1000,"n":7,"writer":7}`)
	}
	// An access key is good where it was made.
	key := one.key(t, "write:events")
	if status, _ := one.do(t, "POST", "/events", echo("1"), bearer(key)); status != 202 {
		t.Errorf("status %d where the key was made, want 202", status)
	}
	if status, _ := other.do(t, "POST", "/events", echo("1"), bearer(key)); status != 401 {
		t.Errorf("status %d at the other deployment, want 401", status)
	}
	// Nor is an id of one good at the other.
	if got := witnessOf(t, other, "?since="+mine.ID).next(); got.Code != "HISTORY_LOST" {
		t.Errorf("want HISTORY_LOST for an id of the other deployment, got %s", got.raw)
	}
	atOne.more(1)
	atOne.alive()
	atOther.alive()
}
