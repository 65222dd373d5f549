package control_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/control"
	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/users"
)

// journal is a log that can be read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// accounts are those of a store of its own.
func accounts(t *testing.T) *users.Accounts {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	if err := st.Declare(t.Context(), users.Collections()...); err != nil {
		t.Fatal(err)
	}
	return users.New(users.Options{Store: st, Logger: logger}, users.Settings{Cost: 4, SessionLifetime: time.Hour, Activation: users.ActivationNone})
}

// serveUsers runs a server with these accounts.
func serveUsers(t *testing.T, a control.Users) (*control.Client, *journal, string) {
	t.Helper()
	path, log := socketPath(t), &journal{}
	s, err := control.Listen(path, control.Options{Users: a, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	c, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return c, log, path
}

const password = "correct horse 7"

// The same things happen with the accounts themselves and over the socket.
func TestUserAdmin(t *testing.T) {
	t.Run("here", func(t *testing.T) {
		a := accounts(t)
		administer(t, a, control.Administer(a))
	})
	t.Run("over the socket", func(t *testing.T) {
		a := accounts(t)
		c, log, _ := serveUsers(t, a)
		administer(t, a, c.Users())
		for _, want := range []string{"a user was created", "username=ann privileges=1", "a user's password was set", "username=bob", "a user was deleted", "users were imported", "imported=2 refused=2"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, log)
			}
		}
		for _, secret := range []string{password, "another one 8", "@", "$2"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log has %q:\n%s", secret, log)
			}
		}
	})
}

