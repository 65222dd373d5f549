package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/mr-tron/base58"
)

// The socket of resources: how it is opened, what is said on it, and how it ends.

// vector is the subprotocol of the description's example, for testOrg and testProj.
const vector = "zvtwh2Pc4738C3hkLXwcLbY3LnsqYfMmKG2NWiWNE9yL8xVwQhcLFKCzzne1fqbf"

// packed is headers as a subprotocol.
func packed(lines string) string { return base58.Encode([]byte(lines)) }

func TestRealtimeSubprotocol(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, settings{"realtime.anonymous": true})
	p.program.publishes(game, `{"speed":1}`)
	key := strings.TrimPrefix(p.program.headers.Get("Authorization"), "Bearer ")
	const config = `{"action":"subscribe","resource":{"type":"liveConfig","id":"game"}}`
	in := "x-m2-organization:testOrg\nx-m2-project:testProj"

	for name, c := range map[string]struct {
		offered []string
		headers map[string]string
		user    string
	}{
		"the example":           {[]string{vector}, nil, ""},
		"both paths":            {[]string{vector}, map[string]string{"path": "/api/realtime/"}, ""},
		"without a slash":       {[]string{vector}, map[string]string{"path": "/api/realtime"}, ""},
		"other spellings":       {[]string{packed("X-M2-Organization-ID: testOrg \r\n x-m2-PROJECT-id :testProj\r\n")}, nil, ""},
		"spaces":                {[]string{packed("x-m2-organization:testOrg x-m2-project:testProj")}, nil, ""},
		"a space in a value":    {[]string{packed("authorization:Bearer " + key + " x-m2-organization:testOrg\nx-m2-project:testProj")}, nil, programID},
		"a key":                 {[]string{packed(in + "\nx-api-key:" + key)}, nil, programID},
		"a session":             {[]string{packed(in + "\nauthorization:Bearer " + p.george.token)}, nil, "George"},
		"a value with colons":   {[]string{packed(in + "\nx-other:a:b:c")}, nil, ""},
		"the first that can be": {[]string{"0OIl", "graphql-ws", packed(in), packed("x-m2-organization:other")}, nil, ""},
		"a real header wins":    {[]string{packed("x-m2-organization:other\nx-m2-project:testProj")}, map[string]string{"x-m2-organization": "testOrg"}, ""},
		"a real token wins":     {[]string{packed(in + "\nauthorization:Bearer wrong")}, map[string]string{"authorization": "Bearer " + key}, programID},
		"none":                  {nil, map[string]string{"x-m2-organization": "testOrg", "x-m2-project-id": "testProj", "x-api-key": key}, programID},
		"a cookie":              {[]string{vector}, map[string]string{"cookie": "gatehouse=" + p.martha.token}, "Martha"},
	} {
		path := "/realtime"
		headers := map[string]string{"origin": "trusted-host"}
		for k, v := range c.headers {
			if headers[k] = v; k == "path" {
				path = v
				delete(headers, k)
			}
		}
		ws := connectWithProtocol(t, p.srv.ws+path, headers, c.offered)
		ws.send(config)
		want := fmt.Sprintf(`{"userId":%q,"resource":{"type":"liveConfig","id":"game"},"data":{"speed":1},"version":"…"}`, c.user)
		if got := ws.event().Data; !fits(want, got) {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, want)
		}
		ws.leave()
	}
	if log := p.srv.log.String(); strings.Contains(log, key) || strings.Contains(log, vector) || strings.Contains(log, p.george.token) {
		t.Error("a credential was logged")
	}
}

// connectWithProtocol opens a socket; the server must select what can be decoded first of what is offered.
func connectWithProtocol(t *testing.T, url string, headers map[string]string, offered []string) *client {
	t.Helper()
	c := dial(t, url, headers, offered...)
	event := c.event()
	if event.Event != "open" {
		t.Fatalf("opening %s with %v, %v: %s", url, headers, offered, describe(event))
	}
	want := ""
	if len(offered) > 0 {
		want = offered[len(offered)-1]
		if len(offered) > 2 {
			want = offered[2]
		}
	}
	if event.Data != want {
		t.Errorf("offered %v, selected %q", offered, event.Data)
	}
	return c
}

