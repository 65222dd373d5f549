package test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// The gate, in front of Socket.IO and of the profile API: a missing Origin is let in, one that is sent is judged.

var (
	localhost = http.Header{"Origin": {"http://localhost"}}
	strangers = map[string]http.Header{
		"another host": {"Origin": {"https://evil.example"}}, "null": {"Origin": {"null"}},
		"an approved one inside": {"Origin": {"https://localhost.evil.example"}}, "two": {"Origin": {"http://localhost", "http://localhost"}},
	}
)

// raw sends a request with these headers, each as often as it stands there.
func (s *server) raw(t *testing.T, method, path, body string, headers http.Header) told {
	t.Helper()
	got, err := (&person{t, s, headers, ""}).try(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// handshake asks for a WebSocket that may be refused.
func (s *server) handshake(t *testing.T, path string, headers http.Header) int {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(t.Context(), s.ws+path, headers)
	if response == nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if err == nil {
		_ = conn.Close()
	}
	return response.StatusCode
}

const polling, byFrames = "/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket"

func TestUpdatesOriginNotApproved(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	p := g.srv.pluginWith(t, byPolling, localhost)
	p.reads(200, "Omega", "Selena")
	for name, stranger := range strangers {
		sid := "&sid=" + p.sid
		for _, c := range []struct{ method, path, body string }{
			{"GET", polling, ""},
			{"GET", "/socket.io?EIO=4&transport=polling", ""},
			{"GET", polling + sid, ""},
			{"POST", polling + sid, "41/updates,"},
			{"OPTIONS", polling, ""},
			{"GET", polling + "&sid=unknown", ""},
			{"GET", profileAt("Omega", "Selena"), ""},
			{"GET", profileAt("Omega", "Nobody") + "?sessionToken=" + p.token, ""},
			{"PUT", profileAt("Omega", "Selena"), `{"age":"1"}`},
			{"OPTIONS", profileAt("Omega", "Selena"), ""},
			{"POST", characters, `{"world":"Omega","name":"Nobody"}`},
			{"PATCH", characterAt("Omega", "Selena"), `{"name":"Luna"}`},
			{"DELETE", characterAt("Omega", "Selena"), ""},
		} {
			headers := stranger.Clone()
			headers.Set("Authorization", g.holder.headers.Get("Authorization"))
			headers.Set("Access-Control-Request-Method", "POST")
			got := g.srv.raw(t, c.method, c.path, c.body, headers)
			if got.status != 403 || got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("%s: %s %s: status %d, %v", name, c.method, c.path, got.status, got.header)
			}
		}
		for _, path := range []string{byFrames, byFrames + sid} {
			if status := g.srv.handshake(t, path, stranger); status != 403 {
				t.Errorf("%s: a handshake at %s: status %d", name, path, status)
			}
		}
	}
	p.quiet(g.holder) // who is approved goes on, and nothing has changed
	g.holder.puts("Omega", "Selena", "age", "1")
	p.hears([2]string{"Omega", "Selena"})
}

func TestUpdatesOriginApproved(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	for _, origin := range []http.Header{{}, localhost, {"Origin": {"https://localhost:8443"}}, {"Origin": {"trusted-host"}}} {
		for _, transport := range transports {
			p := g.srv.pluginWith(t, transport, origin)
			p.reads(200, "Omega", "Selena")
			g.holder.puts("Omega", "Selena", "age", transport+origin.Get("Origin"))
			p.hears([2]string{"Omega", "Selena"})
		}
	}
}

// Pages of approved origins read all that they ask for, with what is known of who looks at them.
func TestUpdatesOtherOriginsPages(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	p := g.srv.pluginWith(t, byPolling, localhost)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", polling, "", 200},
		{"GET", "/socket.io?EIO=4&transport=polling", "", 200},
		{"POST", polling + "&sid=" + p.sid, `42/updates,["x"]`, 200},
		{"GET", polling + "&sid=unknown", "", 400},
		{"POST", polling, "x", 400},
		{"GET", profileAt("Omega", "Selena"), "", 200},
		{"GET", profileAt("Omega", "Nobody"), "", 404},
		{"PUT", profileAt("Omega", "Selena"), `{"age":"1"}`, 401},
		{"POST", characters, `{}`, 401},
		{"DELETE", characterAt("Omega", "Selena"), ``, 401},
	} {
		got := g.srv.raw(t, c.method, c.path, c.body, localhost)
		if got.status != c.status || got.header.Get("Content-Type") == "" {
			t.Errorf("%s %s: status %d, %v", c.method, c.path, got.status, got.header)
		}
		readable(t, c.method+" "+c.path, got)
	}
	if got := g.srv.raw(t, "GET", profileAt("Omega", "Selena"), "", localhost); !strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("a page cannot read the ETag: %v", got.header)
	}
	for path, methods := range map[string]string{
		polling: "GET, POST", "/socket.io": "GET, POST", profileAt("Omega", "Selena"): "GET, PUT", characters: "POST", characterAt("Omega", "Selena"): "PATCH, DELETE",
	} {
		preflighted(t, g.srv, path, methods)
	}
	// Who names no origin is told of none.
	if got := g.srv.raw(t, "GET", polling, "", http.Header{}); got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without an origin: status %d, %v", got.status, got.header)
	}
}

