package test

import (
	"net/http"
	"strings"
	"testing"
)

// What stands around the bodies: headers, the cookie, and what pages of other origins may.

// changing are the routes by which something changes, with bodies that would do it.
var changing = []struct{ request, body string }{
	{"POST /auth/register", `{"username":"new","email":"new@mail.example","password":"long enough"}`},
	{"POST /auth/login", `{"username":"George","password":"the-password-of-george"}`},
	{"POST /auth/logout", ``},
	{"POST /auth/George/resend-activation", ``},
	{"PUT /auth/George/approve-activation", ``},
	{"POST /auth/George/request-password-reset", ``},
	{"PUT /auth/password-reset", `{"user":"George","key":"00","password":"long enough"}`},
	{"POST /users", `{"username":"new","email":"new@mail.example","password":"long enough"}`},
	{"PATCH /users/George", `{"meta":{"p":2}}`},
	{"DELETE /users/George", ``},
	{"PUT /users/George/meta", `{}`},
	{"PUT /users/George/meta/p", `{"value":2}`},
	{"DELETE /users/George/meta/p", ``},
	{"DELETE /sessions/000000000000000000000000", ``},
}

var reading = []string{
	"GET /auth/authenticated", "GET /auth/activate-account?user=George&key=00", "GET /auth/password-reset?user=George&key=00", "GET /users", "GET /users/George",
	"GET /users/George/meta", "GET /users/George/meta/p", "GET /sessions",
}

// withGeorge is a server that has a user with the property p, and an admin.
func withGeorge(t *testing.T, s settings) (srv *server, george, admin *person) {
	t.Helper()
	srv = startUsers(t, s)
	admin = srv.admin(t)
	admin.wants(201, "…", "POST", "/users", newcomer(t, "George", "meta", map[string]any{"p": 1}))
	return srv, srv.loggedIn(t, "George", passwordOf("George")), admin
}

func TestUsersHeaders(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv, george, admin := withGeorge(t, nil)
	requests := reading
	for _, c := range changing {
		requests = append(requests, c.request)
	}
	for _, p := range []*person{srv.nobody(t), george, admin} {
		for _, request := range requests {
			method, path, _ := strings.Cut(request, " ")
			got := p.do(method, path, "")
			want := http.Header{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
			switch {
			case got.body == "":
			case strings.HasPrefix(path, "/auth/password-reset?"):
				want.Set("Content-Type", "text/html; charset=utf-8")
				want.Set("Referrer-Policy", "no-referrer") // the page's address holds a key
			default:
				want.Set("Content-Type", "application/json; charset=utf-8")
			}
			for name := range want {
				if len(got.header[name]) != 1 || got.header.Get(name) != want.Get(name) {
					t.Errorf("%s (%d): %s is %q, want %q", request, got.status, name, got.header[name], want.Get(name))
				}
			}
			for name := range got.header {
				if name == "Server" || strings.HasPrefix(name, "X-Powered") || strings.Contains(name, "Version") {
					t.Errorf("%s: it tells what it is: %s", request, name)
				}
			}
			if got.status == 401 && got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: 401 without WWW-Authenticate", request)
			}
		}
	}
	got := admin.wants(201, "…", "POST", "/users", newcomer(t, "a.b"))
	if where := got.header.Get("Location"); where != "/users/a.b" {
		t.Errorf("Location: %q", where)
	}
	for _, request := range []string{"GET /auth/login", "DELETE /users", "POST /users/George", "PUT /sessions", "GET /sessions/x", "PATCH /users/George/meta"} {
		method, path, _ := strings.Cut(request, " ")
		george.refusedWith(405, "METHOD_NOT_ALLOWED", method, path, "")
	}
	george.refusedWith(404, "NOT_FOUND", "GET", "/users/George/nothing", "")
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	for name, c := range map[string]struct {
		settings settings
		secure   bool
	}{
		"plain":              {settings{"users.sessionHours": 2}, false},
		"http of its own":    {settings{"users.sessionHours": 2, "users.url": "http://users.example.com"}, false},
		"reached over https": {settings{"users.sessionHours": 2, "users.url": "https://users.example.com/path"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, p, _ := withGeorge(t, c.settings)
			check := func(what string, got *http.Cookie, from, to int, value bool) {
				t.Helper()
				if got == nil {
					t.Fatalf("%s: no cookie", what)
				}
				if !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Path != "/" || got.Secure != c.secure || got.Domain != "" || !got.Expires.IsZero() ||
					got.MaxAge < from || got.MaxAge > to || (got.Value != "") != value {
					t.Errorf("%s: %s", what, got.Raw)
				}
			}
			body := object(t, "username", "George", "password", passwordOf("George"))
			check("a login", p.do("POST", "/auth/login", body).cookie, 0, 0, true)
			check("a login that says no", p.do("POST", "/auth/login", strings.Replace(body, "{", `{"rememberMe":false,`, 1)).cookie, 0, 0, true)
			remembered := srv.nobody(t)
			check("a login to be remembered", remembered.login("George", passwordOf("George"), "rememberMe", true).cookie, 2*3600-60, 2*3600, true)
			if len(remembered.token) < 64 { // 256 bits in hexadecimal
				t.Errorf("a token of %d characters", len(remembered.token))
			}
			check("who is remembered", remembered.do("GET", "/auth/authenticated", "").cookie, 2*3600-60, 2*3600, true)
			check("a logout", remembered.do("POST", "/auth/logout", "").cookie, -1, -1, false)
			check("a logout of nobody", srv.nobody(t).do("POST", "/auth/logout", "").cookie, -1, -1, false)
			srv.nobody(t).wants(200, `{"authenticated":false}`, "GET", "/auth/authenticated", "")
			if got := srv.nobody(t).do("POST", "/auth/login", object(t, "username", "George", "password", "wrong")); got.cookie != nil {
				t.Errorf("a login that fails sets a cookie: %s", got.cookie.Raw)
			}
		})
	}
}

