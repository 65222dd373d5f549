package test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A MongoDB that is not there yet is waited for: the process lives, is not ready, admits nobody, and says so without
// filling the log.
func TestMongoIsWaitedFor(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{})
	s.Stop(t)
	d := on(s)
	// So that an attempt does not take the driver's five seconds.
	d.uri = s.URI("serverSelectionTimeoutMS=100")
	srv := newServer(t, mongoStore(d.uri, d.database))
	srv.configure(t, nil)
	srv.begin(t)
	srv.listens(t)

	if status, answer := srv.get(t, "/healthz", nil); status != 200 {
		t.Errorf("/healthz: status %d: %s", status, answer)
	}
	status, answer := srv.get(t, "/readyz", nil)
	if got := decodeFailure(t, answer); status != 503 || got.Code != "NOT_READY" || !strings.Contains(got.Error, s.Host()) {
		t.Errorf("/readyz: status %d, want 503 NOT_READY and the address that does not answer: %s", status, answer)
	}
	if status, answer := refused(t, srv.ws, trusted); status != 503 || answer.Code != "NOT_READY" {
		t.Errorf("a socket: status %d with %s, want 503 NOT_READY", status, answer.Code)
	}
	const complaint = "the store does not answer"
	srv.loggedTimes(t, complaint, 4)
	pauses := pausesOf(t, srv.log.String(), complaint)
	if first, last := pauses[0], pauses[3]; last <= first {
		t.Errorf("the pauses between two attempts do not grow: %v", pauses)
	}

	s.Restart(t)
	srv.ready(t)
	connect(t, srv.ws).ask(echo(`"here"`))
}

// pausesOf are the times after which the log says that it is tried again.
func pausesOf(t *testing.T, log, complaint string) (pauses []time.Duration) {
	t.Helper()
	for line := range strings.Lines(log) {
		if _, in, found := strings.Cut(line, " in="); found && strings.Contains(line, complaint) {
			pause, err := time.ParseDuration(strings.TrimSpace(in))
			if err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			pauses = append(pauses, pause)
		}
	}
	return pauses
}

// One that answers and cannot be used ends the start at once, with one message that says what to do; and a password
// is never shown.
func TestMongoThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	const password = "p@ss:w/rd%"
	guarded, alone := secantus.Start(t, secantus.Options{Auth: true}), secantus.Start(t, secantus.Options{Standalone: true})
	admin := (&program{t, guarded.Client(t).Database("admin")})
	admin.run(bson.D{{Key: "createUser", Value: "reader"}, {Key: "pwd", Value: password}, {Key: "roles", Value: bson.A{
		bson.D{{Key: "role", Value: "read"}, {Key: "db", Value: "blackbox"}},
	}}})

	for name, want := range map[string]struct {
		uri    string
		status int
		says   []string
	}{
		"a standalone server":         {alone.URI(), 1, []string{"standalone", "rs.initiate()", "replicaSet="}},
		"a standalone server as one":  {alone.URI("replicaSet=rs0"), 1, []string{"standalone", "rs.initiate()"}},
		"another replica set's name":  {"mongodb://" + guarded.Host() + "/?replicaSet=rs7", 1, []string{"secantus", "rs7", "replicaSet=secantus"}},
		"no user":                     {"mongodb://" + guarded.Host() + "/?replicaSet=secantus", 1, []string{"names none", "GATEHOUSE_MONGODB__URI_FILE"}},
		"an unknown user":             {guarded.URIAs("nobody", password), 1, []string{"credentials", "authSource"}},
		"a wrong password":            {guarded.URIAs("reader", password+"x"), 1, []string{"credentials", "password"}},
		"a user who may not write":    {guarded.URIAs("reader", password), 1, []string{"lacks a right", "docs/mongodb.md"}},
		"a port that is none":         {"mongodb://reader:" + url.QueryEscape(password) + "@127.0.0.1:x/", 2, []string{"mongodb.uri"}},
		"an option that is none":      {guarded.URIAs("reader", password, "w=-2"), 2, []string{"mongodb.uri"}},
		"a password with a stroke":    {"mongodb://reader:" + password + "@127.0.0.1:1/", 2, []string{"mongodb.uri"}},
		"another scheme":              {"http://reader:" + url.QueryEscape(password) + "@127.0.0.1/", 2, []string{"mongodb.uri"}},
		"a password without a server": {"mongodb://reader:" + url.QueryEscape(password) + "@", 2, []string{"mongodb.uri"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, mongoStore(want.uri, "blackbox"))
			srv.configure(t, settings{"log.level": "debug"})
			status, stdout, stderr := command(t, "serve", "--config", srv.configPath())
			if status != want.status {
				t.Errorf("status %d, want %d", status, want.status)
			}
			for _, piece := range want.says {
				if !strings.Contains(stderr, piece) {
					t.Errorf("nothing is said of %s", piece)
				}
			}
			if lines := strings.Count(stderr, "\n"); lines != 1 {
				t.Errorf("want one line on standard error, got %d", lines)
			}
			for _, secret := range []string{password, password + "x", url.QueryEscape(password), url.UserPassword("", password).String()[1:]} {
				if strings.Contains(stderr+stdout, secret) {
					t.Errorf("the password is shown as %s", secret)
				}
			}
			t.Log(strings.TrimSpace(stderr))
		})
	}
}

// What a server with a password in its URI logs and answers over a whole life does not tell it.
func TestMongoPasswordIsNotLogged(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{Auth: true})
	d := on(s)
	srv := d.node(t, settings{"log.level": "debug"})
	w := witnessOf(t, srv, "")
	w.ask(echo("1"))
	s.Kill(t)
	w.send(echo("2"))
	var why string
	eventually(t, "/readyz to say why it is not ready", func() bool {
		status, answer := srv.get(t, "/readyz", nil)
		why = string(answer)
		return status == 503
	})
	told := w.client.next()
	s.Restart(t)
	eventually(t, "echoes to be taken", func() bool { return w.ask(echo("3")).EventType == 10 })
	_, doctor, said := command(t, "doctor", "--config", srv.configPath())
	srv.stop(t)
	for what, words := range map[string]string{
		"the log": srv.log.String(), "standard output": srv.stdout.String(), "/readyz": why, "an answer": told.raw, "doctor": doctor + said,
	} {
		for _, secret := range []string{secantus.AdminPassword, fmt.Sprintf("%x", secantus.AdminPassword)} {
			if strings.Contains(words, secret) {
				t.Errorf("%s tells the password:\n%s", what, words)
			}
		}
	}
}
