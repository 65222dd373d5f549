package hub

import (
	"context"
	"runtime"
	"sync"
	"time"

	"gatehouse/events"
	"gatehouse/server/wsconn"
)

// maxBatch is how many bytes are joined for one write; more is written in
// several.
const maxBatch = 256 << 10

// A rest is within these bounds: less is not worth a timer, and more would be
// felt.
const (
	minRest = 500 * time.Microsecond
	maxRest = 25 * time.Millisecond
)

// restAfter is for how long a shard rests after a delivery. Where events come so
// fast that delivering each by itself would take more than half of the time, it
// is half as long again as the delivery: more events share the next write then,
// and writes are what costs. Where they come slower nobody waits.
func restAfter(delivery, between time.Duration) time.Duration {
	if between >= 2*delivery {
		return 0
	}
	return min(delivery*3/2, maxRest)
}

// Conn is a connection as the hub sees it. Send must not wait.
type Conn interface {
	Send(b *wsconn.Batch) bool
}

// Member is a connection that wants events. It is made by [Hub.Member].
type Member struct {
	conn   Conn
	filter events.Filter
	lost   func()
	shard  *shard

	// The shard's own:
	gone  bool
	group *group
	place int
}

// Hub holds the groups, in a few shards that work side by side.
type Hub struct {
	log    *events.Log
	shards []*shard

	mu   sync.Mutex
	next int
}

// New makes a hub on a log. Shards is how many goroutines deliver; 0 is one for
// every two processors: the kernel's part of a write is most of the work, and
// it is shared with whoever reads.
func New(log *events.Log, shards int) *Hub {
	if shards <= 0 {
		shards = max(1, runtime.GOMAXPROCS(0)/2)
	}
	h := &Hub{log: log}
	for range shards {
		h.shards = append(h.shards, &shard{log: log, wake: make(chan struct{}, 1), groups: map[events.Filter]*group{}})
	}
	return h
}

// Run delivers until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range h.shards {
		wg.Go(func() { s.run(ctx) })
	}
	wg.Wait()
}

// Member makes a member of a connection and what it wants; it has not joined
// yet. Lost is called, and must not wait, where the place at which the member
// wants to join is no longer in memory.
func (h *Hub) Member(conn Conn, filter events.Filter, lost func()) *Member {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	return &Member{conn: conn, filter: filter, lost: lost, shard: h.shards[h.next%len(h.shards)]}
}

// Join gives the member the events behind the entry with this Seq, from now on.
// A member that has left stays out.
func (h *Hub) Join(m *Member, seq uint64) { m.shard.ask(request{m, seq, true}) }

// Leave ends the deliveries to a member, soon.
func (h *Hub) Leave(m *Member) { m.shard.ask(request{m: m}) }

type request struct {
	m    *Member
	seq  uint64
	join bool
}

// shard is a part of the members and the goroutine that serves them. Its groups
// belong to that goroutine.
type shard struct {
	log    *events.Log
	groups map[events.Filter]*group

	mu       sync.Mutex
	requests []request
	wake     chan struct{}
}

func (s *shard) ask(r request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shard) take() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests
	s.requests = nil
	return r
}

func (s *shard) run(ctx context.Context) {
	f := s.log.Follow()
	defer f.Close()
	rest, last := time.Duration(0), time.Time{}
	for {
		changed := s.log.Changed()
		// Requests first: who asked to join at a place of the log finds this
		// shard at that place or behind it.
		requests := s.take()
		if es := f.Next(); len(es) > 0 {
			begin := time.Now()
			for _, g := range s.groups {
				g.deliver(es)
			}
			rest = restAfter(time.Since(begin), begin.Sub(last)/time.Duration(len(es)))
			last = begin
		} else if len(requests) == 0 {
			select {
			case <-changed:
			case <-s.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		for _, r := range requests {
			s.settle(r, f.Seq())
		}
		if !pause(ctx, rest) {
			return
		}
		rest = 0
	}
}

// pause reports whether there is more to do after a rest.
func pause(ctx context.Context, d time.Duration) bool {
	if d < minRest {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle lets a member in or out. The shard stands at seq.
func (s *shard) settle(r request, seq uint64) {
	m := r.m
	switch {
	case !r.join:
		m.gone = true
		if m.group != nil && m.group.remove(m) {
			delete(s.groups, m.filter)
		}
		return
	case m.gone, m.group != nil:
		return
	}
	missed, ok := s.log.After(r.seq, 0)
	if !ok {
		m.lost()
		return
	}
	for len(missed) > 0 && missed[len(missed)-1].Seq > seq {
		missed = missed[:len(missed)-1] // the shard will come to it
	}
	for _, b := range Batches(m.filter, missed) {
		m.conn.Send(b)
	}
	g := s.groups[m.filter]
	if g == nil {
		g = &group{filter: m.filter}
		s.groups[m.filter] = g
	}
	g.add(m)
}
