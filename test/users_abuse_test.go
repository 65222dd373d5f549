package test

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// Who tries too often has to wait: for an account at which they failed, from the address from which they did.

// failedLogin tries a wrong password.
func (p *person) failedLogin(name string, headers ...string) told {
	p.t.Helper()
	got := p.do("POST", "/auth/login", object(p.t, "username", name, "password", "not-the-password"), headers...)
	want := map[int]string{401: "UNAUTHORIZED", 429: "RATE_LIMITED"}[got.status]
	if want == "" || decodeFailure(p.t, []byte(got.body)).Code != want {
		p.t.Fatalf("a failed login: %d %s", got.status, got.body)
	}
	return got
}

// retryAfter is how long an answer tells to wait.
func (a told) retryAfter(t *testing.T) time.Duration {
	t.Helper()
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		t.Fatalf("%d with Retry-After %q: %s", a.status, a.header.Get("Retry-After"), a.body)
	}
	return time.Duration(seconds) * time.Second
}

// slowDown fails to log in until each further attempt has to wait for a while, and returns how many were free.
func (p *person) slowDown(name string, headers ...string) (free int) {
	p.t.Helper()
	count, slowed := 0, false
	eventually(p.t, "a wait of more than two seconds", func() bool {
		got := p.failedLogin(name, headers...)
		switch {
		case got.status == 429:
			slowed = true
			return got.retryAfter(p.t) > 2*time.Second
		case !slowed:
			free++
		}
		count++
		return false
	})
	return free
}

func TestFailedLoginsAreSlowed(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	const free = 3
	srv := startUsers(t, settings{"users.failedLogins": free, "websocket.trustedProxies": []string{"127.0.0.1"}})
	admin := srv.admin(t)
	for _, name := range []string{"George", "Martha"} {
		srv.made(t, admin, name)
	}
	p := srv.nobody(t)
	right := object(t, "username", "george", "password", passwordOf("George"))
	from := func(address string) []string { return []string{"X-Forwarded-For", address} }

	if got := p.slowDown("George", from("192.0.2.1")...); got < free || got > free+1 {
		t.Errorf("%d failed logins were free of a wait, want %d", got, free)
	}
	// From here on there are two seconds, in which all this takes some milliseconds.
	got := p.refusedWith(429, "RATE_LIMITED", "POST", "/auth/login", right, from("192.0.2.1")...)
	begun, wait := time.Now(), got.retryAfter(t)
	p.refusedWith(429, "RATE_LIMITED", "POST", "/auth/login", object(t, "username", "GEORGE", "password", passwordOf("George")), from("192.0.2.1")...)
	p.wants(200, "…", "POST", "/auth/login", object(t, "username", "Martha", "password", passwordOf("Martha")), from("192.0.2.1")...)
	p.wants(200, "…", "POST", "/auth/login", right, from("192.0.2.2")...)
	p.wants(200, "…", "POST", "/auth/login", right, from("192.0.2.1, 192.0.2.3")...) // what a client claims is no address
	p.wants(200, "…", "POST", "/auth/login", right)

	eventually(t, "the wait to end", func() bool {
		return p.do("POST", "/auth/login", right, from("192.0.2.1")...).status == 200
	})
	if took := time.Since(begun); took > wait+5*time.Second {
		t.Errorf("the wait took %v, %v were told", took, wait)
	}
	for range free - 1 { // a success has forgiven all that was before
		if got := p.failedLogin("George", from("192.0.2.1")...); got.status != 401 {
			t.Errorf("after a success: %d %s", got.status, got.body)
		}
	}
	p.wants(200, "…", "POST", "/auth/login", right, from("192.0.2.1")...)

	// The same of a name that nobody has: whether there is such a user is not told by it.
	if got := p.slowDown("nobody", from("192.0.2.1")...); got < free || got > free+1 {
		t.Errorf("%d failed logins of nobody were free of a wait, want %d", got, free)
	}
}

// IPv6 addresses of one network of 64 bits are one household's.
func TestFailedLoginsOfANetwork(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.failedLogins": 2, "websocket.trustedProxies": []string{"127.0.0.1"}})
	srv.made(t, srv.admin(t), "George")
	n := 0
	eventually(t, "a wait of more than two seconds", func() bool {
		n++
		got := srv.nobody(t).failedLogin("George", "X-Forwarded-For", fmt.Sprintf("2001:db8:1:2::%x", n))
		return got.status == 429 && got.retryAfter(t) > 2*time.Second
	})
	right := object(t, "username", "George", "password", passwordOf("George"))
	srv.nobody(t).refusedWith(429, "RATE_LIMITED", "POST", "/auth/login", right, "X-Forwarded-For", "2001:db8:1:2:ffff::1")
	srv.nobody(t).wants(200, "…", "POST", "/auth/login", right, "X-Forwarded-For", "2001:db8:1:3::1")
}

