package events_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/events"
)

// follow reads from an id until it has come to the echo of to-1, and fails unless
// it gets each echo from the given one on, once.
func follow(ctx context.Context, t *testing.T, l *events.Log, since string, from, to int) {
	r, err := l.Open(ctx, since)
	if err != nil {
		t.Errorf("from %d: %v", from, err)
		return
	}
	defer r.Close()
	for from < to {
		es, err := r.Next(ctx, 64)
		if err != nil {
			t.Errorf("at %d: %v", from, err)
			return
		}
		for _, e := range es {
			if !strings.HasSuffix(string(e.JSON), `"message":`+strconv.Itoa(from)+`}`) {
				t.Errorf("%s, want the echo of %d", e.JSON, from)
				return
			}
			from++
		}
	}
}

// read1 takes one entry.
func read1(t *testing.T, r *events.Reader) *events.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	es, err := r.Next(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	return es[0]
}

// returned lets a crowd return to these ids, each that of the echo before the
// place, while more is written.
func returned(t *testing.T, c *counted, l *events.Log, all []*events.Entry, crowd int, places []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const more = 60
	var wg sync.WaitGroup
	wg.Go(func() { echo(t, c, len(all), len(all)+more) })
	for i := range crowd {
		wg.Go(func() {
			k := places[i%len(places)]
			follow(ctx, t, l, all[k].ID, k+1, len(all)+more)
		})
	}
	wg.Wait()
	eventually(t, func() bool { return c.get(&c.open) == 1 }) // the log's own
	t.Logf("%d returned to %d places: %d feeds opened, %d at once", crowd, len(places), c.opened, c.mostOpen)
	if c.mostOpen > 1+8 || c.closedTwice > 0 {
		t.Errorf("%d feeds open at once, %d closed twice", c.mostOpen, c.closedTwice)
	}
}

func TestACrowdThatReturnsSharesOneFeed(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 100, 1000)
	returned(t, c, l, all, 5000, []int{40})
	if c.opened > 3 {
		t.Errorf("%d feeds were opened", c.opened)
	}
}

func TestACrowdThatReturnsToManyPlacesSharesAFew(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 300, 1000)
	var places []int
	for i := range 40 {
		places = append(places, (i*37)%290)
	}
	returned(t, c, l, all, 5000, places)
	if c.opened > 40 {
		t.Errorf("%d feeds were opened", c.opened)
	}
}

func TestSlowReadersDoNotKeepOthersWaiting(t *testing.T) {
	const n, slow = 400, 8
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, n, 1000)
	var rs []*events.Reader
	for i := range slow { // each at an older place, which none of the others serves
		k := 100 - 10*i
		rs = append(rs, open(t, l, all[k].ID))
		isEcho(t, read1(t, rs[i]), k+1)
	}
	if c.get(&c.open) > 1+slow {
		t.Fatalf("%d feeds are open", c.open)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for k := range 12 {
		wg.Go(func() { follow(ctx, t, l, all[k].ID, k+1, n) })
	}
	wg.Wait()
	for i, r := range rs {
		k := 100 - 10*i
		for j, e := range read(t, r, n-k-2) {
			isEcho(t, e, k+2+j)
		}
	}
	if c.mostOpen > 1+8 || c.closedTwice > 0 {
		t.Errorf("%d feeds open at once, %d closed twice", c.mostOpen, c.closedTwice)
	}
}

func TestPastsThatCannotMeetMemoryGiveWay(t *testing.T) {
	const n, stuck = 200, 8
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, n, 1000)
	c.count(func() { c.mute = true })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range stuck {
		k := 100 - 10*i
		r := open(t, l, all[k].ID)
		for j, e := range read(t, r, n-1-k) {
			isEcho(t, e, k+1+j)
		}
		wg.Go(func() { // waits for memory, with the past's turn to read
			if es, err := r.Take(ctx, 64); len(es) > 0 || err != nil {
				t.Errorf("behind the last: %d entries, %v", len(es), err)
			}
		})
	}
	follow(ctx, t, l, all[5].ID, 6, n)
	c.count(func() { c.mute = false })
	wg.Wait()
	if c.mostOpen > 1+8 || c.closedTwice > 0 {
		t.Errorf("%d feeds open at once, %d closed twice", c.mostOpen, c.closedTwice)
	}
}