func TestRealtimeRefusals(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	key := strings.TrimPrefix(p.program.headers.Get("Authorization"), "Bearer ")
	writer := strings.TrimPrefix(p.srv.holder(t, "write:realtime").headers.Get("Authorization"), "Bearer ")
	gone := p.srv.loggedIn(t, "George", passwordOf("George"))
	gone.logout()
	long := strings.Repeat("x", 129)

	for name, c := range map[string]struct {
		offered []string
		headers map[string]string
		status  int
		code    string
	}{
		"no base58":                     {[]string{"0OIl"}, map[string]string{"x-api-key": key}, 400, "INVALID_HANDSHAKE"},
		"base58 of no lines":            {[]string{packed("testOrg")}, map[string]string{"x-api-key": key}, 400, "INVALID_HANDSHAKE"},
		"base58 of no text":             {[]string{packed("x-m2-organization:\xff")}, map[string]string{"x-api-key": key}, 400, "INVALID_HANDSHAKE"},
		"too long":                      {[]string{packed("x-m2-organization:testOrg\nx:" + strings.Repeat("x", 4000))}, map[string]string{"x-api-key": key}, 400, "INVALID_HANDSHAKE"},
		"no organization":               {[]string{packed("x-m2-project:testProj")}, map[string]string{"x-api-key": key}, 400, "INVALID_PARAMETER"},
		"an empty organization":         {[]string{packed("x-m2-organization: ")}, map[string]string{"x-api-key": key}, 400, "INVALID_PARAMETER"},
		"a long organization":           {nil, map[string]string{"x-m2-organization": long, "x-api-key": key}, 400, "INVALID_PARAMETER"},
		"no credentials":                {[]string{vector}, nil, 401, "UNAUTHORIZED"},
		"a wrong key":                   {[]string{vector}, map[string]string{"x-api-key": key[:len(key)-1]}, 401, "UNAUTHORIZED"},
		"a key that was revoked":        {[]string{vector}, map[string]string{"x-api-key": "ghk_000000000000_" + strings.Repeat("0", 64)}, 401, "UNAUTHORIZED"},
		"a session that ended":          {[]string{vector}, map[string]string{"authorization": "Bearer " + gone.token}, 401, "UNAUTHORIZED"},
		"another scheme":                {[]string{vector}, map[string]string{"authorization": "Basic " + key}, 401, "UNAUTHORIZED"},
		"no scheme":                     {[]string{vector}, map[string]string{"authorization": key}, 401, "UNAUTHORIZED"},
		"a wrong cookie":                {[]string{vector}, map[string]string{"cookie": "gatehouse=x"}, 401, "UNAUTHORIZED"},
		"a key without the scope":       {[]string{vector}, map[string]string{"x-api-key": writer}, 403, "FORBIDDEN"},
		"an origin that isn't approved": {[]string{vector}, map[string]string{"origin": "http://evil.example", "x-api-key": key}, 403, "ORIGIN_NOT_APPROVED"},
	} {
		if status, answer := refused(t, p.srv.ws+"/realtime", c.headers, c.offered...); status != c.status || answer.Code != c.code || answer.Error == "" {
			t.Errorf("%s: status %d, %+v, want %d %s", name, status, answer, c.status, c.code)
		}
	}
	p.srv.nobody(t).in(400, "GET", "/realtime", "", "x-api-key", key) // not a handshake
}

