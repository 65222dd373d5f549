package test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// A configuration change ends streams, too: what is open follows the list as it is.
func TestStreamsEndWithTheirOrigin(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.approvedSocketDomains": []string{"^trusted-host$", "^localhost$"}, "websocket.pingSeconds": 0.2})
	stream := openSSE(t, srv.url+"/events", trusted)
	srv.configure(t, settings{"websocket.approvedSocketDomains": []string{"^localhost$"}, "websocket.pingSeconds": 0.2})
	for stream.lines.Scan() { // to its end: with comments alone it would never be reached
	}
	if !stream.alarm.Stop() {
		t.Error("the stream goes on")
	}
}

// SIGHUP means reload; during a drain it means nothing, and never the end.
func TestSIGHUPDuringTheDrain(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.drainSeconds": 0.5})
	c := connect(t, srv.ws)
	srv.signal(t, syscall.SIGTERM)
	srv.logged(t, "stopping")
	srv.signal(t, syscall.SIGHUP)
	if code, _, _ := c.closed(); code != 1001 {
		t.Errorf("close code %d, want 1001", code)
	}
	if status := srv.wait(t); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
}

// However little is kept in memory, whoever connects misses nothing: the rest is in the store.
func TestTinyMemoryLosesNothing(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"events.history": 1})
	sender := connect(t, srv.ws)
	const n = 150
	joined := make([]*client, 0, 10)
	for i := range n {
		if i%15 == 0 {
			joined = append(joined, connect(t, srv.ws))
		}
		sender.send(echo(fmt.Sprint(i)))
	}
	for i := range n {
		if got := sender.next(); string(got.Message) != fmt.Sprint(i) {
			t.Fatalf("the sender got %s, want number %d", got.raw, i)
		}
	}
	for j, c := range joined {
		first := -1
		for {
			got := c.next()
			if got.EventType != 10 {
				t.Fatalf("socket %d got %s", j, got.raw)
			}
			var i int
			if _, err := fmt.Sscan(string(got.Message), &i); err != nil {
				t.Fatal(err)
			}
			if first < 0 {
				first = i
			} else if first++; i != first {
				t.Fatalf("socket %d got number %d, want %d", j, i, first)
			}
			if i == n-1 {
				break
			}
		}
	}
}

// Over HTTP there is nobody to answer alone.
func TestPostCannotBePrivate(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	key := srv.key(t, "write:events")
	status, answer := srv.do(t, "POST", "/events", `{"eventType":10,"message":1,"broadcast":false}`, bearer(key))
	if status != 400 || !strings.Contains(string(answer), "INVALID_PROPERTY") {
		t.Errorf("status %d: %s", status, answer)
	}
}
