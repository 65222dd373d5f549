package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// Accounts that are confirmed by mail, and passwords that are chosen anew by it.

func TestActivationByLoggedLink(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.activation": "email"})
	p, c := srv.nobody(t), connect(t, srv.ws)
	login := object(t, "username", "George", "password", passwordOf("George"))

	p.wants(201, `{"username":"George","activation":"email"}`, "POST", "/auth/register", newcomer(t, "George"))
	first := srv.loggedLink(t, "activation", "George", 1)
	p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", login)
	user, key := keyIn(t, first)
	for _, wrong := range []string{
		"/auth/activate-account", "/auth/activate-account?user=George", "/auth/activate-account?key=" + key, "/auth/activate-account?user=George&key=",
		"/auth/activate-account?user=George&key=" + key[1:], "/auth/activate-account?user=George&key=" + key + "0", "/auth/activate-account?user=Martha&key=" + key,
		"/auth/activate-account?user[$ne]=x&key[$ne]=x",
	} {
		p.refusedWith(400, "INVALID_KEY", "GET", wrong, "")
	}

	// Another mail has another key, and the former one works no more.
	p.wants(202, `{"accepted":true}`, "POST", "/auth/GEORGE/resend-activation", "")
	second := srv.loggedLink(t, "activation", "George", 2)
	p.refusedWith(400, "INVALID_KEY", "GET", first, "")
	if got := p.wants(400, "<!doctype html>…does not work…", "GET", first, "", "Accept", "text/html,*/*;q=0.8"); got.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the page's address holds a key: %v", got.header)
	}
	p.wants(200, "<!doctype html>…active…", "GET", second, "", "Accept", "text/html,application/xhtml+xml")
	p.refusedWith(400, "INVALID_KEY", "GET", second, "")
	p.wants(200, "…", "POST", "/auth/login", login)
	c.hears(about("11", "George"), about("3", user), about("1", "George"))

	// Who is activated gets no further mail, which nobody hears.
	p.wants(202, `{"accepted":true}`, "POST", "/auth/George/resend-activation", "")
	p.wants(202, `{"accepted":true}`, "POST", "/auth/George/request-password-reset", "")
	srv.loggedLink(t, "reset", "George", 1)
	if n := strings.Count(srv.log.String(), "kind=activation"); n != 2 {
		t.Errorf("%d links to activate were logged, want 2", n)
	}
	c.alive()
}

func TestResetByLoggedLink(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	p := srv.nobody(t)
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	george := srv.loggedIn(t, "George", passwordOf("George"))

	p.wants(202, `{"accepted":true}`, "POST", "/auth/george/request-password-reset", "")
	first := srv.loggedLink(t, "reset", "George", 1)
	p.wants(202, `{"accepted":true}`, "POST", "/auth/GEORGE%40mail.example/request-password-reset", "")
	link := srv.loggedLink(t, "reset", "George", 2)
	user, key := keyIn(t, link)
	_, former := keyIn(t, first)
	got := p.wants(200, "<!doctype html>…<form>…", "GET", link, "", "Accept", "text/html")
	if policy := got.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(got.body, key) {
		t.Errorf("the page: %q", policy)
	}
	reset := func(user, key, password string) string {
		return object(t, "user", user, "key", key, "password", password)
	}
	for _, wrong := range []string{reset(user, former, "long enough"), reset(user, "", "long enough"), reset("Martha", key, "long enough"), reset(user, key+"0", "long enough")} {
		p.refusedWith(400, "INVALID_KEY", "PUT", "/auth/password-reset", wrong)
	}
	p.wantsInvalid("password", "PUT", "/auth/password-reset", reset(user, key, "short")) // which does not use the key up
	if !george.present() {
		t.Error("to ask for a new password ends no session")
	}
	p.wants(200, `{"reset":true}`, "PUT", "/auth/password-reset", reset(user, key, "a new password"))
	p.refusedWith(400, "INVALID_KEY", "PUT", "/auth/password-reset", reset(user, key, "a newer password"))
	if george.present() {
		t.Error("a new password ends the sessions")
	}
	p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", "George", "password", passwordOf("George")))
	srv.loggedIn(t, "George", "a new password")
}

// A link works for a time.
func TestLinksExpire(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"users.activation": "email", "users.keyHours": 1e-7, "users.resetMinutes": 1e-6})
	p := srv.nobody(t)
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	p.refusedWith(400, "INVALID_KEY", "GET", srv.loggedLink(t, "activation", "George", 1), "")
	p.wants(202, "…", "POST", "/auth/George/request-password-reset", "")
	user, key := keyIn(t, srv.loggedLink(t, "reset", "George", 1))
	p.refusedWith(400, "INVALID_KEY", "PUT", "/auth/password-reset", object(t, "user", user, "key", key, "password", "long enough"))
}

