package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// Accounts by the command line, while a server runs and while none does.

const (
	userPassword  = "correct horse 7"
	otherPassword = "battery staple 8"
)

// commandWithInput is command with something on standard input, which is no terminal.
func commandWithInput(t *testing.T, input string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log text
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, gatehouse, args...)
	cmd.Env = environment(nil)
	cmd.Stdin = strings.NewReader(input)
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}

// users runs gatehouse user on the configuration of a server, which must end with this status.
func (s *server) users(t *testing.T, want int, input string, args ...string) (stdout, stderr string) {
	t.Helper()
	status, stdout, stderr := commandWithInput(t, input, append(append([]string{"user"}, args...), "--config", s.configPath())...)
	if status != want {
		t.Errorf("gatehouse user %s: status %d, want %d\n%s%s", strings.Join(args, " "), status, want, stdout, stderr)
	}
	for _, secret := range []string{userPassword, otherPassword, "$2a$", "$2b$"} {
		if strings.Contains(stdout+stderr, secret) {
			t.Errorf("gatehouse user %s prints a secret:\n%s%s", strings.Join(args, " "), stdout, stderr)
		}
	}
	return stdout, stderr
}

// create makes a user and expects these words of what was made.
func (s *server) create(t *testing.T, name, words string, more ...string) {
	t.Helper()
	stdout, _ := s.users(t, 0, userPassword+"\n", append([]string{"create", "--username", name, "--email", name + "@example.com"}, more...)...)
	if want := "created " + name + " (" + words + ")\n"; stdout != want {
		t.Errorf("it says %q, want %q", stdout, want)
	}
}

// login logs in over HTTP, and returns the status.
func (s *server) login(t *testing.T, name, password string) (status int, cookie string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"username": name, "password": password})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/auth/login", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", trusted["origin"])
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for _, c := range response.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return response.StatusCode, cookie
}

// userServer prepares a server whose hashes are quick to compute; it does not run yet.
func userServer(t *testing.T) *server {
	t.Helper()
	srv := newServer(t, storeOf(t))
	srv.configure(t, settings{"users.bcryptCost": 4})
	return srv
}

func TestUserCLICreates(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := userServer(t)
	srv.create(t, "ann", "super admin", "--admin")
	srv.create(t, "bob", "regular")
	srv.launch(t)
	for _, name := range []string{"ann", "bob", "BOB@example.com"} {
		if status, _ := srv.login(t, name, userPassword); status != 200 {
			t.Errorf("%s logs in: status %d", name, status)
		}
	}
	srv.create(t, "cy", "admin", "--admin")
	srv.create(t, "dan", "regular")
	srv.logged(t, "a user was created")
	if status, _ := srv.login(t, "cy", userPassword); status != 200 {
		t.Errorf("status %d", status)
	}
	if status, _ := srv.login(t, "cy", otherPassword); status != 401 {
		t.Errorf("status %d", status)
	}
	for _, log := range []string{userPassword, otherPassword, "example.com"} {
		if strings.Contains(srv.log.String(), log) {
			t.Errorf("the log has %q", log)
		}
	}
	if _, stderr := srv.users(t, 1, userPassword, "create", "--username", "Dan", "--email", "d@example.com"); !strings.Contains(stderr, "taken") {
		t.Errorf("%s", stderr)
	}
	if _, stderr := srv.users(t, 2, "short", "create", "--username", "eve", "--email", "eve@example.com"); stderr != "gatehouse: password: must have at least 8 characters\n" {
		t.Errorf("%s", stderr)
	}
	list := srv.listUsers(t)
	srv.stop(t)
	if again := srv.listUsers(t); again != list {
		t.Errorf("without the server: %s\nwith it: %s", again, list)
	}
	if want := "ann 1, bob 3, cy 2, dan 3"; list != want {
		t.Errorf("%s; want %s", list, want)
	}
	srv.create(t, "eve", "admin", "--admin")
}

