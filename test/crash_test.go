package test

import (
	"fmt"
	"testing"
)

// A server that is killed at work has, when it is back, every event that anybody saw, none twice, and the
// events of each sender in the order in which it sent them.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	srv := startApart(t, settings{"events.history": 200})
	mark := connect(t, srv.ws).ask(echo(`"mark"`)).ID

	// So many more are always on their way; without a bound the process that holds the sockets would not keep up.
	const senders, enough, onTheWay = 5, 1000, 2500
	var seenBy []*client
	for range senders {
		seenBy = append(seenBy, connect(t, srv.ws))
	}
	stop, room := make(chan struct{}), make(chan struct{}, onTheWay+enough)
	for range onTheWay {
		room <- struct{}{}
	}
	stopped := make(chan struct{}, senders)
	for s, c := range seenBy {
		go func() {
			defer func() { stopped <- struct{}{} }()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-room:
					c.send(echo(fmt.Sprintf(`{"sender":%d,"n":%d}`, s, n)))
				}
			}
		}()
	}

	// One more only listens, and tells when there is load enough.
	var seen []frame
	listener := connect(t, srv.ws+"/?since="+mark)
	for range enough {
		seen = append(seen, listener.next())
		room <- struct{}{}
	}
	srv.kill(t)
	close(stop)
	for range senders {
		<-stopped
	}
	for _, c := range append(seenBy, listener) {
		_, _, before := c.closed()
		seen = append(seen, before...)
	}

	srv.launch(t)
	back := connect(t, srv.ws+"/?since="+mark)
	end := connect(t, srv.ws).ask(echo(`"end"`))
	replayed := map[string]string{} // id → the frame
	next, missing := [senders]int{}, 0
	for got := back.next(); got.ID != end.ID; got = back.next() {
		if _, twice := replayed[got.ID]; twice {
			t.Fatalf("twice: %s", got.raw)
		}
		replayed[got.ID] = got.raw
		var s, n int
		if _, err := fmt.Sscanf(string(got.Message), `{"sender":%d,"n":%d}`, &s, &n); err != nil {
			t.Fatalf("not what was sent: %s", got.raw)
		}
		// Neither out of order, nor twice under another id.
		if n < next[s] {
			t.Fatalf("sender %d: want its number %d, got %s", s, next[s], got.raw)
		}
		missing += n - next[s]
		next[s] = n + 1
	}
	if len(replayed) < enough {
		t.Errorf("%d events are left, %d were seen", len(replayed), len(seen))
	}
	told := 0
	for _, f := range seen {
		if f.Code == "STORE_UNAVAILABLE" {
			told++
		}
		if f.EventType == 10 && replayed[f.ID] != f.raw {
			t.Fatalf("seen before the crash: %s\nafter it: %s", f.raw, replayed[f.ID])
		}
	} // Nor with one missing in between, but those whose sender was told so.
	if missing > told {
		t.Errorf("%d events are missing, %d were refused", missing, told)
	}
}