func TestRealtimeFrames(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	w := p.george.watches()
	const wrong = `{"error":"Invalid message format"}`
	kv := func(id string) string {
		return `{"action":"subscribe","resource":{"type":"kvStore","id":"` + id + `"}}`
	}
	missing := func(header, kind, id string) string {
		return `{"error":"Missing header ` + header + `","resource":` + named(kind, id) + `}`
	}
	for _, c := range [][2]string{
		{``, wrong},
		{`nope`, wrong},
		{`null`, wrong},
		{`[]`, wrong},
		{`"subscribe"`, wrong},
		{`{}`, wrong},
		{`{"action":"subscribe"}`, wrong},
		{`{"resource":{"type":"collection","id":"public"}}`, wrong},
		{`{"action":"listen","resource":{"type":"collection","id":"public"}}`, wrong},
		{`{"action":1,"resource":{"type":"collection","id":"public"}}`, wrong},
		{`{"action":"subscribe","resource":"public"}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection"}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":null}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":7}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"Collection","id":"public"}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":""}}`, wrong},
		{`{"Action":"subscribe","resource":{"type":"collection","id":"public"}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":"a\u0000"}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":"\ud800"}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":"` + strings.Repeat("x", 513) + `"}}`, wrong},
		{`{"action":"subscribe","resource":{"type":"collection","id":"public"}`, wrong},
		{strings.Repeat("[", 20_000), wrong},
		{kv("World"), wrong},
		{kv("World:kvstoreClient"), wrong},
		{kv("World:kvstoreClient:"), wrong},
		{kv("World:other:key"), wrong},
		{kv("world:kvstoreClient:key"), wrong},
		{kv("LaunchContext:kvstoreClient:key"), missing("x-m2-launch-context", "kvStore", "LaunchContext:kvstoreClient:key")},
		{kv("World:kvstoreServer:key"), `{"error":"Not allowed","resource":` + named("kvStore", "World:kvstoreServer:key") + `}`},
		{`{"action":"unsubscribe","resource":{"type":"kvStore","id":"nope"}}`, wrong},
		{`{"more":{},"action":"subscribe","resource":{"type":"collection","more":1,"id":"public"}}`, `{"warning":"resource_not_found",…}`},
		{`{"action":"x","action":"subscribe","resource":{"type":"collection","id":"public"}}`, `{"warning":"resource_not_found",…}`},
	} {
		w.sends(c[0])
		if got := w.next(); !fits(c[1], got) {
			t.Errorf("%.200s\ngot  %s\nwant %s", c[0], got, c[1])
		}
	}
	if err := w.conn.WriteMessage(2, []byte(`{"action":"subscribe","resource":{"type":"collection","id":"public"}}`)); err != nil {
		t.Fatal(err)
	}
	w.hears(wrong)

	// Without a project nothing of one can be followed; the socket stays open.
	bare := p.george.watches("x-m2-project", "", "x-m2-world", "")
	for id, header := range map[string]string{"World:kvstoreClient:k": "x-m2-world", "Project:kvstoreClient:k": "x-m2-project"} {
		bare.subscribes("kvStore", id)
		bare.hears(missing(header, "kvStore", id))
		bare.unsubscribes("kvStore", id) // has no answer
	}
	bare.subscribes("liveConfig", "game")
	bare.hears(missing("x-m2-project", "liveConfig", "game"))
	bare.subscribes("kvStore", "Organization:kvstoreClient:k")
	bare.warned("kvStore", "Organization:kvstoreClient:k")
}

