package test

import (
	"testing"
)

// A socket may ask in its address for some events only.

func TestFilterByEvent(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	all, echoes, logins := connect(t, srv.ws), connect(t, srv.ws+"/?events=1,10"), connect(t, srv.ws+"/?events=1")

	sent := all.ask(echo(`"to whom it concerns"`))
	if got := echoes.next(); got.raw != sent.raw {
		t.Errorf("?events=1,10 got %s, want %s", got.raw, sent.raw)
	}
	// What the filter keeps from a socket would come before the reply to what the socket sends now.
	logins.alive()
	all.ask(echo(`"another"`))
	echoes.next()
	logins.alive()
}

// The sender too sees its own echo only if it asked for echoes.
func TestFilterHoldsForTheSender(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	all, logins := connect(t, srv.ws), connect(t, srv.ws+"/?events=1")

	logins.send(echo(`"from a socket that wants logins"`))
	if got := all.next(); string(got.Message) != `"from a socket that wants logins"` {
		t.Errorf("got %s", got.raw)
	}
	logins.alive()
}

func TestFilterHoldsForHistory(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)
	first := c.ask(echo("1"))
	c.ask(echo("2"))

	connect(t, srv.ws+"/?events=1&since="+first.ID).alive()
	if got := connect(t, srv.ws+"/?events=10&since="+first.ID).next(); string(got.Message) != "2" {
		t.Errorf("want number 2, got %s", got.raw)
	}
}

func TestBadQueryIsRefused(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	for _, query := range []string{"events=x", "events=1,x", "events=1.5", "events=-1", "events=1%3B10"} {
		if status, _ := refused(t, srv.ws+"/?"+query, trusted); status != 400 {
			t.Errorf("?%s: status %d, want 400 before the upgrade", query, status)
		}
	}
}
