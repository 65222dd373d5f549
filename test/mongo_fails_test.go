package test

import (
	"strings"
	"testing"

	"gatehouse/test/secantus"
)

// What MongoDB answers to the feed of a node, and to nothing else, is mended behind everybody's back; but where it
// says that history is lost, everybody is told.

// feed is the name by which a node's change streams are known to MongoDB.
const feed = "gatehouse-feed"

// passing are answers after which a change stream can be opened again behind its last event: a host that is not
// there (6), shutdowns (91, 11600), elections (189, 10107, 13436), a cursor that was forgotten or killed (43, 237),
// a time that is over (50).
var passing = []int{6, 91, 189, 10107, 11600, 13436, 43, 50, 237}

func TestMongoFails(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{})

	t.Run("in passing", func(t *testing.T) { feedFailsInPassing(t, s) })
	for _, code := range []int{280, 286} {
		t.Run("history lost", func(t *testing.T) { feedIsLost(t, s, code) })
	}
	t.Run("stop", func(t *testing.T) { feedIsLostAndStops(t, s) })
	t.Run("in doubt", func(t *testing.T) { echoesInDoubt(t, s) })
}

func feedFailsInPassing(t *testing.T, s *secantus.Server) {
	d := on(s)
	srv := d.node(t, settings{"events.rules": []any{orderInserted}})
	witnesses := []*witness{witnessOf(t, srv, ""), witnessOf(t, srv, "")}
	l := begin(t, d.program(t), srv)
	fail := func(f secantus.FailPoint) {
		f.AppName = feed
		s.FailCommand(t, f)
		l.goesOn(t)
	}
	for _, code := range passing {
		fail(secantus.FailPoint{Times: 2, Commands: []string{"getMore", "aggregate"}, Code: code})
		// With this label the driver opens the stream again by itself.
		fail(secantus.FailPoint{Times: 1, Commands: []string{"getMore"}, Code: code, ErrorLabels: []string{"ResumableChangeStreamError"}})
	}
	fail(secantus.FailPoint{Times: 3, Commands: []string{"getMore"}, CloseConnection: true})

	l.stop()
	agree(t, l.mark(), witnesses...)
	l.check(witnesses[0].heard)
	if refused := l.count(echoRefused, echoInDoubt); refused > 0 {
		t.Errorf("%d echoes were refused, though only the feed was disturbed", refused)
	}
	for _, w := range witnesses {
		w.alive()
		if len(w.lost) > 0 {
			t.Errorf("%s was told that history was lost: %s", w.name, w.lost[0].raw)
		}
	}
}

func feedIsLost(t *testing.T, s *secantus.Server, code int) {
	d := on(s)
	srv := d.node(t, settings{"events.rules": []any{orderInserted}})
	witnesses := []*witness{witnessOf(t, srv, ""), witnessOf(t, srv, ""), witnessOf(t, srv, "?events=1000")}
	l := begin(t, d.program(t))
	witnesses[0].more(20)

	loseFeed(t, s, srv, code)
	for _, w := range witnesses {
		w.until(func(frame) bool { return len(w.lost) > 0 })
	}
	told := len(witnesses[0].heard)
	witnesses[0].more(20)
	l.stop()
	end := l.mark()
	agree(t, end, witnesses...)
	l.ascend(witnesses[0].heard)
	for _, w := range witnesses {
		if len(w.lost) != 1 || w.lost[0].Oldest == "" || w.lost[0].Error == "" {
			t.Errorf("%s: want to be told once, with words and oldest: %+v", w.name, w.lost)
		}
		w.alive()
	}
	// What came behind the gap, and nothing before it.
	back := witnessOf(t, srv, "?since="+witnesses[0].lost[0].Oldest)
	back.until(end)
	for i, want := range witnesses[0].heard[told:] {
		if i >= len(back.heard) || back.heard[i].raw != want.raw {
			t.Fatalf("oldest does not lead behind the gap: %d events, want %d, the first of them %s", len(back.heard), len(witnesses[0].heard)-told, want.raw)
		}
	}
}

// loseFeed has the feed of the events lose its history, once. A node reads one more for each other dialect, which MongoDB
// cannot tell from it: where one of those meets the fault, there is another.
func loseFeed(t *testing.T, s *secantus.Server, srv *server, code int) {
	t.Helper()
	said := func(what string) int { return strings.Count(srv.log.String(), what) }
	for range 30 {
		others := said("changes may have been missed")
		s.FailCommand(t, secantus.FailPoint{Times: 1, Commands: []string{"getMore"}, AppName: feed, Code: code})
		eventually(t, "a feed to be lost", func() bool {
			return said("events were lost") > 0 || said("changes may have been missed") > others
		})
		if said("events were lost") > 0 {
			return
		}
	}
	t.Fatal("the feed of the events never met the fault")
}

func feedIsLostAndStops(t *testing.T, s *secantus.Server) {
	d := on(s)
	srv := d.node(t, settings{"events.historyLost": "stop", "events.rules": []any{orderInserted}})
	witnesses := []*witness{witnessOf(t, srv, ""), witnessOf(t, srv, "?events=1000")}
	l := begin(t, d.program(t))
	witnesses[0].more(5)
	loseFeed(t, s, srv, 286)

	for _, w := range witnesses {
		code, _, before := w.closed()
		if code != 1001 {
			t.Errorf("close code %d, want 1001", code)
		}
		if len(before) == 0 || before[len(before)-1].Code != "HISTORY_LOST" {
			t.Errorf("want HISTORY_LOST before the end, got %+v", before)
		}
	}
	if status := srv.wait(t); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
	if log := srv.log.String(); !strings.Contains(log, "events were lost") {
		t.Errorf("the log does not say why it ended:\n%s", log)
	}
	l.stop()
}

// Where MongoDB does not say what became of an echo its sender is told so, and the echo comes once at most.
func echoesInDoubt(t *testing.T, s *secantus.Server) {
	d := on(s)
	srv := d.node(t, nil)
	sender, w := connect(t, srv.ws+"/?events=1"), witnessOf(t, srv, "")
	send := func(f secantus.FailPoint, message string) {
		f.AppName = "gatehouse"
		s.FailCommand(t, f)
		if got := sender.ask(echo(message)); got.Code != "STORE_UNAVAILABLE" || !got.InDoubt {
			t.Errorf("%s: want STORE_UNAVAILABLE with inDoubt, got %s", message, got.raw)
		}
		s.ClearFailPoint(t)
	}
	unsure := secantus.FailPoint{Commands: []string{"insert"}, WriteConcernError: &secantus.ConcernError{Code: 64, Message: "waiting for replication timed out"}}
	for _, message := range []string{`"done 1"`, `"done 2"`} {
		send(unsure, message)
		if got := w.next(); string(got.Message) != message {
			t.Errorf("want the echo that was done after all, %s, got %s", message, got.raw)
		}
	}
	// More often than the driver tries.
	send(secantus.FailPoint{Commands: []string{"insert"}, CloseConnection: true}, `"not done"`)
	sender.send(echo(`"the end"`))
	if got := w.next(); string(got.Message) != `"the end"` {
		t.Errorf("want no more than was done, got %s", got.raw)
	}
}