// Without a trusted proxy X-Forwarded-For is what anybody may write.
func TestFailedLoginsWithoutAProxy(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.failedLogins": 2})
	srv.made(t, srv.admin(t), "George")
	n := 0
	eventually(t, "a wait of more than two seconds", func() bool {
		n++
		got := srv.nobody(t).failedLogin("George", "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", n))
		return got.status == 429 && got.retryAfter(t) > 2*time.Second
	})
}

// Who tries many names from one address is slowed too, later.
func TestFailedLoginsOfManyNames(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	const free = 2
	srv := startUsers(t, settings{"users.failedLogins": free, "websocket.trustedProxies": []string{"127.0.0.1"}})
	srv.made(t, srv.admin(t), "George")
	p := srv.nobody(t)
	n := 0
	eventually(t, "a wait of more than two seconds", func() bool {
		n++
		got := p.failedLogin(fmt.Sprintf("name%d", n), "X-Forwarded-For", "192.0.2.1")
		return got.status == 429 && got.retryAfter(t) > 2*time.Second
	})
	if n <= 4*free {
		t.Errorf("after %d names, as soon as for one", n)
	}
	right := object(t, "username", "George", "password", passwordOf("George"))
	p.refusedWith(429, "RATE_LIMITED", "POST", "/auth/login", right, "X-Forwarded-For", "192.0.2.1")
	p.wants(200, "…", "POST", "/auth/login", right, "X-Forwarded-For", "192.0.2.2")
}

// As many accounts as the setting says can be registered from one address in an hour.
func TestRegistrationsPerHour(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	const most = 3
	srv := startUsers(t, settings{"users.registrationsPerHour": most, "websocket.trustedProxies": []string{"127.0.0.1"}})
	p := srv.nobody(t)
	for i := range most {
		p.wants(201, "…", "POST", "/auth/register", newcomer(t, fmt.Sprintf("n%d", i)), "X-Forwarded-For", "192.0.2.1")
	}
	got := p.refusedWith(429, "RATE_LIMITED", "POST", "/auth/register", newcomer(t, "n3"), "X-Forwarded-For", "192.0.2.1")
	if got.status == 429 {
		got.retryAfter(t)
	}
	got = p.refusedWith(429, "RATE_LIMITED", "POST", "/auth/register", newcomer(t, "n4"), "X-Forwarded-For", "192.0.2.1")
	if wait := got.retryAfter(t); wait < 30*time.Second {
		t.Errorf("a wait of %v", wait)
	}
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "n5"), "X-Forwarded-For", "192.0.2.2")
	srv.admin(t).wants(201, "…", "POST", "/users", newcomer(t, "n6"), "X-Forwarded-For", "192.0.2.1") // an admin may
}

// Mails that anybody can have written are bounded, whoever they are for.
func TestMailsAreSlowed(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	p := srv.nobody(t)
	accepted := 0
	eventually(t, "too many mails", func() bool {
		got := p.do("POST", []string{"/auth/nobody/request-password-reset", "/auth/nobody/resend-activation"}[accepted%2], "")
		if got.status == 429 {
			got.retryAfter(t)
			return true
		}
		accepted++
		return got.status != 202
	})
	if accepted < 5 || accepted > 50 {
		t.Errorf("%d were accepted", accepted)
	}
}

// Nodes that share a database know of each other's failures.
func TestFailedLoginsAtTwoNodes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	const free = 3
	d := shared(t)
	s := cheap(settings{"users.failedLogins": free, "users.registrationsPerHour": 2})
	nodes := []*server{d.node(t, s), d.node(t, s)}
	nodes[0].made(t, nodes[0].admin(t), "George")
	tries, counted := 0, 0
	eventually(t, "a wait of more than two seconds", func() bool {
		tries++
		got := nodes[tries%2].nobody(t).failedLogin("George")
		if got.status == 401 {
			counted++
			return false
		}
		return got.retryAfter(t) > 2*time.Second
	})
	if counted > free+3 { // the waits of 1 and 2 seconds have passed
		t.Errorf("%d attempts at two nodes", counted)
	}
	for _, n := range nodes {
		n.nobody(t).refusedWith(429, "RATE_LIMITED", "POST", "/auth/login", object(t, "username", "George", "password", passwordOf("George")))
	}
	registered := 0
	eventually(t, "too many registrations", func() bool {
		got := nodes[registered%2].nobody(t).do("POST", "/auth/register", newcomer(t, fmt.Sprintf("n%d", registered)))
		registered++
		return got.status == 429
	})
	if registered > 4 {
		t.Errorf("%d registrations at two nodes", registered)
	}
}