// listUsers are all names and privileges, in order.
func (s *server) listUsers(t *testing.T) string {
	t.Helper()
	stdout, _ := s.users(t, 0, "", "list", "--json")
	var all []string
	for line := range strings.Lines(stdout) {
		var u struct {
			Username     string
			Email        string
			Privileges   int
			Activated    bool
			CreatedOn    string
			LastLoggedIn *string
		}
		if err := json.Unmarshal([]byte(line), &u); err != nil || u.Email == "" || u.CreatedOn == "" || !u.Activated {
			t.Errorf("%v: %s", err, line)
		}
		all = append(all, fmt.Sprintf("%s %d", u.Username, u.Privileges))
	}
	table, _ := s.users(t, 0, "", "list")
	if strings.Count(table, "\n") != len(all)+1 {
		t.Errorf("%d users, and the table:\n%s", len(all), table)
	}
	return strings.Join(all, ", ")
}

func TestUserCLIPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := userServer(t)
	srv.launch(t)
	srv.create(t, "ann", "regular")
	authenticated := func(cookie string) bool {
		t.Helper()
		status, answer := srv.get(t, "/auth/authenticated", map[string]string{"Cookie": cookie})
		var a struct{ Authenticated bool }
		if err := json.Unmarshal(answer, &a); err != nil || status != 200 {
			t.Fatalf("status %d, %v: %s", status, err, answer)
		}
		return a.Authenticated
	}
	status, cookie := srv.login(t, "ann", userPassword)
	if status != 200 || !authenticated(cookie) {
		t.Fatalf("status %d, %q", status, cookie)
	}
	stdout, _ := srv.users(t, 0, otherPassword+"\n", "set-password", "ann")
	if !strings.Contains(stdout, "sessions") {
		t.Errorf("%s", stdout)
	}
	if authenticated(cookie) {
		t.Error("the session goes on")
	}
	if status, _ := srv.login(t, "ann", userPassword); status != 401 {
		t.Errorf("with the old password: status %d", status)
	}
	if status, cookie = srv.login(t, "ann", otherPassword); status != 200 || !authenticated(cookie) {
		t.Errorf("with the new password: status %d", status)
	}
	srv.stop(t)
	srv.users(t, 0, userPassword, "set-password", "ANN@example.com")
	srv.launch(t)
	if authenticated(cookie) {
		t.Error("the session goes on")
	}
	if status, _ := srv.login(t, "ann", userPassword); status != 200 {
		t.Errorf("status %d", status)
	}
	if _, stderr := srv.users(t, 1, userPassword, "set-password", "nobody"); !strings.Contains(stderr, `"nobody"`) {
		t.Errorf("%s", stderr)
	}
}

func TestUserCLIDeletes(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := userServer(t)
	srv.create(t, "ann", "super admin", "--admin")
	srv.create(t, "bob", "admin", "--admin")
	srv.create(t, "cy", "regular")
	for _, running := range []bool{false, true} {
		if running {
			srv.launch(t)
		}
		if _, stderr := srv.users(t, 1, "", "delete", "ann", "--yes"); !strings.Contains(stderr, "the super admin cannot be deleted") {
			t.Errorf("running: %t: %s", running, stderr)
		}
		name := map[bool]string{false: "bob", true: "cy"}[running]
		if _, stderr := srv.users(t, 2, name+"\n", "delete", name); !strings.Contains(stderr, "--yes") {
			t.Errorf("running: %t: %s", running, stderr)
		}
		if stdout, _ := srv.users(t, 0, "", "delete", name, "--yes"); stdout != "deleted "+name+"\n" {
			t.Errorf("running: %t: %s", running, stdout)
		}
		if _, stderr := srv.users(t, 1, "", "delete", name, "--yes"); !strings.Contains(stderr, `"`+name+`"`) {
			t.Errorf("running: %t: %s", running, stderr)
		}
	}
	if list := srv.listUsers(t); list != "ann 1" {
		t.Errorf("%s", list)
	}
	if status, _ := srv.login(t, "cy", userPassword); status != 401 {
		t.Errorf("status %d", status)
	}
}