// No answer tells whether somebody has an account: not to who asks for mails, and not to who registers.
func TestMailsTellNobodyWhoExists(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	office := openPostOffice(t)
	srv := start(t, office.settings(settings{"users.activation": "email"}))
	p, c := srv.nobody(t), connect(t, srv.ws)
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	office.next(addressOf("George"), patience)
	c.hears(about("11", "George"))

	for _, what := range []string{"request-password-reset", "resend-activation"} {
		for _, name := range []string{"nobody", "nobody%40mail.example", "%20", "a%2Fb", "%24ne", strings.Repeat("x", 2000), "%F0%9F%98%80"} {
			p.wants(202, `{"accepted":true}`, "POST", "/auth/"+name+"/"+what, "")
		}
	}
	free := p.do("POST", "/auth/register", object(t, "username", "Martha1", "email", "martha@mail.example", "password", "long enough"))
	taken := p.do("POST", "/auth/register", object(t, "username", "Martha2", "email", "GEORGE@mail.example", "password", "long enough"))
	if free.status != 201 || free.status != taken.status || strings.Replace(free.body, "Martha1", "Martha2", 1) != taken.body || len(free.header) != len(taken.header) {
		t.Errorf("%d %s %v of a free address\n%d %s %v of a taken one", free.status, free.body, free.header, taken.status, taken.body, taken.header)
	}
	c.hears(about("11", "Martha1"))
	c.hears(about("11", "Martha2"))
	for _, name := range []string{"martha1", "MARTHA2"} { // both names are taken by then
		p.refusedWith(409, "TAKEN", "POST", "/auth/register", object(t, "username", name, "email", name+"@mail.example", "password", "long enough"))
	}
	p.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", "Martha2", "password", "long enough"))
	p.wants(202, `{"accepted":true}`, "POST", "/auth/Martha2/resend-activation", "")

	got := map[string]letter{}
	for range 2 {
		l := office.any(patience)
		got[l.to] = l
	}
	if l := got["martha@mail.example"]; !strings.Contains(l.link(t), "/auth/activate-account?") {
		t.Errorf("to whom it was free: %s", l.plain)
	}
	if l := got[addressOf("George")]; linkPattern.MatchString(l.plain) || !strings.Contains(l.plain, `"George"`) || strings.Contains(l.plain, "Martha2") {
		t.Errorf("to whose address it is: %s", l.plain)
	}
	c.alive()
}

// Mails go to the SMTP server, and their links work.
func TestMailsBySMTP(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	office := openPostOffice(t)
	srv := start(t, office.settings(settings{"users.activation": "email", "users.resetMinutes": 30}))
	p := srv.nobody(t)
	p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	got := office.next(addressOf("George"), patience)
	if h := got.header; h.Get("From") != `"Gatehouse" <no-reply@gatehouse.example>` || h.Get("To") != "<"+addressOf("George")+">" || h.Get("Subject") == "" || h.Get("Message-Id") == "" || h.Get("Date") == "" || h.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%v", h)
	}
	if !strings.Contains(got.plain, "24 hours") || !strings.Contains(got.html, "George") {
		t.Errorf("%s\n%s", got.plain, got.html)
	}
	p.wants(200, `{"activated":true}`, "GET", srv.local(t, got.link(t)), "")
	p.wants(202, "…", "POST", "/auth/George/request-password-reset", "")
	got = office.next(addressOf("George"), patience)
	user, key := keyIn(t, srv.local(t, got.link(t)))
	if !strings.Contains(got.plain, "30 minutes") {
		t.Errorf("%s", got.plain)
	}
	p.wants(200, `{"reset":true}`, "PUT", "/auth/password-reset", object(t, "user", user, "key", key, "password", "a new password"))
	if log := srv.log.String(); strings.Contains(log, key) || strings.Contains(log, "/auth/") {
		t.Error("a link that was mailed is logged")
	}
}

// A link begins with users.url.
func TestMailsLinkToWhereTheServerIs(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	office := openPostOffice(t)
	srv := start(t, office.settings(settings{"users.url": "https://users.example.com/gate/"}))
	srv.nobody(t).wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
	srv.nobody(t).wants(202, "…", "POST", "/auth/George/request-password-reset", "")
	if link := office.next(addressOf("George"), patience).link(t); !strings.HasPrefix(link, "https://users.example.com/gate/auth/password-reset?") {
		t.Errorf("%s", link)
	}
}

// A mail waits for its server, also across a crash of this one.
func TestMailsWait(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]bool{"for the SMTP server": false, "across a crash": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			office := newPostOffice(t)
			srv := start(t, office.settings(settings{"users.activation": "email"}))
			p := srv.nobody(t)
			p.wants(201, "…", "POST", "/auth/register", newcomer(t, "George"))
			srv.logged(t, "mails cannot be sent")
			within := patience
			if crash {
				// It is written down right after it was logged that the mail comes later. A process that dies between
				// the two leaves it to the end of its lease, two minutes.
				for i := range 10 {
					p.refusedWith(409, "TAKEN", "POST", "/auth/register", object(t, "username", "george", "email", fmt.Sprintf("n%d@mail.example", i), "password", "long enough"))
				}
				srv.kill(t)
				within += 2 * time.Minute
			}
			office.open()
			if crash {
				srv.launch(t)
			}
			got := office.next(addressOf("George"), within)
			srv.nobody(t).wants(200, `{"activated":true}`, "GET", "/"+strings.SplitN(got.link(t), "/", 4)[3], "")
			srv.loggedIn(t, "George", passwordOf("George"))
			if len(office.mails) > 0 {
				t.Error("the mail came twice")
			}
		})
	}
}

// A mail that the SMTP server refuses for good is given up, which is logged without the address.
func TestMailsThatAreRefused(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	office := newPostOffice(t)
	office.say = func(to string) error {
		if to == addressOf("George") {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + "> is unknown here"}
		}
		return nil
	}
	office.open()
	srv := start(t, office.settings(settings{"users.activation": "email"}))
	for _, name := range []string{"George", "Martha"} {
		srv.nobody(t).wants(201, "…", "POST", "/auth/register", newcomer(t, name))
	}
	office.next(addressOf("Martha"), patience)
	srv.logged(t, "refused for good")
	if strings.Contains(srv.log.String(), "@mail.example") {
		t.Error("an address is logged")
	}
}
