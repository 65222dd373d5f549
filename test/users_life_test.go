package test

import (
	"strings"
	"testing"
	"time"
)

// A whole life of an account, and what those hear who watch it: each event, once, in order, with the properties that
// are told of it and no others.

// event is what is told of one, in the order of names.
func event(number string, properties string) string {
	return `{` + strings.Replace(properties, `"eventType"`, `"eventType":`+number, 1) + `}`
}

// about is an event that has a username and nothing else.
func about(number, username string) string {
	return event(number, `"eventType","username":"`+username+`"`)
}

func updated(fields, username string) string {
	return event("12", `"eventType","fields":[`+fields+`],"username":"`+username+`"`)
}

// life is one account, whose name is always "George".
type life struct {
	t               *testing.T
	srv             *server
	super, program  *person
	george, another *person
	expected        []string
}

func (l *life) expect(events ...string) { l.expected = append(l.expected, events...) }

func TestLifeOfAnAccount(t *testing.T) {
	t.Parallel()
	for _, activation := range []string{"none", "admin", "email"} {
		t.Run(activation, func(t *testing.T) {
			t.Parallel()
			srv := startUsers(t, settings{"users.activation": activation})
			l := &life{t: t, srv: srv, super: srv.superAdmin(t), program: srv.holder(t, "write:documents"), george: srv.nobody(t), another: srv.nobody(t)}
			socket, other, feed := connect(t, srv.ws), connect(t, srv.ws), openSSE(t, srv.url+"/events", trusted)
			mark := srv.begins(t, socket.next, other.next, func() frame { _, f := feed.next(); return f })

			l.register(activation)
			l.logins()
			l.meta()
			l.patches()
			l.files()
			l.sessions()
			l.reset()
			l.deletion()
			l.program.do("GET", "/users/George", "") // is no event, and shows nothing
			l.expect(`{"eventType":10,"message":"the end"}`)
			socket.send(echo(`"the end"`))

			_, past := srv.history(t, "?limit=1000&since="+mark.ID)
			for i, want := range l.expected {
				got := socket.next()
				if own(t, got) != want {
					t.Fatalf("event %d\ngot  %s\nwant %s", i, got.raw, want)
				}
				if at := other.next(); at.raw != got.raw {
					t.Errorf("event %d is %s at one socket, %s at another", i, got.raw, at.raw)
				}
				if id, at := feed.next(); at.raw != got.raw || id != got.ID {
					t.Errorf("event %d is %s at a socket, server-sent %s with the id %s", i, got.raw, at.raw, id)
				}
				// The end may not have been written when history was read.
				if i < len(l.expected)-1 && (i >= len(past) || past[i].raw != got.raw) {
					t.Errorf("event %d is %s, and in history something else", i, got.raw)
				}
			}
			if _, past := srv.history(t, "?limit=1000&since="+mark.ID); len(past) != len(l.expected) {
				t.Errorf("history has %d events, want %d", len(past), len(l.expected))
			}
		})
	}
}

// begins is an echo behind all that was done before, which may come to some of those who listen.
func (s *server) begins(t *testing.T, listeners ...func() frame) (mark frame) {
	t.Helper()
	const begin = `"the beginning"`
	connect(t, s.ws).send(echo(begin))
	for _, next := range listeners {
		for mark = next(); string(mark.Message) != begin; mark = next() {
		}
	}
	return mark
}

