package hub

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/events"
	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a log on a real store, and a hub on it.
func running(t testing.TB, history, shards int) (*Hub, *events.Log, store.Store) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	cs := events.Collections()
	for _, name := range []string{events.Users, events.Sessions, events.Files, events.Buckets, events.Characters} {
		cs = append(cs, store.Collection{Name: name})
	}
	if err := st.Declare(t.Context(), cs...); err != nil {
		t.Fatal(err)
	}
	rules, err := events.NewRules()
	if err != nil {
		t.Fatal(err)
	}
	l := events.NewLog(events.Options{Store: st, Rules: rules, Frame: wsconn.TextFrame, History: history, Logger: logger})
	h := New(l, shards)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Run(ctx) })
	wg.Go(func() { h.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		_ = st.Close()
	})
	eventually(t, func() bool { return l.Ready(t.Context()) == nil })
	return h, l, st
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	end, again := time.After(15*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-end:
			t.Fatal("did not come to pass")
		}
	}
}

// conn counts the frames that it is given, and their order.
type conn struct {
	mu   sync.Mutex
	next int
	err  error
}

func (c *conn) Send(b *wsconn.Batch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range numbers(b) {
		if n != c.next && c.err == nil {
			c.err = fmt.Errorf("number %d came, want %d", n, c.next)
		}
		c.next = n + 1
	}
	return true
}

// numbers are the messages of the echoes in a batch.
func numbers(b *wsconn.Batch) (ns []int) {
	for _, part := range strings.Split(b.String(), `"message":`)[1:] {
		var n int
		if _, err := fmt.Sscan(strings.SplitN(part, "}", 2)[0], &n); err == nil {
			ns = append(ns, n)
		}
	}
	return ns
}

func echo(t testing.TB, st store.Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := events.Announce(t.Context(), st, events.NewEcho(fmt.Append(nil, i), nil)); err != nil {
			t.Error(err)
		}
	}
}

func TestWhoJoinsGetsEverythingBehindItsPlace(t *testing.T) {
	const n = 400
	for _, shards := range []int{1, 3} {
		t.Run(fmt.Sprint(shards), func(t *testing.T) {
			h, l, st := running(t, 10_000, shards)
			base := l.Head()
			var wg sync.WaitGroup
			wg.Go(func() { echo(t, st, 0, n) })
			var conns []*conn
			for range 200 {
				seq := l.Head()
				c := &conn{next: int(seq - base)}
				conns = append(conns, c)
				m := h.Member(c, events.Filter{}, func() { t.Error("a place was lost") })
				if rand.IntN(2) == 0 {
					h.Leave(h.Member(c, events.Filter{}, nil)) // a stranger that never joined
				}
				h.Join(m, seq)
			}
			wg.Wait()
			for i, c := range conns {
				eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.next == n })
				if c.err != nil {
					t.Errorf("member %d: %v", i, c.err)
				}
			}
		})
	}
}

func TestWhoLeftGetsNothing(t *testing.T) {
	h, l, st := running(t, 10_000, 1)
	stay, leave, never := &conn{}, &conn{}, &conn{}
	all := events.Filter{}
	a, b, c := h.Member(stay, all, nil), h.Member(leave, all, nil), h.Member(never, all, nil)
	h.Join(a, l.Head())
	h.Join(b, l.Head())
	h.Leave(c)
	h.Join(c, l.Head()) // too late
	echo(t, st, 0, 1)
	eventually(t, func() bool { leave.mu.Lock(); defer leave.mu.Unlock(); return leave.next == 1 })
	h.Leave(b)
	h.Leave(b)
	echo(t, st, 1, 5)
	eventually(t, func() bool { stay.mu.Lock(); defer stay.mu.Unlock(); return stay.next == 5 })
	if leave.next > 2 || never.next != 0 {
		t.Errorf("left %d, never joined %d", leave.next, never.next)
	}
	h.Leave(a)
	eventually(t, func() bool {
		h.shards[0].mu.Lock()
		defer h.shards[0].mu.Unlock()
		return len(h.shards[0].requests) == 0
	})
}

func TestFiltersMakeGroups(t *testing.T) {
	h, l, st := running(t, 10_000, 1)
	logins, err := events.ParseFilter("1", "")
	if err != nil {
		t.Fatal(err)
	}
	echoes, err := events.ParseFilter("10", "")
	if err != nil {
		t.Fatal(err)
	}
	quiet, loud := &conn{}, &conn{}
	h.Join(h.Member(quiet, logins, nil), l.Head())
	h.Join(h.Member(loud, echoes, nil), l.Head())
	echo(t, st, 0, 3)
	eventually(t, func() bool { loud.mu.Lock(); defer loud.mu.Unlock(); return loud.next == 3 })
	if quiet.next != 0 {
		t.Error("an event that was not wanted")
	}
}

func TestALostPlaceIsTold(t *testing.T) {
	h, l, st := running(t, 10, 1)
	before := l.Head()
	echo(t, st, 0, 100)
	eventually(t, func() bool { return l.Head() == before+100 })
	lost := make(chan struct{})
	h.Join(h.Member(&conn{}, events.Filter{}, func() { close(lost) }), before)
	<-lost
}

// silent is a socket that takes everything at once.
type silent struct{ frames int }

func (s *silent) Send(*wsconn.Batch) bool {
	s.frames++
	return true
}

// BenchmarkDeliver is what the hub itself costs for one event to one member,
// without the kernel's part.
func BenchmarkDeliver(b *testing.B) {
	const members = 1000
	g := &group{}
	for range members {
		g.add(&Member{conn: &silent{}})
	}
	e := []*events.Entry{{Type: events.Echo, Frame: wsconn.TextFrame(make([]byte, 200))}}
	b.ReportAllocs()
	for b.Loop() {
		g.deliver(e)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/delivery")
}