// Of each type: the warning, what is made, changed, deleted and made again; a listener is one, and stays until it is
// taken away.
func TestRealtimeLifeOfResources(t *testing.T) {
	t.Parallel()
	p := startPlayers(t, nil)
	document := func(by *person, kind, id, path string) living {
		return living{
			kind, id,
			func(data string) string { return by.publishes(path, data) },
			func() string { return between(t, by.in(200, "DELETE", path, "").body, `"version":"`, `"`) },
		}
	}
	for _, c := range []living{
		{
			"kvStore", "World:kvstoreClient:test:Key",
			func(data string) string { return p.george.writes("kvstoreClient", "test:Key", data) },
			func() string { return p.george.kv("delete", `[{"store":"kvstoreClient","key":"test:Key"}]`)[0].Version },
		},
		document(p.george, "collection", "private", "/api/collections/private"),
		document(p.george, "collection", "public", public),
		document(p.program, "collection", "source 1/2", "/api/collections/source%201%2F2"),
		document(p.program, "liveConfig", "game", game),
	} {
		w, twice, late := p.george.watches(), p.george.watches(), p.george.watches()
		var versions []string
		tells := func(data string, to ...*watcher) {
			t.Helper()
			for _, one := range to {
				if v := one.tells("George", c.kind, c.id, data); v != versions[len(versions)-1] {
					t.Errorf("%s %s: told version %s, want %s", c.kind, c.id, v, versions[len(versions)-1])
				}
			}
		}
		w.subscribes(c.kind, c.id)
		w.warned(c.kind, c.id)
		twice.subscribes(c.kind, c.id)
		twice.warned(c.kind, c.id)
		twice.subscribes(c.kind, c.id)
		twice.warned(c.kind, c.id)

		versions = append(versions, c.write(`{"a":[1,2.5,"ü",null,true],"b":{}}`))
		tells(`{"a":[1,2.5,"ü",null,true],"b":{}}`, w, twice)
		late.subscribes(c.kind, c.id)
		tells(`{"a":[1,2.5,"ü",null,true],"b":{}}`, late)
		late.subscribes(c.kind, c.id)
		tells(`{"a":[1,2.5,"ü",null,true],"b":{}}`, late)
		versions = append(versions, c.write(`{"a":2}`))
		tells(`{"a":2}`, w, twice, late)
		versions = append(versions, c.remove())
		tells(`null`, w, twice, late)
		late.subscribes(c.kind, c.id)
		late.warned(c.kind, c.id)
		versions = append(versions, c.write(`{"a":2}`))
		tells(`{"a":2}`, w, twice, late)
		w.unsubscribes(c.kind, c.id)
		w.unsubscribes(c.kind, c.id)
		w.quiet()
		versions = append(versions, c.write(`{"a":4}`))
		tells(`{"a":4}`, twice, late)
		for _, one := range []*watcher{w, twice, late} {
			one.quiet()
		}
		for i := range versions[1:] {
			if versions[i] >= versions[i+1] {
				t.Errorf("%s %s: version %s comes before %s", c.kind, c.id, versions[i], versions[i+1])
			}
		}
	}
}

// living is a resource, and how it is changed: both ways return the version.
type living struct {
	kind, id string
	write    func(data string) string
	remove   func() string
}

// between is what stands between two texts.
func between(t *testing.T, s, before, after string) string {
	t.Helper()
	_, rest, ok := strings.Cut(s, before)
	found, _, ok2 := strings.Cut(rest, after)
	if !ok || !ok2 {
		t.Fatalf("no %s … %s in %.300s", before, after, s)
	}
	return found
}