func (l *life) register(activation string) {
	p := l.srv.nobody(l.t)
	p.wants(201, `{"username":"George","activation":"`+activation+`"}`, "POST", "/auth/register", newcomer(l.t, "George", "meta", map[string]any{"from": "Lyme"}))
	l.expect(about("11", "George"))
	p.refusedWith(409, "TAKEN", "POST", "/auth/register", object(l.t, "username", "gEORGE", "email", "other@mail.example", "password", "long-enough"))
	switch activation {
	case "none":
		return
	case "admin":
		p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(l.t, "username", "George", "password", passwordOf("George")))
		l.super.wants(200, `{"username":"George",…"activated":true,…}`, "PUT", "/auth/george/approve-activation", "")
		l.super.wants(200, `{"username":"George",…"activated":true,…}`, "PUT", "/auth/george/approve-activation", "") // it is
	case "email":
		p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(l.t, "username", "George", "password", passwordOf("George")))
		link := l.srv.loggedLink(l.t, "activation", "George", 1)
		p.wants(200, `{"activated":true}`, "GET", link, "")
		p.refusedWith(400, "INVALID_KEY", "GET", link, "")
	}
	l.expect(about("3", "George"))
}

func (l *life) logins() {
	l.george.login("george", passwordOf("George"))
	l.another.login(strings.ToUpper(addressOf("George")), passwordOf("George"), "rememberMe", true)
	l.expect(about("1", "George"), about("1", "George"))
	for _, name := range []string{"George", addressOf("George"), "Georgina"} {
		l.srv.nobody(l.t).refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(l.t, "username", name, "password", "not-the-password"))
	}
	l.george.present() // to be looked at is no event
}

func (l *life) meta() {
	p := l.george
	p.wants(200, `{"value":"blue"}`, "PUT", "/users/George/meta/color", `{"value":"blue"}`)
	l.expect(updated(`"meta.color"`, "George"))
	p.wants(200, `{"value":"blue"}`, "PUT", "/users/George/meta/color", `{"value":"blue"}`) // it is
	p.wants(200, `{"value":{"a":[1]}}`, "PUT", "/users/George/meta/size", `{"value":{"a":[1]}}`)
	l.expect(updated(`"meta.size"`, "George"))
	p.wants(200, `{"color":"red","size":{"a":[2]},"tea":true}`, "PUT", "/users/George/meta", `{"color":"red","size":{"a":[2]},"tea":true}`)
	l.expect(updated(`"meta.color","meta.from","meta.size","meta.tea"`, "George"))
	p.wants(204, "", "DELETE", "/users/George/meta/size", "")
	l.expect(updated(`"meta.size"`, "George"))
	p.refusedWith(404, "NOT_FOUND", "DELETE", "/users/George/meta/size", "")
	p.wants(200, `{…"meta":{}}`, "PATCH", "/users/George", `{"meta":{}}`)
	l.expect(updated(`"meta.color","meta.tea"`, "George"))
}

func (l *life) patches() {
	l.super.wants(200, `{…"email":"g@mail.example","privileges":2,…}`, "PATCH", "/users/george", `{"email":"g@mail.example","privileges":2,"meta":{"at":1}}`)
	l.expect(updated(`"email","meta.at"`, "George"), event("13", `"eventType","privileges":2,"username":"George"`))
	l.super.wants(200, `{…}`, "PATCH", "/users/george", `{"email":"g@mail.example","privileges":2}`) // it is
	l.super.wants(200, `{…}`, "PATCH", "/users/george", `{"password":"a second password"}`)
	l.expect(about("2", "George"), about("2", "George"))
	l.super.wants(200, `{…"privileges":3,…}`, "PATCH", "/users/george", `{"privileges":3}`)
	l.expect(event("13", `"eventType","privileges":3,"username":"George"`))
	if l.george.present() || l.another.present() {
		l.t.Error("another's new password for somebody leaves sessions behind")
	}
}

func (l *life) files() {
	w := l.program
	file := `{"_id":"f1","user":"George","name":"a.txt"}`
	bucket := func(id string) string { return `{"_id":"` + id + `","username":"George","files":["f1"]}` }
	w.wants(201, file, "PUT", "/documents/files/f1", file)
	l.expect(event("5", `"eventType","file":`+file+`,"username":"George"`))
	for _, id := range []string{"b1", "b2"} {
		w.wants(201, bucket(id), "PUT", "/documents/buckets/"+id, bucket(id))
		l.expect(event("7", `"bucket":`+bucket(id)+`,"eventType","username":"George"`))
	}
	w.wants(204, "", "DELETE", "/documents/buckets/b1", "")
	l.expect(event("8", `"bucket":`+bucket("b1")+`,"eventType","username":"George"`))
}

