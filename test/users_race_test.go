package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// What many do at the same time happens as often as it may, and is told as often as it happened.

// atOnce sends n requests together, and returns their answers. One that is told that the server is busy with
// passwords comes again, as it is told to, if somewhat earlier.
func atOnce(t *testing.T, n int, request func(i int) (told, error)) []told {
	t.Helper()
	answers := make([]told, n)
	errs := make([]error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
				answers[i], errs[i] = request(i)
				if errs[i] != nil || answers[i].status != 503 || !strings.Contains(answers[i].body, `"BUSY"`) {
					return
				}
			}
		})
	}
	close(begin)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// statuses counts answers.
func statuses(answers []told) map[int]int {
	counts := map[int]int{}
	for _, a := range answers {
		counts[a.status]++
	}
	return counts
}

// counted fails a test whose answers were others.
func counted(t *testing.T, what string, answers []told, want map[int]int) {
	t.Helper()
	if got := statuses(answers); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
		said := map[string]bool{}
		for _, a := range answers {
			if want[a.status] == 0 && !said[a.body] {
				said[a.body] = true
				t.Logf("among them: %d %s", a.status, a.body)
			}
		}
	}
}

// cased is a text with the case of its letters as the bits of n are.
func cased(text string, n int) string {
	b := []byte(strings.ToLower(text))
	for i := range b {
		if n>>(i%5)&1 == 1 {
			b[i] = strings.ToUpper(string(b[i]))[0]
		}
	}
	return string(b)
}

func TestRaceForAName(t *testing.T) {
	t.Parallel()
	const n = 30
	srv := startUsers(t, settings{"users.registrationsPerHour": 0})
	c, p, admin := srv.listen(t), srv.nobody(t), srv.admin(t)

	for round := range 5 {
		name, address := fmt.Sprintf("george%d", round), fmt.Sprintf("same%d@mail.example", round)
		answers := atOnce(t, n, func(i int) (told, error) {
			return p.try("POST", "/auth/register", object(t, "username", cased(name, i), "email", fmt.Sprintf("n%d-%d@mail.example", round, i), "password", "long enough"))
		})
		counted(t, "one name", answers, map[int]int{201: 1, 409: n - 1})
		answers = atOnce(t, n, func(i int) (told, error) {
			return p.try("POST", "/auth/register", object(t, "username", fmt.Sprintf("n%d-%d", round, i), "email", cased(address, i), "password", "long enough"))
		})
		counted(t, "one address", answers, map[int]int{201: 1, 409: n - 1})
	}
	for range 10 {
		if got := c.next(); got.EventType != 11 {
			t.Errorf("got %s, want a registration", got.raw)
		}
	}
	c.alive()
	if all, _ := admin.names("/users"); len(strings.Fields(all)) != 10 {
		t.Errorf("there are %q", all)
	}
}

func TestRaceForAReset(t *testing.T) {
	t.Parallel()
	const n = 20
	srv := startUsers(t, settings{"users.failedLogins": 0})
	p := srv.nobody(t)
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	p.wants(202, "…", "POST", "/auth/George/request-password-reset", "")
	user, key := keyIn(t, srv.loggedLink(t, "reset", "George", 1))

	answers := atOnce(t, n, func(i int) (told, error) {
		return p.try("PUT", "/auth/password-reset", object(t, "user", user, "key", key, "password", fmt.Sprintf("password %d", i)))
	})
	counted(t, "one key", answers, map[int]int{200: 1, 400: n - 1})
	for i, a := range answers {
		login := p.do("POST", "/auth/login", object(t, "username", "George", "password", fmt.Sprintf("password %d", i)))
		if (a.status == 200) != (login.status == 200) {
			t.Errorf("the reset to password %d was answered %d, a login with it %d", i, a.status, login.status)
		}
	}
}

