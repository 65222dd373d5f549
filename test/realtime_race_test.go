package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Many write while many subscribe.

// contest has many write the same few resources while many subscribe to them. Each subscriber must end with what was
// written last, be told nothing twice, and nothing older than what it was told before. By writes one value and returns
// its version; each watcher is opened by open.
func contest(t *testing.T, ids []string, kind string, writers, subscribes, writes int, by func(writer int, id string, n int) (version string, doubted bool, err error), open func(i int) *watcher) {
	t.Helper()
	type written struct{ version, data string }
	var mu sync.Mutex
	last, counts := map[string]written{}, map[string]int{}
	all := map[string]map[string]string{} // id → version → data
	perhaps := map[string]bool{}          // id and data that may have been written once more, with a version that nobody was told
	for _, id := range ids {
		all[id] = map[string]string{}
	}

	watchers := make([]*watcher, subscribes)
	for i := range watchers {
		watchers[i] = open(i)
	}
	var group sync.WaitGroup
	begin := make(chan struct{})
	for w := range writers {
		group.Go(func() {
			<-begin
			for n := range writes {
				id := ids[(w+n)%len(ids)]
				version, doubted, err := by(w, id, n)
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				data := fmt.Sprintf(`{"writer":%d,"n":%d}`, w, n)
				mu.Lock()
				if other, twice := all[id][version]; twice {
					t.Errorf("%s: version %s is of %s and of %s", id, version, other, data)
				}
				all[id][version] = data
				if doubted {
					perhaps[id+data] = true
				}
				counts[id]++
				if version > last[id].version {
					last[id] = written{version, data}
				}
				mu.Unlock()
			}
		})
	}
	for i, w := range watchers {
		group.Go(func() {
			<-begin
			for range rand.N(200) { // so that some come early, others late
				if counting(&mu, counts) > i*writers*writes/subscribes {
					break
				}
			}
			for _, k := range rand.Perm(len(ids)) {
				w.subscribes(kind, ids[k])
			}
		})
	}
	close(begin)
	group.Wait()

	for i, w := range watchers {
		told := map[string]string{}
		for done := 0; done < len(ids); {
			got := w.next()
			if strings.Contains(got, `"warning"`) {
				continue
			}
			var e envelope
			if err := json.Unmarshal([]byte(got), &e); err != nil {
				t.Fatal(err)
			}
			id := e.Resource.ID
			if e.Version <= told[id] {
				t.Fatalf("watcher %d, %s: told %s after %s", i, id, e.Version, told[id])
			}
			told[id] = e.Version
			if want, known := all[id][e.Version]; !known && !perhaps[id+string(e.Data)] || known && !sameJSON(t, string(e.Data), want) {
				t.Fatalf("watcher %d, %s: version %s is told with %s, written was %q", i, id, e.Version, e.Data, want)
			}
			if e.Version == last[id].version {
				done++
			}
		}
		w.quiet()
	}
	for _, id := range ids {
		t.Logf("%s was written %d times", id, counts[id])
	}
}

func counting(mu *sync.Mutex, counts map[string]int) (n int) {
	mu.Lock()
	defer mu.Unlock()
	for _, c := range counts {
		n += c
	}
	return n
}

// contestants are ways of persons to write live configuration, over connections that are kept.
func contestants(persons ...*person) func(writer int, id string, n int) (string, bool, error) {
	return func(writer int, id string, n int) (version string, doubted bool, err error) {
		p := persons[writer%len(persons)]
		for {
			got, err := p.try("PUT", "/api/liveconfig/"+id, fmt.Sprintf(`{"data":{"writer":%d,"n":%d}}`, writer, n), "x-m2-organization", "testOrg", "x-m2-project", "testProj")
			if err != nil {
				return "", false, err
			}
			if got.status == 503 && strings.Contains(got.body, `"BUSY"`) {
				continue
			}
			if got.status == 503 && owes() {
				doubted = true
				continue
			}
			var answer struct{ Version string }
			if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != 200 {
				return "", false, fmt.Errorf("status %d: %.300s", got.status, got.body)
			}
			return answer.Version, doubted, nil
		}
	}
}

// owes tells that the database that the tests start is at work, which once in a long while never answers a write; see
// test/secantus. MongoDB does no such thing.
func owes() bool { return misorders() }

func TestRealtimeRace(t *testing.T) {
	t.Parallel()
	p := playersOf(t, startApart(t, cheap(nil)))
	writes := 4
	if onMongoDB {
		writes = 2
	}
	var ids []string
	for i := range 10 {
		ids = append(ids, "config"+strconv.Itoa(i))
	}
	contest(t, ids, "liveConfig", 200, 50, writes, contestants(p.program), func(int) *watcher { return p.george.watches() })
}
