package hub

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gatehouse/server/wsconn"
)

// valve is a connection whose client reads when it is told to.
type valve struct {
	mu     sync.Mutex
	room   int // how many batches are taken; below 0: all
	full   bool
	got    []string
	more   chan struct{}
	closed bool
}

func (v *valve) TrySend(b *wsconn.Batch) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.full {
		return false
	}
	v.take(b)
	return true
}

func (v *valve) take(b *wsconn.Batch) {
	v.got = append(v.got, b.String())
	if v.room--; v.room == 0 {
		v.full = true
	}
}

func (v *valve) SendWhenEmpty(stop <-chan struct{}, b *wsconn.Batch) bool {
	for {
		v.mu.Lock()
		if v.closed {
			v.mu.Unlock()
			return false
		}
		if !v.full {
			v.take(b)
			v.mu.Unlock()
			return true
		}
		more := v.more
		v.mu.Unlock()
		select {
		case <-more:
		case <-stop:
			return false
		}
	}
}

// reads lets the client take so many more.
func (v *valve) reads(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.room, v.full = n, false
	close(v.more)
	v.more = make(chan struct{})
}

func (v *valve) has() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.got, " ")
}

// latest is a queue on a valve that takes n batches at first.
func latest(t *testing.T, n int) (*Latest[string], *valve) {
	t.Helper()
	v := &valve{room: n, full: n == 0, more: make(chan struct{})}
	stop := make(chan struct{})
	var tasks sync.WaitGroup
	t.Cleanup(func() { close(stop); tasks.Wait() })
	return NewLatest[string](v, stop, func(f func()) bool { tasks.Go(f); return true }), v
}

func send(l *Latest[string], batch string, bytes int) bool {
	return l.Send(batch[:1], wsconn.NewBatch([]byte(batch), ""), bytes)
}

func TestLatestKeepsTheNewest(t *testing.T) {
	l, v := latest(t, 2)
	for _, b := range []string{"a1", "a2", "b1", "a3", "b2", "c1", "a4"} { // the first two are taken
		if !send(l, b, 100) {
			t.Fatalf("%s did not fit", b)
		}
	}
	v.reads(-1)
	// What serves it may hold the first that waited already.
	eventually(t, func() bool { return strings.HasSuffix(v.has(), "c1") })
	if got := v.has(); got != "a1 a2 b2 a4 c1" && got != "a1 a2 b1 a4 b2 c1" {
		t.Errorf("told %s", got)
	}
	eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return !l.serving })
	if !send(l, "a5", 100) || !strings.HasSuffix(v.has(), "a5") {
		t.Errorf("a client that has caught up is not told at once: %s", v.has())
	}
}

func TestLatestIsBounded(t *testing.T) {
	l, v := latest(t, 0)
	for i, c := range []struct {
		batch string
		fits  bool
	}{
		{"a" + strings.Repeat("x", 50), true}, // whatever the bound
		{"b" + strings.Repeat("x", 50), true}, // where serve holds the first
		{"c1", false},
		{"b1", true}, // in place of what waits
		{"c1", true},
		{"b" + strings.Repeat("x", 7), true},
		{"b" + strings.Repeat("x", 8), false},
		{"b1", true},
		{"d12345", true},
		{"e", false},
	} {
		if i == 1 { // so that it is known who holds what
			eventually(t, func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.waiting) == 0 })
		}
		if got := send(l, c.batch, 10); got != c.fits {
			t.Errorf("%d, %.5s of %d bytes: fits %v, want %v", i, c.batch, len(c.batch), got, c.fits)
		}
	}
	l.Forget("b")
	l.Forget("b")
	l.Forget("z")
	if !send(l, "e", 10) {
		t.Error("what was forgotten takes room")
	}
	v.reads(-1)
	eventually(t, func() bool { return strings.HasSuffix(v.has(), "c1 d12345 e") })
	if strings.Contains(v.has(), "b1") {
		t.Errorf("what was forgotten was told: %s", v.has())
	}
}

// A queue whose connection has ended keeps nothing busy.
func TestLatestEndsWithItsConnection(t *testing.T) {
	l, v := latest(t, 0)
	send(l, "a1", 100)
	send(l, "b1", 100)
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.reads(-1)
	for range 1000 {
		send(l, "c"+strconv.Itoa(rand.N(10)), 100)
	}
	if got := v.has(); got != "" {
		t.Errorf("told %s", got)
	}
}

// Whatever a client's pace, it is told of each thing in order, and the newest in
// the end.
func TestLatestAtAnyPace(t *testing.T) {
	for round := range 50 {
		l, v := latest(t, 1)
		var writers sync.WaitGroup
		for _, of := range []string{"a", "b", "c"} {
			writers.Go(func() {
				for n := range 200 {
					if !send(l, fmt.Sprintf("%s%03d", of, n), 1000) {
						t.Error("it did not fit")
					}
				}
			})
		}
		for range round {
			v.reads(1 + rand.N(3))
		}
		writers.Wait()
		v.reads(-1)
		last := map[string]string{}
		eventually(t, func() bool {
			clear(last)
			for b := range strings.SplitSeq(v.has(), " ") {
				if last[b[:1]] >= b {
					t.Fatalf("%s is told behind %s", b, last[b[:1]])
				}
				last[b[:1]] = b
			}
			return last["a"] == "a199" && last["b"] == "b199" && last["c"] == "c199"
		})
	}
}
