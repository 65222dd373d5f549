package test

import (
	"strconv"
	"testing"
)

// witness is a socket that stays open whatever happens behind its server, and what it has heard, in order.
type witness struct {
	*client

	name  string
	heard []frame
	ids   map[string]bool
	lost  []frame // that history was lost, as it was told
}

// witnessOf connects a witness to a server.
func witnessOf(t *testing.T, srv *server, query string) *witness {
	t.Helper()
	c := connect(t, srv.ws+"/"+query)
	return &witness{client: c, name: "socket " + strconv.Itoa(c.id), ids: map[string]bool{}}
}

// next takes the next event. A socket that closes fails the test, and so does an event that comes twice.
func (w *witness) next() frame {
	w.t.Helper()
	f := w.client.next()
	switch {
	case f.EventType == 0 && f.Code == "HISTORY_LOST":
		w.lost = append(w.lost, f)
	case f.EventType == 0:
		w.t.Fatalf("%s: an error that it did not ask for: %s", w.name, f.raw)
	case w.ids[f.ID]:
		w.t.Fatalf("%s: an id comes twice: %s", w.name, f.raw)
	default:
		w.ids[f.ID] = true
		w.heard = append(w.heard, f)
	}
	return f
}

// until takes events up to and with the first for which the condition holds.
func (w *witness) until(condition func(frame) bool) frame {
	w.t.Helper()
	for {
		if f := w.next(); condition(f) {
			return f
		}
	}
}

// more takes so many more events.
func (w *witness) more(n int) {
	w.t.Helper()
	for range n {
		w.next()
	}
}

// agree takes what every witness hears up to a mark, and has them compare: the same bytes, so the same ids, in the
// same order.
func agree(t *testing.T, mark func(frame) bool, witnesses ...*witness) {
	t.Helper()
	for _, w := range witnesses {
		w.until(mark)
	}
	first := witnesses[0]
	for _, w := range witnesses[1:] {
		for i := range min(len(first.heard), len(w.heard)) {
			if first.heard[i].raw != w.heard[i].raw {
				t.Fatalf("event %d at %s: %s\nat %s: %s", i, first.name, first.heard[i].raw, w.name, w.heard[i].raw)
			}
		}
		if len(w.heard) != len(first.heard) {
			t.Fatalf("%d events at %s, %d at %s", len(first.heard), first.name, len(w.heard), w.name)
		}
	}
}
