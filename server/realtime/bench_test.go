package realtime

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/hub"
	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/resources"
)

// counter is a client that takes everything at once.
type counter struct{ frames int }

func (c *counter) TrySend(*wsconn.Batch) bool                        { c.frames++; return true }
func (c *counter) SendWhenEmpty(<-chan struct{}, *wsconn.Batch) bool { return false }

// crowd is a service with so many resources, each with so many subscribers, and
// clients that have each so many subscriptions.
func crowd(tb testing.TB, many, subscribers, each int) (v *Service, keys []resources.Key, clients []*counter) {
	tb.Helper()
	v = New(Options{}, Settings{Subscriptions: each, QueueBytes: 1 << 20})
	tb.Cleanup(v.Close)
	at := resources.Place{resources.Organization: "testOrg", resources.Project: "testProj"}
	all := make([]resources.Resource, many)
	for i := range all {
		r, err := resources.InLiveConfig(at, fmt.Sprintf("config-%d", i))
		if err != nil {
			tb.Fatal(err)
		}
		all[i] = r
		keys = append(keys, r.Key)
	}
	var s *session
	left := 0
	for range subscribers {
		for _, r := range all {
			if left == 0 {
				c := new(counter)
				clients = append(clients, c)
				s = &session{service: v, out: hub.NewLatest[*entry](c, nil, v.start)}
				s.peer.Viewer.UserID = fmt.Sprintf("user-%d", len(clients))
				v.sessions.add(s)
				left = each
			}
			left--
			if sub, anew, ok := s.note(r); sub == nil || !anew || !ok {
				tb.Fatal("no subscription")
			}
		}
	}
	return v, keys, clients
}

// change is the n-th of a resource.
func change(k resources.Key, n int) store.Change {
	doc := func(v int) bson.Raw {
		raw, _ := bson.Marshal(bson.D{{Key: "_id", Value: k.ID}, {Key: "data", Value: bson.D{{Key: "speed", Value: v}, {Key: "text", Value: "some two hundred bytes are what a configuration of a game or the state of a player usually takes when it is written as JSON, so this is about as long as that"}}}, {Key: "version", Value: bson.DateTime(1_700_000_000_000 + v)}})
		return raw
	}
	return store.Change{Collection: k.Collection, Op: store.OpUpdate, Before: doc(n), After: doc(n + 1), Time: time.Now()}
}

// A change costs what its own ten subscribers cost, however many other resources
// there are.
func BenchmarkChange(b *testing.B) {
	for _, many := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("resources=%d", many), func(b *testing.B) {
			v, keys, clients := crowd(b, many, 10, min(many, 100))
			k := keys[many/2]
			changes := make([]store.Change, 1000)
			for i := range changes {
				changes[i] = change(k, i)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if n%len(changes) == 0 {
					v.book.entries[k].last = resources.State{}
					for _, m := range v.book.entries[k].members {
						m.last = 0
					}
				}
				v.changed(b.Context(), changes[n%len(changes)], k)
				n++
			}
			total := 0
			for _, c := range clients {
				total += c.frames
			}
			if total != 10*n {
				b.Errorf("%d changes were told %d times", n, total)
			}
			b.ReportMetric(float64(total)/float64(n), "told/op")
		})
	}
}

// BenchmarkSubscriptionMemory measures what 100,000 subscriptions take: 10,000
// resources with ten subscribers each, 1,000 sockets with a hundred.
func BenchmarkSubscriptionMemory(b *testing.B) {
	const many, subscribers, each = 10_000, 10, 100
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		v, keys, clients := crowd(b, many, subscribers, each)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(many*subscribers), "B/subscription")
		runtime.KeepAlive(v)
		runtime.KeepAlive(keys)
		runtime.KeepAlive(clients)
	}
}