func TestUserCLIImports(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := userServer(t)
	hash, err := bcrypt.GenerateFromPassword([]byte(userPassword), 4)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(srv.dir, "users.jsonl")
	// Relaxed, canonical, and what plain JSON has; the original server's clock counts milliseconds in doubles.
	lines := []string{
		fmt.Sprintf(`{"_id":{"$oid":"58b5a7c4a3d2b10011223301"},"username":"ann","email":"ann@example.com","password":%q,"registerKey":"","createdOn":1488299972123,"lastLoggedIn":null,"privileges":1,"meta":{}}`, hash),
		`{"username":"no hash","email":"no@example.com","password":"` + otherPassword + `"}`,
		fmt.Sprintf(`{"_id":{"$oid":"58b5a7c4a3d2b10011223302"},"username":"bob","email":"bob@example.com","password":%q,"createdOn":{"$numberDouble":"1488299972123.0"},"privileges":{"$numberInt":"3"},"meta":{"n":{"$numberLong":"5"}}}`, hash),
		"",
		`{"username":"broken`,
		fmt.Sprintf(`{"username":"BOB","email":"other@example.com","password":%q}`, hash),
		fmt.Sprintf(`{"username":"cy","email":"cy@example.com","password":%q,"createdOn":{"$date":"2017-02-28T16:39:32.123Z"}}`, hash),
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv.launch(t)
	stdout, stderr := srv.users(t, 1, "", "import", file)
	if stdout != "imported 3, refused 3\n" {
		t.Errorf("%q", stdout)
	}
	for i, want := range []string{":2: no hash: password: is no bcrypt hash", ":5: the line: this is not JSON", ":6: BOB: the name or the address is taken: username"} {
		if got := strings.Split(stderr, "\n")[i]; !strings.HasPrefix(got, file+want) {
			t.Errorf("%s; want %s%s", got, file, want)
		}
	}
	if strings.Contains(stderr, "@") || strings.Count(stderr, "\n") != 3 {
		t.Errorf("%s", stderr)
	}
	for _, name := range []string{"ann", "bob", "cy"} {
		if status, _ := srv.login(t, name, userPassword); status != 200 {
			t.Errorf("%s logs in: status %d", name, status)
		}
	}

	// Once more, from standard input and without the server.
	srv.stop(t)
	stdout, stderr = srv.users(t, 1, strings.Join(lines, "\n"), "import", "-")
	if stdout != "imported 0, refused 6\n" || strings.Count(stderr, "taken") != 4 || !strings.HasPrefix(stderr, "-:1: ann: ") {
		t.Errorf("%s%s", stdout, stderr)
	}
	if list := srv.listUsers(t); list != "ann 1, bob 3, cy 3" {
		t.Errorf("%s", list)
	}
	srv.create(t, "dan", "admin", "--admin") // the super admin was imported
}

// More than go into one batch, and onto one page.
func TestUserCLIImportsMany(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := userServer(t)
	srv.launch(t)
	hash, err := bcrypt.GenerateFromPassword([]byte(userPassword), 4)
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	for i := range 1003 {
		fmt.Fprintf(&file, `{"username":"user%04d","email":"user%04d@example.com","password":%q,"createdOn":1488299972123}`+"\n", i, i, hash)
	}
	if stdout, _ := srv.users(t, 0, file.String(), "import", "-"); stdout != "imported 1003, refused 0\n" {
		t.Errorf("%s", stdout)
	}
	list := strings.Split(srv.listUsers(t), ", ")
	for i, u := range list {
		if u != fmt.Sprintf("user%04d 3", i) {
			t.Fatalf("user %d of the list: %s", i, u)
		}
	}
	if len(list) != 1003 {
		t.Errorf("%d are listed", len(list))
	}
	if stdout, _ := srv.users(t, 0, "", "list", "--search", "USER099"); strings.Count(stdout, "\n") != 11 {
		t.Errorf("%s", stdout)
	}
}
