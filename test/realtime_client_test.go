package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// What the tests of realtime resources speak through. Its frames are sent and read as they are.

// watcher is a socket of resources.
type watcher struct {
	t     *testing.T
	conn  *websocket.Conn
	inbox *inbox
}

// at is where most tests are.
var at = http.Header{"X-M2-Organization": {"testOrg"}, "X-M2-Project": {"testProj"}, "X-M2-World": {"w1"}}

// watches opens a socket of resources with what the person shows.
func (p *person) watches(headers ...string) *watcher {
	p.t.Helper()
	h := at.Clone()
	for name, values := range p.headers {
		h[name] = values
	}
	if p.token != "" {
		h.Set("Authorization", "Bearer "+p.token)
	}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	w := &watcher{t: p.t, inbox: newInbox()}
	dialer := websocket.Dialer{HandshakeTimeout: patience}
	var response *http.Response
	var err error
	w.conn, response, err = dialer.DialContext(p.t.Context(), p.srv.ws+"/realtime", h) //nolint:bodyclose // of a handshake there is none to close
	if err != nil {
		said := 0
		if response != nil {
			said = response.StatusCode
		}
		p.t.Fatalf("opening /realtime: %v, status %d", err, said)
	}
	p.t.Cleanup(func() { w.conn.Close() }) //nolint:errcheck // the test is done with it
	p.srv.describeFrames(p.t)
	go w.receives()
	return w
}

// receives puts frames into the inbox until the socket ends.
func (w *watcher) receives() {
	for {
		_, payload, err := w.conn.ReadMessage()
		if err != nil {
			end := nodeEvent{Event: "close", Code: 1006}
			if c, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // gorilla returns it as it is
				end.Code, end.Reason = c.Code, c.Text
			}
			w.inbox.put(end)
			return
		}
		w.inbox.put(nodeEvent{Event: "message", Data: string(payload)})
	}
}

func (w *watcher) sends(frame string) {
	w.t.Helper()
	if err := w.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		w.t.Errorf("sending %.200s: %v", frame, err)
	}
}

// named is a resource as frames name it.
func named(kind, id string) string { return fmt.Sprintf(`{"type":%q,"id":%q}`, kind, id) }

func (w *watcher) subscribes(kind, id string) {
	w.t.Helper()
	w.sends(`{"action":"subscribe","resource":` + named(kind, id) + `}`)
}

func (w *watcher) unsubscribes(kind, id string) {
	w.t.Helper()
	w.sends(`{"action":"unsubscribe","resource":` + named(kind, id) + `}`)
}

// next waits for the next frame.
func (w *watcher) next() string {
	w.t.Helper()
	event, ok := w.inbox.take(patience)
	if !ok {
		w.t.Fatalf("nothing came within %v", patience)
	}
	if event.Event != "message" {
		w.t.Fatalf("want a frame, got: %s", describe(event))
	}
	conformsFrame(w.t, event.Data)
	return event.Data
}

// hears compares the next frame; … stands for anything.
func (w *watcher) hears(frame string) string {
	w.t.Helper()
	got := w.next()
	if !fits(frame, got) {
		w.t.Errorf("got  %.500s\nwant %.500s", got, frame)
	}
	return got
}

// warned waits for the warning about a resource.
func (w *watcher) warned(kind, id string) {
	w.t.Helper()
	title := map[string]string{"kvStore": "KVStore", "collection": "Collection", "liveConfig": "LiveConfig"}[kind]
	w.hears(`{"warning":"resource_not_found","message":"` + title + ` resource doesn't currently exist, subscription was still made successfully","resource":` + named(kind, id) + `}`)
}

