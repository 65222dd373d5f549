package players

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gatehouse/server/wsconn"
	"gatehouse/users/keys"
	"gatehouse/users/players"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a connection that keeps what it is given.
type recorder struct {
	mu     sync.Mutex
	sent   []string
	code   int
	reason string
}

func (r *recorder) Send(b *wsconn.Batch) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := b.String()
	head := map[byte]int{126: 4, 127: 10}[s[1]] // of a frame; most have 2 bytes
	r.sent = append(r.sent, s[max(head, 2):])
	return true
}

func (r *recorder) Close(code int, reason string) { r.code, r.reason = code, reason }

// last is what was sent last; "" where nothing was since.
func (r *recorder) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) == 0 {
		return ""
	}
	last := r.sent[len(r.sent)-1]
	r.sent = nil
	return last
}

func stranger(scopes ...string) (*session, *recorder) {
	r := &recorder{}
	return &session{service: New(Options{}, Settings{}), key: keys.Key{Scopes: scopes}, conn: r, limiter: perMinute(300)}, r
}

const rateExceeded = `{"res":"v1.error","data":{"req":"unknown","message":"Rate limit exceeded","errorCode":"RATE_LIMIT_EXCEEDED"}}`

func TestRates(t *testing.T) {
	for name, limit := range map[string]int{"before it is identified": 300, "afterwards": 3600} {
		synctest.Test(t, func(t *testing.T) {
			s, r := stranger()
			s.limiter = perMinute(limit)
			for range limit {
				s.Message(nil, []byte(heartbeat), false)
			}
			if got := r.last(); got != heartbeat {
				t.Fatalf("%s: frame %d is answered %s", name, limit, got)
			}
			s.Message(nil, []byte(heartbeat), false)
			if got := r.last(); got != rateExceeded {
				t.Errorf("%s: frame %d is answered %s", name, limit+1, got)
			}
			<-time.After(time.Minute)
			for range limit {
				s.Message(nil, []byte(heartbeat), false)
			}
			if got := r.last(); got != heartbeat {
				t.Errorf("%s: after a minute the answer is %s", name, got)
			}
		})
	}
}

// The fourth warning closes; a pong and a heartbeat take one back each.
func TestWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := stranger()
		exceed := func() {
			t.Helper()
			for s.limiter.Allow() {
			}
			s.Message(nil, []byte("x"), false)
			if got := r.last(); got != rateExceeded {
				t.Errorf("got %s", got)
			}
		}
		exceed()
		exceed()
		exceed()
		s.Ponged(nil)
		<-time.After(time.Second) // five more
		s.Message(nil, []byte(heartbeat), false)
		exceed()
		exceed()
		if r.code != 0 {
			t.Fatalf("closed with %d after three warnings", r.code)
		}
		exceed()
		if r.code != wsconn.ClosePolicy || r.reason != "RATE_LIMIT_EXCEEDED" {
			t.Errorf("closed with %d %q", r.code, r.reason)
		}
	})
}

