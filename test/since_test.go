package test

import (
	"net/url"
	"strconv"
	"testing"
)

// A socket that returns with the last id it saw gets what it missed, in order, and then goes live.

func TestSinceGivesWhatWasMissedThenLive(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	sender := connect(t, srv.ws)

	var ids []string
	for n := range 10 {
		ids = append(ids, sender.ask(echo(strconv.Itoa(n))).ID)
	}
	late := connect(t, srv.ws+"/?since="+ids[3])
	for n := 4; n < 10; n++ {
		if got := late.next(); string(got.Message) != strconv.Itoa(n) || got.ID != ids[n] {
			t.Fatalf("want number %d with id %s, got %s", n, ids[n], got.raw)
		}
	}
	live := sender.ask(echo(`"live"`))
	if got := late.next(); got.raw != live.raw {
		t.Errorf("want the live %s, got %s", live.raw, got.raw)
	}
}

func TestSinceTheLastIsLiveAtOnce(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	sender := connect(t, srv.ws)

	last := sender.ask(echo("1")).ID
	late := connect(t, srv.ws+"/?since="+last)
	sender.ask(echo("2"))
	if got := late.next(); string(got.Message) != "2" {
		t.Errorf("want number 2, got %s", got.raw)
	}
}

// A client that leaves and returns again and again, while a publisher goes on, sees every event once.
func TestSinceWhileAPublisherRuns(t *testing.T) {
	t.Parallel()
	// Little is kept in memory, so that history comes from the store as well.
	srv := startApart(t, settings{"events.history": 100})
	sender := connect(t, srv.ws+"/?events=10")

	const count = 5000
	mark := sender.ask(echo(`"mark"`)).ID
	go func() {
		for n := range count {
			sender.send(echo(strconv.Itoa(n)))
		}
	}()

	last, want := mark, 0
	take := func(f frame) {
		if string(f.Message) != strconv.Itoa(want) {
			t.Fatalf("want number %d, got %s", want, f.raw)
		}
		last = f.ID
		want++
	}
	for want < count {
		c := connect(t, srv.ws+"/?since="+last)
		for range min(400, count-want) {
			take(c.next())
		}
		c.do(nodeCommand{Do: "close", Code: 1000})
		_, _, before := c.closed()
		for _, f := range before { // what came while it left, it has seen
			take(f)
		}
	}
}

// An id is good after a restart, and so is history.
func TestSinceOverARestart(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	sender := connect(t, srv.ws)
	first := sender.ask(echo("1"))
	second := sender.ask(echo("2"))

	srv.stop(t)
	srv.launch(t)

	late := connect(t, srv.ws+"/?since="+first.ID)
	if got := late.next(); got.raw != second.raw {
		t.Errorf("want %s as it was before the restart, got %s", second.raw, got.raw)
	}
	third := late.ask(echo("3"))
	if string(third.Message) != "3" || third.ID == first.ID || third.ID == second.ID {
		t.Errorf("want number 3 with a new id, got %s", third.raw)
	}
}

// An id that this server cannot know is told so, once, and the socket is live.
func TestForgedSinceIsHistoryLost(t *testing.T) {
	t.Parallel()
	srv, stranger := start(t, nil), start(t, nil)
	sender := connect(t, srv.ws)
	first := sender.ask(echo("1"))
	foreign := connect(t, stranger.ws).ask(echo(`"elsewhere"`)).ID

	for name, id := range map[string]string{
		"made up":                  "made-up",
		"a number":                 "0",
		"of another server":        foreign,
		"cut off":                  first.ID[:len(first.ID)-1],
		"made longer":              first.ID + "A",
		"very long":                first.ID + string(make([]byte, 4096)),
		"control characters in it": "\x00\n\"",
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, srv.ws+"/?since="+url.QueryEscape(id))
			lost := c.next()
			if lost.EventType != 0 || lost.Code != "HISTORY_LOST" || lost.Error == "" || lost.Oldest == "" {
				t.Fatalf("want eventType 0 with HISTORY_LOST, words and oldest, got %s", lost.raw)
			}
			live := sender.ask(echo(`"live"`))
			if got := c.next(); got.raw != live.raw {
				t.Errorf("want the live %s, got %s", live.raw, got.raw)
			}

			back := connect(t, srv.ws+"/?since="+url.QueryEscape(lost.Oldest))
			for got := back.next(); got.raw != live.raw; got = back.next() {
				if got.EventType == 0 {
					t.Fatalf("oldest must work as since, got %s", got.raw)
				}
			}
		})
	}
}

// Where nothing has ever happened, oldest works all the same.
func TestOldestOfAnEmptyHistory(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)

	lost := connect(t, srv.ws+"/?since=made-up").next()
	if lost.Code != "HISTORY_LOST" || lost.Oldest == "" {
		t.Fatalf("want HISTORY_LOST with oldest, got %s", lost.raw)
	}
	if got := connect(t, srv.ws+"/?since="+url.QueryEscape(lost.Oldest)).ask(echo("1")); got.EventType != 10 {
		t.Errorf("oldest must work as since, got %s", got.raw)
	}
}

// History that was trimmed is not skipped in silence; what is left can be read from oldest on.
func TestTrimmedHistoryIsHistoryLost(t *testing.T) {
	t.Parallel()
	needsEmbedded(t, "how much MongoDB keeps is the size of its oplog")
	srv := start(t, settings{"events.history": 10, "store.history.events": 50})
	sender := connect(t, srv.ws)
	first := sender.ask(echo(`"first"`)).ID
	const count = 2000
	for n := range count {
		sender.send(echo(strconv.Itoa(n)))
	}
	for range count {
		sender.next()
	}

	var lost frame
	eventually(t, "the oldest history to be gone", func() bool {
		c := connect(t, srv.ws+"/?since="+first)
		defer c.leave()
		lost = c.next()
		return lost.EventType == 0
	})
	if lost.Code != "HISTORY_LOST" || lost.Oldest == "" {
		t.Fatalf("want HISTORY_LOST with oldest, got %s", lost.raw)
	}
	back := connect(t, srv.ws+"/?since="+url.QueryEscape(lost.Oldest))
	n, err := strconv.Atoi(string(back.next().Message))
	if err != nil {
		t.Fatal(err)
	}
	for n++; n < count; n++ {
		if got := back.next(); string(got.Message) != strconv.Itoa(n) {
			t.Fatalf("want number %d, got %s", n, got.raw)
		}
	}
}
