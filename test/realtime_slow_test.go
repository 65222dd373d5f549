package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A client that does not read while resources change is told, when it reads again, how each of them is: of what had to
// wait only the newest.
func TestRealtimeSlowClientIsToldTheNewest(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, settings{"websocket.queueBytes": 8 << 20})
	slow := connectWith(t, p.srv.ws+"/realtime", map[string]string{"authorization": "Bearer " + p.george.token}, vector)
	healthy := p.george.watches()
	const resources, rounds = 6, 8
	fill := strings.Repeat("x", 200_000)
	for i := range resources {
		id := fmt.Sprintf("r%d", i)
		slow.send(`{"action":"subscribe","resource":` + named("liveConfig", id) + `}`)
		slow.event()
		healthy.subscribes("liveConfig", id)
		healthy.warned("liveConfig", id)
	}
	slow.pause()
	last := map[string]string{}
	for n := range rounds { // more than the kernel holds, together
		for i := range resources {
			id := fmt.Sprintf("r%d", i)
			last[id] = p.program.publishes("/api/liveconfig/"+id, fmt.Sprintf(`{"n":%d,"fill":%q}`, n, fill))
			if got := healthy.told(); got.Version != last[id] {
				t.Fatalf("the healthy socket was told %s, want %s", got.Version, last[id])
			}
		}
	}
	slow.resume()
	told, heard := map[string]string{}, 0
	for fresh := 0; fresh < resources; heard++ {
		var e envelope
		if err := json.Unmarshal([]byte(slow.event().Data), &e); err != nil {
			t.Fatal(err)
		}
		if e.Version <= told[e.Resource.ID] {
			t.Fatalf("%s: told %s after %s", e.Resource.ID, e.Version, told[e.Resource.ID])
		}
		if told[e.Resource.ID] = e.Version; e.Version == last[e.Resource.ID] {
			fresh++
		}
	}
	if heard >= resources*rounds {
		t.Errorf("all %d changes were told: the test is not one", heard)
	}
	slow.send("x")
	if got := slow.event().Data; got != `{"error":"Invalid message format"}` {
		t.Errorf("after the newest came %.200s", got)
	}
	t.Logf("%d of %d changes were told", heard, resources*rounds)
}

// What waits for a client is bounded, and beyond that it is closed with 1013; others do not notice.
//
// It is not parallel to other tests: once the server has given up a client, that one has only so long to read why.
func TestRealtimeSlowClientIsClosed(t *testing.T) {
	sameOnBoth(t)
	p := startPlayers(t, settings{"websocket.queueBytes": 64 << 10})
	slow := connectWith(t, p.srv.ws+"/realtime", map[string]string{"authorization": "Bearer " + p.george.token}, vector)
	healthy := p.george.watches()
	const resources = 8
	for i := range resources {
		id := fmt.Sprintf("r%d", i)
		slow.send(`{"action":"subscribe","resource":` + named("liveConfig", id) + `}`)
		slow.event()
		healthy.subscribes("liveConfig", id)
		healthy.warned("liveConfig", id)
	}
	slow.pause()
	fill := strings.Repeat("x", 1_000_000) // alone it fits always
	for i := range resources {
		version := p.program.publishes(fmt.Sprintf("/api/liveconfig/r%d", i), fmt.Sprintf(`{"fill":%q}`, fill))
		if got := healthy.told(); got.Version != version {
			t.Fatalf("the healthy socket was told %s, want %s", got.Version, version)
		}
	}
	slow.resume()
	heard := 0
	for {
		event := slow.event()
		if event.Event == "close" {
			if event.Code != 1013 || event.Reason == "" {
				t.Errorf("closed with %d %q, want 1013", event.Code, event.Reason)
			}
			break
		}
		heard++
	}
	if heard == 0 || heard >= resources {
		t.Errorf("%d of %d changes were told before the end", heard, resources)
	}
	healthy.quiet()

	// The same holds for answers that nobody reads.
	flood := connectWith(t, p.srv.ws+"/realtime", map[string]string{"authorization": "Bearer " + p.george.token}, vector)
	flood.pause()
	question := `{"action":"subscribe","resource":` + named("kvStore", "World:kvstoreClient:"+strings.Repeat("x", 500)) + `}`
	for range 16_000 {
		flood.send(question)
	}
	eventually(t, "the socket to be given up", func() bool {
		return strings.Contains(p.srv.nobody(t).asks(200, "GET", "/realtime/status", "").body, `"connections":1,`)
	})
	flood.resume()
	for event := flood.event(); ; event = flood.event() {
		if event.Event == "close" {
			if event.Code != 1013 {
				t.Errorf("closed with %d %q, want 1013", event.Code, event.Reason)
			}
			break
		}
	}
	healthy.quiet()
}