func administer(t *testing.T, a *users.Accounts, u control.UserAdmin) {
	t.Helper()
	ctx := t.Context()
	person := func(name string) users.NewUser {
		return users.NewUser{Username: name, Email: name + "@example.com", Password: password}
	}
	for _, n := range []struct {
		name  string
		admin bool
		want  users.Privileges
	}{{"ann", true, users.Super}, {"bob", true, users.Admin}, {"cy", false, users.Regular}} {
		made, err := u.Create(ctx, person(n.name), n.admin)
		if err != nil || made.Username != n.name || made.Privileges != n.want || !made.Activated || made.CreatedOn.IsZero() || !made.LastLoggedIn.IsZero() {
			t.Errorf("%+v, %v", made, err)
		}
	}
	if _, err := u.Create(ctx, person("CY"), false); !errors.Is(err, users.ErrTaken) {
		t.Errorf("taken: %v", err)
	}
	var invalid *users.InvalidError
	if _, err := u.Create(ctx, users.NewUser{Username: "dan", Email: "dan@example.com", Password: "short"}, true); !errors.As(err, &invalid) || invalid.Field != "password" || err.Error() != "password: must have at least 8 characters" {
		t.Errorf("%v", err)
	}
	_, _, token, err := a.Login(ctx, users.Credentials{Name: "bob", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	page, more, err := u.List(ctx, "", 0, 2)
	if err != nil || !more || len(page) != 2 || page[0].Username != "ann" || page[1].LastLoggedIn.IsZero() {
		t.Errorf("%+v, %t, %v", page, more, err)
	}
	page, more, err = u.List(ctx, "", 2, 2)
	if err != nil || more || len(page) != 1 || page[0].Email != "cy@example.com" {
		t.Errorf("%+v, %t, %v", page, more, err)
	}
	if page, _, err = u.List(ctx, "B@EX", 0, 1000); err != nil || len(page) != 1 || page[0].Username != "bob" {
		t.Errorf("%+v, %v", page, err)
	}

	if name, err := u.SetPassword(ctx, "Bob@example.com", "another one 8"); err != nil || name != "bob" {
		t.Errorf("%q, %v", name, err)
	}
	if _, _, err := a.Session(ctx, token); !errors.Is(err, users.ErrNoSession) {
		t.Errorf("the session goes on: %v", err)
	}
	if _, err := u.SetPassword(ctx, "nobody", "another one 8"); !errors.Is(err, users.ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, err := u.SetPassword(ctx, "bob", "short"); !errors.As(err, &invalid) {
		t.Errorf("%v", err)
	}

	var refused *users.RefusedError
	if _, err := u.Delete(ctx, "ann"); !errors.As(err, &refused) || refused.Why != "the super admin cannot be deleted" {
		t.Errorf("%v", err)
	}
	if name, err := u.Delete(ctx, "BOB"); err != nil || name != "bob" {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := u.Delete(ctx, "bob"); !errors.Is(err, users.ErrUnknown) {
		t.Errorf("%v", err)
	}

	hash := "$2b$04$" + strings.Repeat("a", 21) + "u" + strings.Repeat("b", 30) + "u"
	results, err := u.Import(ctx, [][]byte{
		fmt.Appendf(nil, `{"username":"eve","email":"eve@example.com","password":%q,"privileges":{"$numberInt":"3"}}`, hash),
		fmt.Appendf(nil, `{"username":"ANN","email":"an@example.com","password":%q}`, hash),
		fmt.Appendf(nil, `{"username":"fay","email":"fay@example.com","password":%q,"meta":{"a":1}}`, hash),
		[]byte(`{"username":"gus","email":"gus@example.com","password":"plain"}`),
	})
	if err != nil || len(results) != 4 {
		t.Fatalf("%+v, %v", results, err)
	}
	if r := results[0]; r.Err != nil || r.Username != "eve" {
		t.Errorf("%+v", r)
	}
	if r := results[1]; !errors.Is(r.Err, users.ErrTaken) || !r.Refused() || r.Username != "ANN" {
		t.Errorf("%+v", r)
	}
	if r := results[2]; r.Err != nil {
		t.Errorf("%+v", r)
	}
	if r := results[3]; !errors.As(r.Err, &invalid) || invalid.Field != "password" || !r.Refused() {
		t.Errorf("%+v", r)
	}
}

// failing says of everything the same.
type failing struct {
	control.Users
	err error
}

func (f failing) Create(context.Context, users.Actor, users.NewUser) (users.User, error) {
	return users.User{}, f.err
}
func (f failing) Import(context.Context, bson.D) error { return f.err }

func TestOtherErrorsOfUsers(t *testing.T) {
	c, _, _ := serveUsers(t, failing{err: users.ErrBusy})
	if _, err := c.Users().Create(t.Context(), users.NewUser{}, false); !errors.Is(err, users.ErrBusy) || errors.Is(err, users.ErrTaken) {
		t.Errorf("%v", err)
	}
	c, _, _ = serveUsers(t, failing{err: &store.UnavailableError{Err: errors.New("it is gone")}})
	results, err := c.Users().Import(t.Context(), [][]byte{[]byte(`{"username":"ann"}`)})
	if err != nil || results[0].Err == nil || results[0].Refused() || !strings.Contains(results[0].Err.Error(), "it is gone") {
		t.Errorf("%+v, %v", results, err)
	}
}

// Bodies are bounded: those of an import differently.
func TestBoundsOfBodies(t *testing.T) {
	a := accounts(t)
	c, _, path := serveUsers(t, a)
	hash := "$2b$04$" + strings.Repeat("a", 21) + "u" + strings.Repeat("b", 30) + "u"
	large := fmt.Appendf(nil, `{"username":"ann","email":"ann@example.com","password":%q,"picture":%q}`, hash, strings.Repeat("x", 12<<20))
	if results, err := c.Users().Import(t.Context(), [][]byte{large}); err != nil || results[0].Err != nil {
		t.Errorf("%+v, %v", results, err)
	}
	if _, err := c.Users().Import(t.Context(), make([][]byte, control.MaxBatch+1)); err == nil || !strings.Contains(err.Error(), "at most 200") {
		t.Errorf("%v", err)
	}
	if _, err := c.Users().Import(t.Context(), [][]byte{make([]byte, control.MaxLine+1000)}); err == nil {
		t.Error("there is no bound")
	}
	n := users.NewUser{Username: "bob", Email: "bob@example.com", Password: strings.Repeat("x", 64<<10)}
	if _, err := c.Users().Create(t.Context(), n, false); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("%v", err)
	}

	// What is no request of the client's.
	h := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}}
	for _, request := range []string{"GET /users", "GET /users?index=0&limit=x", "POST /users", "PUT /users/password", "DELETE /users", "POST /users/import", "GET /users?index=-1&limit=-1"} {
		method, at, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "http://control"+at, strings.NewReader("{"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		want := http.StatusBadRequest
		if strings.HasSuffix(request, "-1") || strings.HasSuffix(request, "import") {
			want = http.StatusOK // bounded, or a refused line
		}
		if res.StatusCode != want {
			t.Errorf("%s: %s", request, res.Status)
		}
	}
}