// However many log in at once with the right password, they all can, and each is a login; whether failed logins are
// slowed or not.
func TestRaceOfLogins(t *testing.T) {
	t.Parallel()
	n := 5 // one after the other, and all within the time that one request may take
	if onMongoDB {
		n = 3
	}
	for name, more := range map[string]settings{"slowed": {}, "not slowed": {"users.failedLogins": 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startUsers(t, more)
			p, admin := srv.nobody(t), srv.admin(t)
			p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
			c := srv.listen(t)

			answers := atOnce(t, n, func(i int) (told, error) {
				return p.try("POST", "/auth/login", object(t, "username", cased("George", i), "password", passwordOf("George")))
			})
			counted(t, "logins", answers, map[int]int{200: n})
			for range statuses(answers)[200] {
				c.hears(about("1", "George"))
			}
			c.alive()
			if all, _ := admin.names("/sessions"); len(strings.Fields(all)) != statuses(answers)[200] {
				t.Errorf("sessions of %q", all)
			}
		})
	}
}

// A session that several end ends once.
func TestRaceToEndSessions(t *testing.T) {
	t.Parallel()
	srv := startUsers(t, settings{"users.failedLogins": 0})
	admin := srv.admin(t)
	c := connect(t, srv.ws+"/?events=2,4")
	for round := range 6 {
		name := fmt.Sprintf("george%d", round)
		sessions := []*person{srv.made(t, admin, name)}
		for range 3 {
			sessions = append(sessions, srv.loggedIn(t, name, passwordOf(name)))
		}
		answers := atOnce(t, 4*len(sessions)+2, func(i int) (told, error) {
			p := sessions[i/4%len(sessions)]
			id, _, _ := strings.Cut(p.token, "_")
			switch {
			case i >= 4*len(sessions):
				return admin.try("DELETE", "/users/"+name, "")
			case i%4 < 2:
				return p.try("POST", "/auth/logout", "")
			}
			return admin.try("DELETE", "/sessions/"+id, "")
		})
		for i, a := range answers {
			if a.status != 200 && a.status != 204 && a.status != 404 {
				t.Errorf("request %d: %d %s", i, a.status, a.body)
			}
		}
		if gone := statuses(answers[4*len(sessions):]); gone[204] != 1 {
			t.Errorf("of two who delete the account, %v", gone)
		}
		for range sessions {
			c.hears(about("2", name))
		}
		c.hears(about("4", name))
		for _, p := range sessions {
			if p.present() {
				t.Error("a session goes on")
			}
		}
	}
	c.alive()
	if all, _ := admin.names("/sessions"); all != "" {
		t.Errorf("sessions of %q are left", all)
	}
}

// Who logs in while the account is deleted is in it before, or never: no session is left without an account.
func TestRaceOfLoginsAndDeletion(t *testing.T) {
	t.Parallel()
	const n = 8
	srv := startUsers(t, settings{"users.failedLogins": 0})
	admin := srv.admin(t)
	c := connect(t, srv.ws+"/?events=1,2,4")
	for round := range 6 {
		name := fmt.Sprintf("george%d", round)
		admin.wants(201, "…", "POST", "/users", newcomer(t, name))
		answers := atOnce(t, n+1, func(i int) (told, error) {
			if i == n {
				return admin.try("DELETE", "/users/"+name, "")
			}
			return srv.nobody(t).try("POST", "/auth/login", object(t, "username", name, "password", passwordOf(name)))
		})
		logins, logouts := 0, 0
		for got := c.next(); got.EventType != 4; got = c.next() {
			if got.EventType == 1 {
				logins++
			} else {
				logouts++
			}
		}
		if in := statuses(answers)[200]; logins != in || logouts != in || answers[n].status != 204 {
			t.Errorf("%v: %d logins and %d logouts were heard", statuses(answers), logins, logouts)
		}
	}
	c.alive()
	if all, _ := admin.names("/sessions"); all != "" {
		t.Errorf("sessions of %q are left", all)
	}
}
