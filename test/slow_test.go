package test

import (
	"strconv"
	"strings"
	"testing"
)

// A client that does not read is closed with 4008 once too much waits for it. It is told the last id that it
// was sent, and can return for the rest. Nobody else notices.
//
// It is not parallel to other tests: once the server has given up a client, that one has only so long to read
// why.
func TestSlowClient(t *testing.T) {
	sameOnBoth(t)
	srv := start(t, settings{"websocket.queueBytes": 256 << 10})
	sender, healthy := connect(t, srv.ws), connect(t, srv.ws)
	mark := sender.ask(echo(`"mark"`)).ID
	healthy.next()

	paused, unread := connect(t, srv.ws+"/?since="+mark), dialRaw(t, srv, "?since="+mark)
	paused.alive()
	paused.pause()

	// More than the kernel (4 MB to send, on Linux) and the queue hold together, and not much more.
	const count = 100
	payload := strings.Repeat("x", 60_000)
	for n := range count {
		sent := sender.ask(echo(`"` + strconv.Itoa(n) + " " + payload + `"`))
		if got := healthy.next(); got.ID != sent.ID {
			t.Fatalf("number %d: the healthy socket got %.100s", n, got.raw)
		}
	}

	paused.resume()
	code, last, before := unread.closed(t)
	returns(t, srv, code, last, before, count)
	code, last, before = paused.closed()
	returns(t, srv, code, last, before, count)
}

// returns comes back after having been too slow: what was seen before and what comes now is, together,
// everything that was sent, without a gap or a repeat.
func returns(t *testing.T, srv *server, code int, last string, before []frame, count int) {
	t.Helper()
	if code != 4008 {
		t.Fatalf("close code %d after %d frames, want 4008", code, len(before))
	}
	if len(before) == 0 {
		t.Fatal("it was closed before it had got anything")
	}
	id := before[len(before)-1].ID
	if fits := len(id) <= 123; fits && last != id || !fits && last != "" {
		t.Fatalf("the reason %q is not the id of the last of %d frames, %q", last, len(before), id)
	}
	last = id // which a client knows by itself, where it does not fit into a reason
	// What follows that id is more than the queue holds, and comes all the same to who reads.
	back := connect(t, srv.ws+"/?since="+last)
	for n := range count {
		var got frame
		if n < len(before) {
			got = before[n]
		} else {
			got = back.next()
		}
		if !strings.HasPrefix(string(got.Message), `"`+strconv.Itoa(n)+" ") {
			t.Fatalf("want number %d, got %.100s", n, got.raw)
		}
	}
	back.alive()
}
