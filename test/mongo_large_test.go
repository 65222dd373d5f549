package test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A thousand inserts of one transaction are a thousand events, in order, with nothing between them.
func TestMongoLargeTransaction(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	srv := d.node(t, settings{"events.rules": []any{orderInserted, map[string]any{
		"number": 1002, "name": "item", "collection": "items", "operation": "insert", "properties": map[string]string{"n": "n"},
	}}})
	witnesses := []*witness{witnessOf(t, srv, ""), witnessOf(t, srv, "")}
	p := d.program(t)
	l := begin(t, p, srv)
	witnesses[0].more(20)

	const count = 1000
	items := make([]any, count)
	for n := range items {
		items[n] = bson.D{{Key: "n", Value: n}}
	}
	p.together(func(ctx context.Context) error {
		_, err := p.db.Collection("items").InsertMany(ctx, items)
		return err
	})
	l.goesOn(t)
	l.stop()
	agree(t, l.mark(), witnesses...)

	var others []frame
	n, stretches := 0, 0
	for i, f := range witnesses[0].heard {
		if f.EventType != 1002 {
			others = append(others, f)
			continue
		}
		if i == 0 || witnesses[0].heard[i-1].EventType != 1002 {
			stretches++
		}
		if got := numberOf(t, f); got.N != n {
			t.Fatalf("want item %d, got %s", n, f.raw)
		}
		n++
	}
	if n != count || stretches != 1 {
		t.Errorf("%d items in %d stretches, want %d in one", n, stretches, count)
	}
	l.check(others)
}

// A document as large as MongoDB takes one is announced whole, and the node goes on.
func TestMongoLargeDocument(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	srv := d.node(t, settings{"websocket.queueBytes": 64 << 20})
	c := connect(t, srv.ws+"/?events=10")
	before := c.ask(echo(`"before"`))
	live := dialRaw(t, srv, "") // the process of the others would take long to hand such frames on

	p := d.program(t)
	content := strings.Repeat("x", 16<<20-1024)
	p.insert("files", bson.D{{Key: "_id", Value: "large"}, {Key: "user", Value: "george"}, {Key: "content", Value: content}})
	p.remove("files", "large") // the pre-image is as large
	after := c.ask(echo(`"after"`))

	for what, r := range map[string]*raw{"live": live, "history": dialRaw(t, srv, "?since="+before.ID)} {
		for _, kind := range []string{"5", "6"} {
			payload := r.text(t)
			whole := bytes.HasPrefix(payload, []byte(`{"eventType":`+kind+`,`)) && bytes.Contains(payload, []byte(content)) &&
				bytes.Contains(payload, []byte(`"username":"george"`))
			if !whole {
				t.Errorf("%s: want eventType %s with the whole document, got %d bytes: %.300s", what, kind, len(payload), payload)
			}
		}
		if got := r.next(t); got.raw != after.raw {
			t.Errorf("%s: want %s, got %s", what, after.raw, got.raw)
		}
	}
}
