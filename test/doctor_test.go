package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// finding is one line of what doctor says.
type finding struct {
	Subject string `json:"subject"`
	Verdict string `json:"verdict"`
	Text    string `json:"text"`
	Remedy  string `json:"remedy"`
}

// doctor runs gatehouse doctor on the folder of a server, for programs and for people, who are told the same.
func doctor(t *testing.T, srv *server) (status int, findings map[string]finding) {
	t.Helper()
	status, stdout, stderr := command(t, "doctor", "--json", "--config", srv.configPath())
	var list []finding
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list) == 0 {
		t.Fatalf("doctor --json: status %d, %v\n%s%s", status, err, stdout, stderr)
	}
	textStatus, text, stderr := command(t, "doctor", "--config", srv.configPath())
	if textStatus != status {
		t.Errorf("for people the status is %d, for programs %d\n%s%s", textStatus, status, text, stderr)
	}
	findings = map[string]finding{}
	bad := false
	for _, f := range list {
		findings[f.Subject] = f
		bad = bad || f.Verdict == "bad"
		switch {
		case f.Verdict != "ok" && f.Verdict != "warning" && f.Verdict != "bad":
			t.Errorf("a verdict that is none: %+v", f)
		case f.Text == "", f.Verdict == "bad" && f.Remedy == "":
			t.Errorf("a finding without words, or without what to do: %+v", f)
		}
		if !strings.Contains(text, f.Subject+": ") || !strings.Contains(text, f.Remedy) {
			t.Errorf("people are not told of %+v:\n%s", f, text)
		}
	}
	if want := map[bool]int{false: 0, true: 1}[bad]; status != want {
		t.Errorf("status %d, want %d: %+v", status, want, list)
	}
	return status, findings
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	connect(t, srv.ws).ask(echo("1"))

	subjects := map[bool][]string{
		false: {"file"},
		true:  {"topology", "version", "rights", "images", "oplog", "write to event"},
	}[onMongoDB]
	for _, running := range []bool{true, false} {
		if !running {
			srv.stop(t)
		}
		status, findings := doctor(t, srv)
		if status != 0 {
			t.Errorf("running %v: status %d: %+v", running, status, findings)
		}
		for _, subject := range subjects {
			if findings[subject].Subject == "" {
				t.Errorf("running %v: nothing is said of %q: %+v", running, subject, findings)
			}
		}
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	guarded := secantus.Start(t, secantus.Options{Auth: true})
	admin := &program{t, guarded.Client(t).Database("admin")}
	admin.run(bson.D{{Key: "createUser", Value: "reader"}, {Key: "pwd", Value: "reader-password"}, {Key: "roles", Value: bson.A{
		bson.D{{Key: "role", Value: "read"}, {Key: "db", Value: "blackbox"}},
	}}})
	silent := secantus.NewProxy(t, guarded.Host())
	silent.Cut()

	for name, want := range map[string]struct{ uri, says string }{
		"a user who may not write": {guarded.URIAs("reader", "reader-password"), "docs/mongodb.md"},
		"a wrong password":         {guarded.URIAs("reader", "wrong-password"), "credentials"},
		"nobody there":             {silent.URI("serverSelectionTimeoutMS=100"), silent.Addr()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, mongoStore(want.uri, "blackbox"))
			srv.configure(t, nil)
			status, findings := doctor(t, srv)
			said, err := json.Marshal(findings)
			if err != nil {
				t.Fatal(err)
			}
			if status != 1 || !strings.Contains(string(said), want.says) {
				t.Errorf("status %d, want 1 and a word of %s: %s", status, want.says, said)
			}
			if strings.Contains(string(said), "-password") {
				t.Errorf("a password is shown: %s", said)
			}
		})
	}
	t.Run("all is well", func(t *testing.T) {
		srv := newServer(t, mongoStore(guarded.URI(), "blackbox"))
		srv.configure(t, settings{"mongodb.outageHours": 0})
		if status, findings := doctor(t, srv); status != 0 {
			t.Errorf("status %d: %+v", status, findings)
		}
	})
}

// Of a file that is damaged doctor says so, and what to do.
func TestDoctorFindsDamage(t *testing.T) {
	t.Parallel()
	needsEmbedded(t, "what MongoDB's files hold is its own affair")
	srv := start(t, nil)
	c := connect(t, srv.ws)
	for n := range 200 {
		c.ask(echo(fmt.Sprint(n)))
	}
	srv.stop(t)
	path := filepath.Join(srv.dir, "gatehouse.db")
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 5 * os.Getpagesize(); at < len(file); at += os.Getpagesize() { // the heads of all pages but the first ones
		copy(file[at:], "damaged!damaged!")
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := command(t, "doctor", "--config", srv.configPath())
	if said := stdout + stderr; status != 1 || !strings.Contains(said, "damaged") || !strings.Contains(said, "backup") {
		t.Errorf("status %d, want 1 and a word of damage and backups: %s", status, said)
	}
}
