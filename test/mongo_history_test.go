package test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// What MongoDB no longer has is not skipped in silence, whoever was away: a client, a node that was down, a node
// whose link was cut.
func TestMongoTrimmedOplog(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{OplogMaxEntries: 1000})
	proxy := secantus.NewProxy(t, s.Host())
	d := on(s)
	rules := settings{"events.rules": []any{orderInserted}}
	down, cut := d.node(t, rules), d.by(proxy.URI()).node(t, rules)
	p := d.program(t)
	witnesses := []*witness{witnessOf(t, cut, ""), witnessOf(t, cut, "")}
	seen := connect(t, down.ws).ask(echo(`"seen"`))
	for _, w := range witnesses {
		if got := w.next(); got.raw != seen.raw {
			t.Fatalf("want %s, got %s", seen.raw, got.raw)
		}
	}

	down.stop(t)
	proxy.Cut()
	for batch := range 5 {
		orders := make([]any, 1000)
		for n := range orders {
			orders[n] = bson.D{{Key: "writer", Value: 0}, {Key: "n", Value: 1000*batch + n}}
		}
		p.insert("orders", orders...)
	}
	down.launch(t)
	proxy.Mend()

	for _, w := range witnesses {
		lost := w.until(func(frame) bool { return len(w.lost) > 0 })
		if lost.Oldest == "" || len(w.heard) > 1 {
			t.Errorf("%s: want HISTORY_LOST with oldest, and no order before it: %s after %v", w.name, lost.raw, w.heard[1:])
		}
	}
	// To a client, its old id is the same at both.
	for i, srv := range []*server{down, cut} {
		back := witnessOf(t, srv, "?since="+seen.ID)
		back.until(func(frame) bool { return len(back.lost) > 0 })
		if len(back.heard) > 0 || back.lost[0].Oldest == "" {
			t.Errorf("node %d: want HISTORY_LOST with oldest, and nothing before it: %+v after %v", i, back.lost, back.heard)
		}
		older := witnessOf(t, srv, "?since="+back.lost[0].Oldest)
		live := connect(t, srv.ws).ask(echo(fmt.Sprint(i)))
		for _, w := range append(witnesses, back, older) {
			w.until(func(f frame) bool { return f.raw == live.raw })
		}
		if len(older.lost) > 0 {
			t.Errorf("node %d: oldest must work as since, got %s", i, older.lost[0].raw)
		}
	}
	for _, w := range witnesses {
		if len(w.lost) != 1 {
			t.Errorf("%s was told %d times that history was lost", w.name, len(w.lost))
		}
	}
}

// An id is good in its deployment only, and only as it was given.
func TestMongoForgedIDs(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	srv, stranger := d.node(t, nil), shared(t).node(t, nil)
	c := connect(t, srv.ws)
	mine := c.ask(echo("1")).ID
	forged := map[string]string{"of another deployment": connect(t, stranger.ws).ask(echo("2")).ID}
	raw, err := base64.RawURLEncoding.DecodeString(mine)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{5, 8, 14, 20, 40, len(raw) - 8} { // each byte tells something else
		altered := append([]byte(nil), raw...)
		altered[at] ^= 1
		binary.BigEndian.PutUint32(altered, crc32.ChecksumIEEE(altered[4:])) // by who knows how ids are made
		forged[fmt.Sprint("with byte ", at, " altered")] = base64.RawURLEncoding.EncodeToString(altered)
	}

	for name, id := range forged {
		w := witnessOf(t, srv, "?since="+id)
		if got := w.next(); got.Code != "HISTORY_LOST" || got.Oldest == "" {
			t.Errorf("%s: want HISTORY_LOST with oldest, got %s", name, got.raw)
		}
		live := c.ask(echo(`"live"`))
		if got := w.next(); got.raw != live.raw {
			t.Errorf("%s: want the live %s, got %s", name, live.raw, got.raw)
		}
		w.leave()
	}
	w := witnessOf(t, srv, "?since="+mine)
	if got := w.next(); string(got.Message) != `"live"` {
		t.Errorf("the id itself must work, got %s", got.raw)
	}
}
