package test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// What is secret stands in no log, at any level, and in nothing that sockets and readers of events get.

// secrets are texts by what they are.
type secrets map[string]string

// foundIn tells which of them stand in a text.
func (s secrets) foundIn(t *testing.T, where, text string) {
	t.Helper()
	for what, secret := range s {
		if at := strings.Index(strings.ToLower(text), strings.ToLower(secret)); secret != "" && at >= 0 {
			line := text[strings.LastIndexByte(text[:at], '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			t.Errorf("%s holds %s: %.500s", where, what, line)
		}
	}
}

// token adds what a session must not lose: the cookie, and the parts of it. The id of the session is public to
// admins, and to nobody else.
func (s secrets) token(what string, p *person) {
	id, key, _ := strings.Cut(p.token, "_")
	s[what] = p.token
	s["the key of "+what] = key
	s["the id of "+what] = id
}

// listeners get everything that is told.
type listeners struct {
	sockets map[string]*client
	feed    *sse
	until   string
}

// heard is all that they have heard up to an echo.
func (l listeners) heard(t *testing.T, srv *server) map[string]string {
	t.Helper()
	connect(t, srv.ws).send(echo(`"` + l.until + `"`))
	all := map[string]string{}
	for name, c := range l.sockets {
		for f := c.next(); ; f = c.next() {
			all[name] += f.raw + "\n"
			if string(f.Message) == `"`+l.until+`"` {
				break
			}
		}
	}
	for _, f := l.feed.next(); ; _, f = l.feed.next() {
		all["the feed"] += f.raw + "\n"
		if string(f.Message) == `"`+l.until+`"` {
			break
		}
	}
	past, err := json.Marshal(func() page { p, _ := srv.history(t, "?limit=1000"); return p }())
	if err != nil {
		t.Fatal(err)
	}
	all["history"] = string(past)
	return all
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	for _, mailed := range []bool{false, true} {
		t.Run(map[bool]string{false: "links are logged", true: "links are mailed"}[mailed], func(t *testing.T) {
			t.Parallel()
			s, office := cheap(nil), newPostOffice(t)
			if mailed {
				s = office.settings(nil)
			}
			s["log.level"], s["users.activation"] = "debug", "email"
			srv := start(t, s)
			all := secrets{}
			super, admin := srv.superAdmin(t), srv.admin(t)
			all.token("the super admin's session", super)
			all["the super admin's password"], all["the super admin's address"] = passwordOf("root"), addressOf("root")
			all["an access key"] = strings.TrimPrefix(admin.headers.Get("Authorization"), "Bearer ")
			l := listeners{map[string]*client{"a socket": connect(t, srv.ws), "a socket with a key": admin.quietAbout("?since=nonsense"), "a socket with a session": super.quietAbout("")}, openSSE(t, srv.url+"/events", trusted), "the end"}

			lifeWithSecrets(t, srv, office, mailed, all, super, admin)
			for where, text := range l.heard(t, srv) {
				all.foundIn(t, where, text)
			}
			if srv.running() {
				srv.stop(t)
			}
			log := srv.log.String()
			if !strings.Contains(log, "level=DEBUG") && !strings.Contains(log, "level=INFO") {
				t.Fatalf("a log without entries: %s", log)
			}
			if !mailed { // the one place where a key may stand
				log = regexp.MustCompile(`(?m)^.* link=.*$`).ReplaceAllString(log, "")
			}
			all.foundIn(t, "the log", log)
		})
	}
}

// quietAbout is a socket of the person with a query.
func (p *person) quietAbout(query string) *client {
	p.t.Helper()
	return connectWith(p.t, p.srv.ws+"/"+query, p.headersOf())
}

// lifeWithSecrets does with an account what can be done, what fails too, and notes all that is secret.
func lifeWithSecrets(t *testing.T, srv *server, office *postOffice, mailed bool, all secrets, super, admin *person) {
	t.Helper()
	p := srv.nobody(t)
	all["an address"], all["a password"] = addressOf("George"), passwordOf("George")
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	var link func(kind string, number int) string
	if mailed {
		srv.logged(t, "mails cannot be sent") // its address must not stand there
		office.open()
		link = func(string, int) string { return srv.local(t, office.next(addressOf("George"), patience).link(t)) }
	} else {
		link = func(kind string, number int) string { return srv.loggedLink(t, kind, "George", number) }
	}
	activate := link("activation", 1)
	_, all["the key of an activation"] = keyIn(t, activate)
	p.wants(200, "…", "GET", activate, "")
	p.refusedWith(400, "INVALID_KEY", "GET", activate, "")
	p.wants(201, "…", "POST", "/auth/register", object(t, "username", "Martha", "email", addressOf("George"), "password", "another-password-1"))
	all["a password of who was refused"] = "another-password-1"
	if mailed {
		office.next(addressOf("George"), patience) // that the address is taken
	}

	george, other := srv.loggedIn(t, addressOf("George"), passwordOf("George")), srv.nobody(t)
	other.login("George", passwordOf("George"), "rememberMe", true)
	all.token("a session", george)
	all.token("another session", other)
	all["a password that is wrong"] = "wrong-password-1"
	for _, name := range []string{"George", addressOf("George"), "typed@elsewhere.example"} {
		all["an address that nobody has"] = "typed@elsewhere.example"
		p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", name, "password", "wrong-password-1"))
	}
	all["a key that is wrong"] = "wrong-key-0123456789abcdef"
	p.do("GET", "/users/typed%40elsewhere.example", "", "Authorization", "Bearer wrong-key-0123456789abcdef")
	p.do("POST", "/auth/typed%40elsewhere.example/request-password-reset", "")
	p.do("GET", "/auth/activate-account?user=typed@elsewhere.example&key=wrong-key-0123456789abcdef", "")
	p.do("PUT", "/auth/password-reset", object(t, "user", addressOf("George"), "key", "wrong-key-0123456789abcdef", "password", "wrong-password-1"))

	all["a new password"], all["a new address"] = "new-password-1", "new-address@mail.example"
	george.wants(200, "…", "PATCH", "/users/George", object(t, "password", "new-password-1", "currentPassword", passwordOf("George")))
	george.wants(200, "…", "PUT", "/users/George/meta/p", `{"value":"public"}`)
	admin.wants(200, "…", "PATCH", "/users/George", `{"email":"new-address@mail.example","meta":{"q":1}}`)
	admin.wants(200, "…", "PATCH", "/users/George", object(t, "email", addressOf("George")))
	p.wants(202, "…", "POST", "/auth/George%40mail.example/request-password-reset", "")
	reset := link("reset", 1)
	user, key := keyIn(t, reset)
	all["the key of a reset"], all["a password by mail"] = key, "mailed-password-1"
	p.wants(200, "…", "PUT", "/auth/password-reset", object(t, "user", user, "key", key, "password", "mailed-password-1"))
	last := srv.loggedIn(t, "George", "mailed-password-1")
	all.token("the last session", last)
	super.wants(200, "…", "PATCH", "/users/George", `{"privileges":2}`)
	super.wants(200, "…", "GET", "/users?search="+addressOf("George"), "")
	super.wants(200, "…", "GET", "/sessions", "")
	id, _, _ := strings.Cut(last.token, "_")
	super.wants(204, "", "DELETE", "/sessions/"+id, "")
	super.wants(204, "", "DELETE", "/users/"+addressOf("George"), "")
}