func (l *life) sessions() {
	l.george.login("George", "a second password")
	l.another.login("George", "a second password")
	l.expect(about("1", "George"), about("1", "George"))
	l.george.logout()
	l.george.logout() // it has ended
	l.expect(about("2", "George"))
	id := l.super.wants(200, `{"sessions":[{"id":"…","username":"George","createdOn":"…","expires":"…"}],"index":0,"more":false}`, "GET", "/sessions?username=GEORGE", "")
	_, rest, _ := strings.Cut(id.body, `"id":"`)
	only, _, _ := strings.Cut(rest, `"`)
	l.super.wants(204, "", "DELETE", "/sessions/"+only, "")
	l.expect(about("2", "George"))
	l.super.refusedWith(404, "NOT_FOUND", "DELETE", "/sessions/"+only, "")
	if l.another.present() {
		l.t.Error("a session that an admin has ended goes on")
	}
}

func (l *life) reset() {
	l.another.login("George", "a second password")
	l.expect(about("1", "George"))
	p := l.srv.nobody(l.t)
	p.wants(202, `{"accepted":true}`, "POST", "/auth/g%40mail.example/request-password-reset", "")
	user, key := keyIn(l.t, l.srv.loggedLink(l.t, "reset", "George", 1))
	body := object(l.t, "user", user, "key", key, "password", "a third password")
	p.wants(200, `{"reset":true}`, "PUT", "/auth/password-reset", body)
	l.expect(about("2", "George"))
	p.refusedWith(400, "INVALID_KEY", "PUT", "/auth/password-reset", body)
	p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(l.t, "username", "George", "password", "a second password"))
}

func (l *life) deletion() {
	l.george.login("George", "a third password")
	l.another.login("George", "a third password")
	l.expect(about("1", "George"), about("1", "George"))
	l.super.wants(204, "", "DELETE", "/users/GEORGE", "")
	l.expect(event("6", `"eventType","file":{"_id":"f1","user":"George","name":"a.txt"},"username":"George"`),
		event("8", `"bucket":{"_id":"b2","username":"George","files":["f1"]},"eventType","username":"George"`),
		about("2", "George"), about("2", "George"), about("4", "George"))
	l.super.refusedWith(404, "NOT_FOUND", "DELETE", "/users/GEORGE", "")
	if l.george.present() {
		l.t.Error("the session of an account that is gone goes on")
	}
}

// A session that is used goes on beyond its time. One that is not ends by itself, soon after, and that is told like a
// logout.
func TestSessionExpires(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	const lifetime = 3 * time.Second
	srv := startUsers(t, settings{"users.sessionHours": lifetime.Hours()})
	srv.nobody(t).wants(201, "…", "POST", "/auth/register", newcomer(t, "Martha"))
	c := connect(t, srv.ws+"/?events=1,2")
	p, unused := srv.loggedIn(t, "Martha", passwordOf("Martha")), srv.loggedIn(t, "Martha", passwordOf("Martha"))
	c.hears(about("1", "Martha"), about("1", "Martha"))

	begun := time.Now()
	eventually(t, "twice the time of a session", func() bool {
		if !p.present() {
			t.Fatalf("a session that was used has ended after %v", time.Since(begun))
		}
		return time.Since(begun) > 2*lifetime
	})
	if unused.present() {
		t.Error("a session that was not used goes on")
	}
	c.hears(about("2", "Martha"), about("2", "Martha"))
	if p.present() {
		t.Error("a session that was announced to have ended goes on")
	}
	c.alive()
}