// Who logs in again leaves no session behind, and gets a new one: a cookie that somebody else has put there is worth
// nothing.
func TestLoginAgain(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv, p, _ := withGeorge(t, nil)
	first := *p
	p.login("George", passwordOf("George"))
	if p.token == first.token || first.present() || !p.present() {
		t.Error("a second login must end the session that the first began")
	}
	fixed := srv.nobody(t)
	fixed.token = strings.Repeat("a", 24) + "_" + strings.Repeat("b", 64)
	planted := *fixed
	fixed.login("George", passwordOf("George"))
	if planted.present() {
		t.Error("a token that a client chose became a session")
	}
}

func TestUsersAndOtherOrigins(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv, george, admin := withGeorge(t, nil)
	c := srv.listen(t)
	for _, p := range []*person{george, admin} {
		for _, route := range changing {
			method, path, _ := strings.Cut(route.request, " ")
			for _, headers := range [][]string{
				{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "https://evil.example", "Sec-Fetch-Site", "same-origin"}, {"Origin", "http://localhost.evil.example"},
			} {
				got := p.do(method, path, route.body, headers...)
				if code := decodeFailure(t, []byte(got.body)).Code; got.status != 403 || !strings.HasPrefix(code, "ORIGIN_") || got.header.Get("Access-Control-Allow-Origin") != "" || got.cookie != nil {
					t.Errorf("%s from %v: %d %s %v", route.request, headers, got.status, got.body, got.header)
				}
			}
			// A browser that hides the Origin still says what kind of page it was.
			for _, site := range []string{"cross-site", "same-site", "none", "nonsense"} {
				p.refusedWith(403, "ORIGIN_MISSING", method, path, route.body, "Sec-Fetch-Site", site)
			}
		}
		for _, request := range reading {
			method, path, _ := strings.Cut(request, " ")
			p.refusedWith(403, "ORIGIN_NOT_APPROVED", method, path, "", "Origin", "https://evil.example")
			if got := p.do(method, path, "", "Sec-Fetch-Site", "cross-site"); got.status == 403 && strings.Contains(got.body, "ORIGIN") {
				t.Errorf("%s by a link of another site: %s", request, got.body)
			}
		}
	}
	c.alive() // and heard of nothing
	if !george.present() {
		t.Fatal("a request from another origin has ended the session")
	}
	george.wants(200, `{"p":1}`, "GET", "/users/George/meta", "")

	george.wants(200, `{"value":2}`, "PUT", "/users/George/meta/p", `{"value":2}`, "Sec-Fetch-Site", "same-origin")
	got := george.wants(200, `{"value":3}`, "PUT", "/users/George/meta/p", `{"value":3}`, "Sec-Fetch-Site", "cross-site", "Origin", "http://trusted-host")
	if h := got.header; h.Get("Access-Control-Allow-Origin") != "http://trusted-host" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
		t.Errorf("an approved origin: %v", h)
	}
}

// A browser asks before it sends; an approved origin may send the cookie along.
func TestUsersPreflight(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv, _, _ := withGeorge(t, nil)
	p := srv.nobody(t)
	for path, methods := range map[string]string{
		"/auth/register": "POST", "/auth/login": "POST", "/auth/logout": "POST", "/auth/authenticated": "GET", "/auth/password-reset": "GET PUT", "/users": "GET POST",
		"/users/George": "GET PATCH DELETE", "/users/George/meta": "GET PUT", "/users/George/meta/p": "GET PUT DELETE", "/sessions": "GET", "/sessions/x": "DELETE",
		"/auth/George/resend-activation": "POST", "/auth/George/approve-activation": "PUT", "/auth/George/request-password-reset": "POST", "/auth/activate-account": "GET",
	} {
		got := p.wants(204, "", "OPTIONS", path, "", "Origin", "https://trusted-host", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "content-type")
		h := got.header
		if h.Get("Access-Control-Allow-Origin") != "https://trusted-host" || h.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: %v", path, h)
		}
		for method := range strings.FieldsSeq(methods) {
			if !strings.Contains(h.Get("Access-Control-Allow-Methods"), method) {
				t.Errorf("%s: %s is not among %s", path, method, h.Get("Access-Control-Allow-Methods"))
			}
		}
		if allowed := strings.ToLower(h.Get("Access-Control-Allow-Headers")); !strings.Contains(allowed, "content-type") || !strings.Contains(allowed, "authorization") {
			t.Errorf("%s: headers %s", path, allowed)
		}
		p.refusedWith(403, "ORIGIN_NOT_APPROVED", "OPTIONS", path, "", "Origin", "https://evil.example", "Access-Control-Request-Method", "PUT")
	}
}
