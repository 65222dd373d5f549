package test

import (
	"testing"
	"time"
)

// A session that nobody uses ends by itself, and is announced like any other, once, soon after its time.
func TestUsersSessionsExpire(t *testing.T) {
	t.Parallel()
	const seconds = 3.0
	srv := startUsers(t, settings{"users.sessionHours": seconds / 3600})
	srv.nobody(t).wants(201, "…", "POST", "/auth/register", newcomer(t, "george"))
	c := connect(t, srv.ws+"/?events=2")
	begun := time.Now()
	p := srv.loggedIn(t, "george", passwordOf("george"))
	other := srv.loggedIn(t, "george", passwordOf("george"))
	other.logout()
	c.hears(`{"eventType":2,"username":"george"}`)

	c.hears(`{"eventType":2,"username":"george"}`)
	if took := time.Since(begun); took < time.Duration(seconds*float64(time.Second)) || took > 28*time.Second {
		t.Errorf("the session of %.0f seconds was over after %s", seconds, took)
	}
	if p.present() {
		t.Error("the session is there after its end")
	}
	c.alive()
}