// envelope is one as it is told.
type envelope struct {
	UserID   string `json:"userId"`
	Resource struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"resource"`
	Data    json.RawMessage `json:"data"`
	Version string          `json:"version"`
	raw     string
}

// told waits for an envelope.
func (w *watcher) told() envelope {
	w.t.Helper()
	e := envelope{raw: w.next()}
	d := json.NewDecoder(strings.NewReader(e.raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		w.t.Fatalf("no envelope: %v: %.300s", err, e.raw)
	}
	if v, err := time.Parse("2006-01-02T15:04:05.000Z", e.Version); err != nil || v.Format("2006-01-02T15:04:05.000Z") != e.Version {
		w.t.Errorf("the version is %q", e.Version)
	}
	return e
}

// tells waits for an envelope and compares it; the version is returned.
func (w *watcher) tells(user, kind, id, data string) (version string) {
	w.t.Helper()
	e := w.told()
	if e.UserID != user || e.Resource.Type != kind || e.Resource.ID != id || !sameJSON(w.t, string(e.Data), data) {
		w.t.Errorf("got  %.500s\nwant user %s, %s %s, data %.300s", e.raw, user, kind, id, data)
	}
	return e.Version
}

// quiet shows that nothing is on its way to the socket: what is asked now is answered next. It does not show what a
// node has not heard of yet.
func (w *watcher) quiet() {
	w.t.Helper()
	w.sends("nothing")
	w.hears(`{"error":"Invalid message format"}`)
}

// closed waits until the socket is closed, and returns the frames that came before.
func (w *watcher) closed() (code int, reason string, before []string) {
	w.t.Helper()
	for {
		event, ok := w.inbox.take(patience)
		switch {
		case !ok:
			w.t.Fatalf("the socket was not closed within %v", patience)
		case event.Event == "close":
			return event.Code, event.Reason, before
		}
		before = append(before, event.Data)
	}
}

// in sends a request of the API of resources from where most tests are, and the answer must be what the server says of
// itself.
func (p *person) in(status int, method, path, body string, headers ...string) told {
	p.t.Helper()
	for name := range at {
		headers = append([]string{name, at.Get(name)}, headers...)
	}
	if p.token != "" {
		headers = append(headers, "Authorization", "Bearer "+p.token)
	}
	return p.asks(status, method, path, body, headers...)
}

// publishes writes a collection or a live configuration, and returns its version.
func (p *person) publishes(path, data string) (version string) {
	p.t.Helper()
	var answer struct{ Version string }
	got := p.in(200, "PUT", path, `{"data":`+data+`}`)
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil {
		p.t.Fatal(err)
	}
	return answer.Version
}

// kvAnswer is what became of one entry.
type kvAnswer struct {
	Status, ID, Store, Scope, Version, Code, Error, Property string
	Object                                                   struct {
		Key  string
		Data json.RawMessage
	}
}

// kv asks for something of values, and returns what became of each.
func (p *person) kv(what, entries string, headers ...string) []kvAnswer {
	p.t.Helper()
	got := p.in(200, "POST", "/api/kvstore/"+what+"/", entries, headers...)
	var answers []kvAnswer
	if err := json.Unmarshal([]byte(got.body), &answers); err != nil {
		p.t.Fatalf("%v: %.300s", err, got.body)
	}
	return answers
}

// writes writes one value and returns its version.
func (p *person) writes(store, key, data string) (version string) {
	p.t.Helper()
	a := p.kv("write", `[{"store":"`+store+`","object":{"key":"`+key+`","data":`+data+`}}]`)
	if len(a) != 1 || a[0].Status != "ok" {
		p.t.Fatalf("writing %s %s: %+v", store, key, a)
	}
	return a[0].Version
}

const (
	public = "/api/collections/public"
	game   = "/api/liveconfig/game"
)

// players are a server of resources, two users, and a program.
type players struct {
	srv            *server
	admin, program *person
	george, martha *person
}

func playersOf(t *testing.T, srv *server) players {
	t.Helper()
	admin := srv.admin(t)
	return players{srv, admin, srv.holder(t, "read:realtime,write:realtime"), srv.made(t, admin, "George"), srv.made(t, admin, "Martha")}
}

// programID is who the program of the tests is.
const programID = "key:read-realtime write-realtime"

func startPlayers(t *testing.T, s settings) players {
	t.Helper()
	return playersOf(t, startUsers(t, s))
}