func TestRealtimeStatus(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	w := p.george.watches()
	for _, id := range []string{"public", "private", "other"} {
		w.subscribes("collection", id)
		w.warned("collection", id)
	}
	for _, path := range []string{"/realtime/status", "/api/realtime/status"} {
		if got := p.srv.nobody(t).asks(200, "GET", path, ""); !fits(`{"status":"ok","uptimeSeconds":…,"connections":1,"subscriptions":3}`, got.body) {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	w.unsubscribes("collection", "other")
	w.conn.Close() //nolint:errcheck // so is the connection's end tested
	eventually(t, "the subscriptions to go with their socket", func() bool {
		return fits(`{"status":"ok",…,"connections":0,"subscriptions":0}`, p.srv.nobody(t).asks(200, "GET", "/realtime/status", "").body)
	})
}

func TestRealtimeSubscriptionLimit(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, settings{"realtime.subscriptions": 2})
	w := p.george.watches()
	for _, id := range []string{"a", "b"} {
		w.subscribes("collection", id)
		w.warned("collection", id)
	}
	w.subscribes("collection", "c")
	w.hears(`{"error":"Subscription limit reached","resource":` + named("collection", "c") + `}`)
	w.subscribes("collection", "b") // is one already
	w.warned("collection", "b")
	w.unsubscribes("collection", "a")
	w.subscribes("collection", "c")
	w.warned("collection", "c")
}

// Who was let in by a session, a key or an Origin goes with it.
func TestRealtimeRightsEnd(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	other := p.srv.loggedIn(t, "George", passwordOf("George"))
	mine, others, program := p.george.watches(), other.watches(), p.program.watches()
	p.george.logout()
	for _, c := range []struct {
		w    *watcher
		from func()
	}{
		{mine, func() {}},
		{program, func() {
			if status, _, stderr := command(t, "key", "revoke", "--config", p.srv.configPath(), strings.TrimPrefix(programID, "key:")); status != 0 {
				t.Fatal(stderr)
			}
		}},
	} {
		c.from()
		if code, reason, _ := c.w.closed(); code != 1008 || reason == "" {
			t.Errorf("closed with %d %q, want 1008", code, reason)
		}
	}
	others.quiet()
	p.admin.wants(204, "", "DELETE", "/users/George", "")
	if code, _, _ := others.closed(); code != 1008 {
		t.Errorf("closed with %d when the user was deleted, want 1008", code)
	}

	from, without := p.martha.watches("Origin", "https://localhost"), p.martha.watches()
	p.srv.configure(t, cheap(settings{"websocket.approvedSocketDomains": []string{"^trusted-host$"}}))
	if code, _, _ := from.closed(); code != 1008 {
		t.Errorf("closed with %d, want 1008", code)
	}
	without.quiet() // sends none

	p.srv.signal(t, 15)
	if code, _, _ := without.closed(); code != 1001 {
		t.Errorf("a server that stops closes with %d, want 1001", code)
	}
	if status := p.srv.wait(t); status != 0 {
		t.Errorf("status %d", status)
	}
}

// What a user has goes with the user; somebody of the same name begins with nothing.
func TestRealtimeOfDeletedUsers(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	p.george.writes("kvstoreClient", "k", `1`)
	p.george.in(200, "PUT", "/api/collections/private", `{"data":{"a":1}}`)
	p.george.publishes(public, `{"a":1}`)
	p.admin.wants(204, "", "DELETE", "/users/George", "")
	again := p.srv.made(t, p.admin, "George")
	w := again.watches()
	w.subscribes("kvStore", "World:kvstoreClient:k")
	w.warned("kvStore", "World:kvstoreClient:k")
	again.in(404, "GET", "/api/collections/private", "")
	again.in(200, "GET", public, "")
}

// What a user saves while being deleted is not found by who takes the name.
func TestRealtimeSavingWhileDeleted(t *testing.T) {
	t.Parallel()
	p := startPlayers(t, settings{"users.registrationsPerHour": 0})
	rounds := 6
	if onMongoDB {
		rounds = 2
	}
	for n := range rounds {
		name := fmt.Sprintf("user%d", n)
		who := p.srv.made(t, p.admin, name)
		stop := make(chan struct{})
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if i%2 == 0 {
						_, _ = who.try("PUT", "/api/collections/private", `{"data":{"secret":1}}`, "x-m2-organization", "testOrg", "Authorization", "Bearer "+who.token)
					} else {
						_, _ = p.program.try("POST", "/api/kvstore/write/", `[{"id":"`+name+`","store":"kvstoreClient","object":{"key":"k","data":1}}]`, "x-m2-organization", "testOrg", "x-m2-world", "w1")
					}
				}
			})
		}
		p.admin.wants(204, "", "DELETE", "/users/"+name, "")
		eventually(t, "the writers to be refused", func() bool { return !who.present() })
		close(stop)
		all.Wait()
		again := p.srv.made(t, p.admin, name)
		again.in(404, "GET", "/api/collections/private", "")
		if got := again.kv("read", `[{"store":"kvstoreClient","key":"k"}]`); got[0].Code != "NOT_FOUND" {
			t.Errorf("%+v", got)
		}
	}
}

// A socket that puts the end of a session off does so with its cookie.
func TestRealtimeRenewsTheCookie(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, settings{"users.sessionHours": 0.01})
	who := p.srv.nobody(t)
	who.login("George", passwordOf("George"), "rememberMe", true)
	eventually(t, "the session to be put off by a socket", func() bool {
		header := at.Clone()
		header.Set("Cookie", "gatehouse="+who.token)
		ws, response, err := websocket.DefaultDialer.DialContext(t.Context(), p.srv.ws+"/realtime", header)
		if err != nil {
			t.Fatal(err)
		}
		defer ws.Close() //nolint:errcheck // the test is done with it
		defer response.Body.Close()
		return strings.Contains(response.Header.Get("Set-Cookie"), "gatehouse="+who.token) && strings.Contains(response.Header.Get("Set-Cookie"), "Max-Age=3")
	})
}

func TestRealtimeRateLimit(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, settings{"websocket.messagesPerSecond": 2})
	w := p.george.watches()
	for range 2 {
		w.subscribes("collection", "public")
		w.warned("collection", "public")
	}
	w.subscribes("collection", "public")
	w.hears(`{"error":"Too many messages; slow down"}`)
}
