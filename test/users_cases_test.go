package test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// Users who are called like a part of a path are users like others.
func TestUsersCalledLikePaths(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.activation": "admin", "users.registrationsPerHour": 0, "websocket.trustedProxies": []string{"127.0.0.1"}})
	p, admin := srv.nobody(t), srv.admin(t)
	for i, name := range []string{
		"register", "login", "logout", "authenticated", "activate-account", "password-reset", "resend-activation", "users", "meta", "sessions",
		"null", "undefined", "constructor", "_", "0", "a.", "..",
	} {
		if name == "_" || strings.HasSuffix(name, ".") { // which no username can be
			p.wantsInvalid("username", "POST", "/auth/register", newcomer(t, name))
			continue
		}
		p.wants(201, `{"username":"`+name+`","activation":"admin"}`, "POST", "/auth/register", newcomer(t, name))
		admin.wants(200, `{"username":"`+name+`",…"activated":true,…}`, "PUT", "/auth/"+name+"/approve-activation", "")
		p.headers.Set("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i)) // or these were more mails than one may have
		p.wants(202, `{"accepted":true}`, "POST", "/auth/"+name+"/resend-activation", "")
		p.wants(202, `{"accepted":true}`, "POST", "/auth/"+name+"/request-password-reset", "")
		own := srv.loggedIn(t, name, passwordOf(name))
		own.wants(200, `{"username":"`+name+`",…}`, "GET", "/users/"+name, "")
		own.wants(200, `{"value":1}`, "PUT", "/users/"+name+"/meta/"+name, `{"value":1}`)
		own.wants(200, `{"`+name+`":1}`, "GET", "/users/"+name+"/meta", "")
	}
}

// An address in a path is percent-encoded, whatever is in it.
func TestUsersByAddress(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.registrationsPerHour": 0})
	for i, address := range []string{"a+b@mail.example", "a/b@mail.example", "a%b@mail.example", "a?b#c@mail.example", "o'neil@mail.example", "a&b=c@mail.example", "{a}@mail.example"} {
		name := fmt.Sprintf("n%d", i)
		srv.nobody(t).wants(201, "…", "POST", "/auth/register", object(t, "username", name, "email", address, "password", "long enough"))
		p := srv.loggedIn(t, strings.ToUpper(address), "long enough")
		p.wants(200, `{"username":"`+name+`",…}`, "GET", "/users/"+url.PathEscape(address), "")
		p.wants(202, "…", "POST", "/auth/"+url.PathEscape(address)+"/request-password-reset", "")
		user, key := keyIn(t, srv.loggedLink(t, "reset", name, 1))
		p.wants(200, `{"reset":true}`, "PUT", "/auth/password-reset", object(t, "user", user, "key", key, "password", "another one"))
	}
}

// Where addresses are confirmed their owners do not change them: an admin does.
func TestConfirmedAddressesStay(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.activation": "email"})
	admin := srv.admin(t)
	george := srv.made(t, admin, "George")
	george.refusedWith(403, "FORBIDDEN", "PATCH", "/users/George", `{"email":"g@mail.example","meta":{"p":1}}`)
	george.wants(200, `{…"email":"george@mail.example",…"meta":{"p":2}}`, "PATCH", "/users/George", `{"email":"george@mail.example","meta":{"p":2}}`)
	admin.wants(200, `{…"email":"g@mail.example",…}`, "PATCH", "/users/George", `{"email":"g@mail.example"}`)
	george.wants(200, `{…"email":"g@mail.example",…}`, "PATCH", "/users/George", `{}`)
	george.wants(200, "…", "GET", "/users/g%40mail.example", "")
	george.refusedWith(403, "FORBIDDEN", "GET", "/users/george%40mail.example", "")
}

// A new password by mail also activates where the mail shows that the address is the user's, and nowhere else.
func TestResetOfWhoIsNotActivated(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	for activation, status := range map[string]int{"email": 200, "admin": 401} {
		t.Run(activation, func(t *testing.T) {
			t.Parallel()
			srv := startUsers(t, settings{"users.activation": activation})
			p := srv.nobody(t)
			p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
			p.wants(202, "…", "POST", "/auth/George/request-password-reset", "")
			user, key := keyIn(t, srv.loggedLink(t, "reset", "George", 1))
			p.wants(200, `{"reset":true}`, "PUT", "/auth/password-reset", object(t, "user", user, "key", key, "password", "a new password"))
			p.wants(status, "…", "POST", "/auth/login", object(t, "username", "George", "password", "a new password"))
		})
	}
}

// Sessions and accounts outlive the server, whatever ended it.
func TestUsersOutliveTheServer(t *testing.T) {
	t.Parallel()
	srv := startUsers(t, nil)
	george := srv.made(t, srv.admin(t), "George")
	george.wants(200, `{"value":1}`, "PUT", "/users/George/meta/p", `{"value":1}`)
	srv.kill(t)
	srv.launch(t)
	george.wants(200, `{"p":1}`, "GET", "/users/George/meta", "")
	george.logout()
	srv.kill(t)
	srv.launch(t)
	if george.present() {
		t.Error("a session that ended is there again")
	}
	srv.loggedIn(t, "George", passwordOf("George"))
}

// Those who set properties of one user's meta at once do not undo each other.
func TestRaceForMeta(t *testing.T) {
	t.Parallel()
	const n = 12
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	admin.wants(201, "…", "POST", "/users", newcomer(t, "George"))
	c := srv.listen(t)
	counted(t, "properties", atOnce(t, n, func(i int) (told, error) {
		return admin.try("PUT", fmt.Sprintf("/users/George/meta/p%02d", i), `{"value":`+fmt.Sprint(i)+`}`)
	}), map[int]int{200: n})
	heard, all := map[string]bool{}, []string{}
	for i := range n {
		heard[own(t, c.next())] = true
		all = append(all, fmt.Sprintf(`"p%02d":%d`, i, i))
	}
	for i := range n {
		if want := updated(fmt.Sprintf(`"meta.p%02d"`, i), "George"); !heard[want] {
			t.Errorf("not heard: %s", want)
		}
	}
	for _, pair := range all {
		if got := admin.do("GET", "/users/George/meta", "").body; !strings.Contains(got, pair) {
			t.Errorf("%s is not in %s", pair, got)
		}
	}
	c.alive()
}

// The same at two nodes, and for a name.
func TestRaceForANameAtTwoNodes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	const n = 20
	d := shared(t)
	s := cheap(settings{"users.registrationsPerHour": 0})
	nodes := []*server{d.node(t, s), d.node(t, s)}
	heard := []*client{nodes[0].listen(t), nodes[1].listen(t)}
	heard[0].next() // that the other listens
	for round := range 3 {
		name := fmt.Sprintf("George%d", round)
		counted(t, "one name", atOnce(t, n, func(i int) (told, error) {
			return nodes[i%2].nobody(t).try("POST", "/auth/register", object(t, "username", cased(name, i), "email", fmt.Sprintf("n%d-%d@mail.example", round, i), "password", "long enough"))
		}), map[int]int{201: 1, 409: n - 1})
		first, second := heard[0].next(), heard[1].next()
		if first.EventType != 11 || first.raw != second.raw {
			t.Errorf("%s at one node, %s at the other", first.raw, second.raw)
		}
		// Who logs in at one node is logged in at the other.
		p := nodes[0].loggedIn(t, name, "long enough")
		p.srv = nodes[1]
		p.wants(200, `{"authenticated":true,…}`, "GET", "/auth/authenticated", "")
		p.logout()
		for _, number := range []string{"1", "2"} {
			first, second := heard[0].next(), heard[1].next()
			if !strings.HasPrefix(first.raw, `{"eventType":`+number+`,`) || first.raw != second.raw {
				t.Errorf("%s at one node, %s at the other", first.raw, second.raw)
			}
		}
	}
}