// A world may be called like a part of a path.
func TestUpdatesPreflightOfAWorldCalledProfile(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	preflighted(t, start(t, nil), characterAt("profile", "Selena"), "PATCH, DELETE")
}

// preflighted wants what lets a page of http://localhost send a request with a key.
func preflighted(t *testing.T, srv *server, path, methods string) {
	t.Helper()
	headers := localhost.Clone()
	headers.Set("Access-Control-Request-Method", "POST")
	headers.Set("Access-Control-Request-Headers", "authorization,content-type")
	got := srv.raw(t, "OPTIONS", path, "", headers)
	readable(t, "OPTIONS "+path, got)
	allowed := strings.ToLower(got.header.Get("Access-Control-Allow-Headers"))
	if got.status != 204 || got.header.Get("Access-Control-Allow-Methods") != methods || !strings.Contains(allowed, "authorization") || !strings.Contains(allowed, "content-type") {
		t.Errorf("OPTIONS %s: status %d, %v", path, got.status, got.header)
	}
}

// readable wants what lets a page of http://localhost read an answer.
func readable(t *testing.T, what string, got told) {
	t.Helper()
	h := got.header
	if h.Get("Access-Control-Allow-Origin") != "http://localhost" || h.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(h.Get("Vary"), "Origin") {
		t.Errorf("%s: a page cannot read this: %v", what, h)
	}
}

// A browser that says that another site's page asks is not let in with the cookie of who looks at the page.
func TestUpdatesForeignPagesChangeNothing(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	for _, site := range []string{"cross-site", "same-site", "none"} {
		for _, c := range [][2]string{{"PUT", profileAt("Omega", "Selena")}, {"PATCH", characterAt("Omega", "Selena")}, {"DELETE", characterAt("Omega", "Selena")}} {
			if got := g.george.do(c[0], c[1], `{}`, "Sec-Fetch-Site", site); got.status != 403 {
				t.Errorf("%s from %s: %d %s", c[0], site, got.status, got.body)
			}
		}
	}
	g.george.asks(200, "PUT", profileAt("Omega", "Selena"), `{"age":"1"}`, "Sec-Fetch-Site", "same-origin")
}

// A reload that withdraws an approval ends whom it let in.
func TestUpdatesApprovalWithdrawn(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	var goes, stays []*plugin
	for _, transport := range transports {
		goes = append(goes, g.srv.pluginWith(t, transport, localhost))
		stays = append(stays, g.srv.pluginWith(t, transport, http.Header{"Origin": {"trusted-host"}}), g.srv.plugin(t, transport))
	}
	for _, p := range append(stays, goes...) {
		p.reads(200, "Omega", "Selena")
	}
	g.srv.configure(t, cheap(settings{"websocket.approvedSocketDomains": []string{"^trusted-host$"}}))
	for _, p := range goes {
		p.ended()
	}
	if got := g.srv.raw(t, "GET", polling, "", localhost); got.status != 403 {
		t.Errorf("a new poll: status %d", got.status)
	}
	if status := g.srv.handshake(t, byFrames, localhost); status != 403 {
		t.Errorf("a new handshake: status %d", status)
	}
	g.holder.puts("Omega", "Selena", "age", "27")
	for _, p := range stays {
		p.hears([2]string{"Omega", "Selena"})
		p.quiet(g.holder)
	}
}

// The same for who has connected, and joins only then.
func TestUpdatesApprovalWithdrawnBeforeJoining(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	goes := g.srv.connection(t, byWebSocket, localhost)
	witness := g.srv.pluginWith(t, byWebSocket, localhost)
	g.srv.configure(t, cheap(settings{"websocket.approvedSocketDomains": []string{"^trusted-host$"}}))
	witness.ended()
	_ = goes.write(websocket.TextMessage, []byte("40/updates,")) // or it has ended
	if event := goes.event(); event.Event == "message" {
		t.Errorf("who is no longer approved is let in: %s", describe(event))
	}
}