// What needs no store is judged in the order that clients expect.
func TestJudgement(t *testing.T) {
	said := func(req, message, code, cause string) string {
		b, err := json.Marshal(struct {
			Res  string  `json:"res"`
			Data failure `json:"data"`
		}{"v1.error", failure{req, message, code, cause}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	routing := said("unknown", "An error occurred while routing the message", "ROUTING_ERROR", "")
	invalid := func(frame string) string { return said("unknown", "Invalid message request", "INVALID_MESSAGE", frame) }
	data := func(req, data string) string {
		return said(req, "Invalid message data for request", "INVALID_MESSAGE_DATA", data)
	}
	lacks := func(req, scopes string) string {
		return said(req, "Missing access key scope(s): "+scopes, "MISSING_ACCESS_KEY_SCOPES", "")
	}
	who := func(req string) string {
		return said(req, "You must identify a player before sending this request", "NO_PLAYER_FOUND", "")
	}
	frame := func(req, data string) string { return `{"req":"` + req + `","data":` + data + `}` }

	for _, c := range []struct {
		known bool // the socket is identified
		scope string
		frame string
		want  string
	}{
		{false, "", heartbeat, heartbeat},
		{false, "", heartbeat + " ", routing},
		{false, "", `"v1.heartbeat"`, invalid(`"v1.heartbeat"`)},
		{false, "", ``, routing},
		{false, "", `nope`, routing},
		{false, "", `{"req"`, routing},
		{false, "", `null`, invalid(`null`)},
		{false, "", `[]`, invalid(`[]`)},
		{false, "", `{}`, invalid(`{}`)},
		{false, "", `{"req":"v1.players.identify"}`, invalid(`{"req":"v1.players.identify"}`)},
		{false, "", frame(identify, `[]`), invalid(frame(identify, `[]`))},
		{false, "", frame(identify, `null`), invalid(frame(identify, `null`))},
		{false, "", frame(identify, `"x"`), invalid(frame(identify, `"x"`))},
		{false, "", frame("v1.players.unknown", `{}`), invalid(frame("v1.players.unknown", `{}`))},
		{false, "", `{"req":7,"data":{}}`, invalid(`{"req":7,"data":{}}`)},
		{false, "", `{"REQ":"v1.players.identify","data":{}}`, invalid(`{"REQ":"v1.players.identify","data":{}}`)},
		{false, "", frame(channelSays, `{}`), who(channelSays)},
		{false, "*", frame(channelSays, `{"channel":{"id":1},"message":"x"}`), who(channelSays)},
		{false, "", frame(broadcasting, `{}`), who(broadcasting)},
		{false, "", frame(identify, `{}`), lacks(identify, "read:players")},
		{false, "write:players", frame(identified, `{}`), lacks(identified, "read:players")},
		{true, "read:players", frame(channelSays, `{}`), lacks(channelSays, "write:gameChannels")},
		{true, "read:playerBroadcasts", frame(broadcasting, `{}`), lacks(broadcasting, "write:playerBroadcasts")},
		{false, "read:players", frame(identify, `{}`), data(identify, `{}`)},
		{false, "read:players", frame(identify, ` {"playerAliasId":1} `), data(identify, `{"playerAliasId":1}`)},
		{false, "read:players", frame(identify, `{"playerAliasId":"1","socketToken":"x"}`), data(identify, `{"playerAliasId":"1","socketToken":"x"}`)},
		{false, "read:players", frame(identify, `{"playerAliasId":1.5,"socketToken":"x"}`), data(identify, `{"playerAliasId":1.5,"socketToken":"x"}`)},
		{false, "read:players", frame(identify, `{"playerAliasId":null,"socketToken":"x"}`), data(identify, `{"playerAliasId":null,"socketToken":"x"}`)},
		{false, "read:players", frame(identify, `{"playerAliasId":true,"socketToken":"x"}`), data(identify, `{"playerAliasId":true,"socketToken":"x"}`)},
		{false, "read:players", frame(identify, `{"playerAliasId":1,"socketToken":7}`), data(identify, `{"playerAliasId":1,"socketToken":7}`)},
		{false, "read:players", frame(identify, `{"playerAliasId":1,"socketToken":"x","sessionToken":7}`), data(identify, `{"playerAliasId":1,"socketToken":"x","sessionToken":7}`)},
		{true, "*", frame(channelSays, `{}`), data(channelSays, `{}`)},
		{true, "*", frame(channelSays, `{"channel":1,"message":"x"}`), data(channelSays, `{"channel":1,"message":"x"}`)},
		{true, "*", frame(channelSays, `{"channel":{"id":"1"},"message":"x"}`), data(channelSays, `{"channel":{"id":"1"},"message":"x"}`)},
		{true, "*", frame(channelSays, `{"channel":{"id":1}}`), data(channelSays, `{"channel":{"id":1}}`)},
		{true, "*", frame(channelSays, `{"channel":{"id":1},"message":null}`), data(channelSays, `{"channel":{"id":1},"message":null}`)},
		{true, "*", frame(broadcasting, `{"message":1}`), data(broadcasting, `{"message":1}`)},
	} {
		s, r := stranger()
		if c.scope != "" {
			s.key.Scopes = []string{c.scope}
		}
		if c.known {
			s.as = "somebody"
		}
		s.Message(nil, []byte(c.frame), false)
		if got := r.last(); got != c.want {
			t.Errorf("identified %v, scope %q, %s\ngot  %s\nwant %s", c.known, c.scope, c.frame, got, c.want)
		}
	}
}

// A request that is known, and for which nobody cares, is told so.
func TestUnhandled(t *testing.T) {
	const req = "v1.players.forgotten"
	requests[req] = request{anybody: true, readable: func(map[string]json.RawMessage) bool { return true }}
	defer delete(requests, req)
	s, r := stranger()
	s.Message(nil, []byte(`{"req":"`+req+`","data":{}}`), false)
	if got := r.last(); got != `{"res":"v1.error","data":{"req":"`+req+`","message":"Request not handled","errorCode":"UNHANDLED_REQUEST"}}` {
		t.Errorf("got %s", got)
	}
}

// What is told of a storage stays in small frames, but for the values of one key.
func TestStorageIsSplit(t *testing.T) {
	value := strings.Repeat("v", 500)
	var upserted, deleted []players.Stored
	for i := range 20 {
		upserted = append(upserted, players.Stored{Key: fmt.Sprintf("key%d", i), Value: value})
	}
	for range 10 {
		upserted = append(upserted, players.Stored{Key: "list[]", Value: value})
	}
	deleted = append(deleted, players.Stored{Key: "gone", Value: value}, players.Stored{Key: "list[]", Value: "old"})
	frames := renderStorage(players.Event{Kind: players.StorageUpdated, Channel: &players.Channel{ID: 1}, Upserted: upserted, Deleted: deleted})
	seen := map[string]int{}
	for i, b := range frames {
		var m struct {
			Res  string
			Data struct {
				Channel       struct{ ID int }
				UpsertedProps []struct{ Key string }
				DeletedProps  []struct{ Key string }
			}
		}
		s := b.String()
		if err := json.Unmarshal([]byte(s[strings.Index(s, `{"res"`):]), &m); err != nil || m.Res != "v1.channels.storage.updated" || m.Data.Channel.ID != 1 {
			t.Fatalf("%v: %.200s", err, s)
		}
		keys := map[string]bool{}
		for _, p := range append(m.Data.UpsertedProps, m.Data.DeletedProps...) {
			keys[p.Key] = true
			seen[p.Key]++
		}
		if len(s) > maxFrame && len(keys) > 1 {
			t.Errorf("frame %d has %d bytes, of %v", i, len(s), keys)
		}
		if keys["list[]"] && seen["list[]"] != 11 {
			t.Errorf("frame %d has %d of the 11 values of a key", i, seen["list[]"])
		}
	}
	if len(seen) != 22 || seen["list[]"] != 11 || len(frames) > 7 {
		t.Errorf("%d frames with %v", len(frames), seen)
	}
	if frames := renderStorage(players.Event{Channel: &players.Channel{}}); len(frames) != 1 {
		t.Errorf("of nothing there are %d frames, want one", len(frames))
	}
}

// Whatever arrives, it is answered with one frame: an error that is JSON, or the
// heartbeat.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"req":"v1.players.identify","data":{"playerAliasId":105,"socketToken":"x"}}`), false)
	f.Add([]byte(`{"req":"v1.channels.message","data":{"channel":{"id":1e3},"message":"\ud800"}}`), true)
	f.Add([]byte(heartbeat), false)
	f.Fuzz(func(t *testing.T, payload []byte, known bool) {
		s, r := stranger("read:gameChannels") // so that nothing comes to the store
		if known {
			s.as = "somebody"
		}
		s.Message(nil, payload, false)
		if len(r.sent) != 1 {
			t.Fatalf("%q is answered with %q", payload, r.sent)
		}
		got := r.last()
		var answer struct {
			Res  string
			Data failure
		}
		if got == heartbeat && string(payload) == heartbeat {
			return
		}
		if json.Unmarshal([]byte(got), &answer) != nil || answer.Res != "v1.error" || answer.Data.ErrorCode == "" || answer.Data.Req == "" {
			t.Errorf("%q is answered with %s", payload, got)
		}
	})
}
