package test

import (
	"testing"
)

// A deployment declares events of its own, numbered from 1000, in the configuration.

var orderPlaced = map[string]any{
	"number": 1000, "name": "order-placed", "collection": "orders", "operation": "insert",
	"properties": map[string]string{"total": "total"}, "username": "customer",
}

func TestOwnEvent(t *testing.T) {
	t.Parallel()
	srv := start(t, settings{"events.rules": []any{orderPlaced}})
	key := srv.key(t, "write:events")
	all, orders, others := connect(t, srv.ws), connect(t, srv.ws+"/?events=1000"), connect(t, srv.ws+"/?events=10")

	status, answer := srv.do(t, "POST", "/events", `{"eventType":1000,"username":"george","total":12.50}`, bearer(key))
	if status < 200 || status > 299 {
		t.Fatalf("status %d: %s", status, answer)
	}
	got := all.next()
	if got.EventType != 1000 || got.ID == "" || got.Time == "" {
		t.Errorf("want eventType 1000 with id and time, got %s", got.raw)
	}
	if fields := got.fields(t); string(fields["username"]) != `"george"` || string(fields["total"]) != "12.50" {
		t.Errorf("want username george and total 12.50, got %s", got.raw)
	}
	if filtered := orders.next(); filtered.raw != got.raw {
		t.Errorf("?events=1000 got %s, want %s", filtered.raw, got.raw)
	}
	others.alive()
}

// What a deployment declares for its writers is not for sockets to send.
func TestOwnEventIsNotAcceptedFromASocket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"events.rules": []any{orderPlaced}})
	c := connect(t, srv.ws)

	if got := c.ask(`{"eventType":1000,"total":1}`); got.EventType != 0 || got.Code != "NOT_ACCEPTED" {
		t.Errorf("want NOT_ACCEPTED, got %s", got.raw)
	}
	if got := c.ask(`{"eventType":1001,"total":1}`); got.EventType != 0 || got.Code != "UNKNOWN_EVENT" {
		t.Errorf("want UNKNOWN_EVENT, got %s", got.raw)
	}
}

func TestOwnEventDeclaredWhileRunning(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	key := srv.key(t, "write:events")
	c := connect(t, srv.ws)
	post := func() int {
		status, _ := srv.do(t, "POST", "/events", `{"eventType":1000,"total":1}`, bearer(key))
		return status
	}

	if status := post(); status != 400 {
		t.Errorf("before it is declared: status %d, want 400", status)
	}
	srv.configure(t, settings{"events.rules": []any{orderPlaced}})
	eventually(t, "the new rule to hold", func() bool { return post() != 400 })
	if got := c.next(); got.EventType != 1000 {
		t.Errorf("want eventType 1000, got %s", got.raw)
	}
}
