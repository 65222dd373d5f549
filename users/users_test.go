package users_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/store/mongo"
	"gatehouse/test/secantus"
	"gatehouse/users"
	"gatehouse/users/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(secantus.M{M: m}) }

// openStore opens the store that the tests run on: one of the embedded kind, or
// with GATEHOUSE_TEST_STORE=mongodb a database of a replica set.
func openStore(t *testing.T) store.Store {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	var st store.Store
	var err error
	if os.Getenv("GATEHOUSE_TEST_STORE") == "mongodb" {
		st, err = mongo.Open(mongo.Options{URI: secantus.Shared(t), Database: secantus.Database(t), Logger: logger})
	} else {
		st, err = embedded.Open(filepath.Join(t.TempDir(), "users.db"), embedded.Options{Logger: logger})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

var here = netip.MustParseAddr("192.0.2.1")

// house is accounts in a store of their own.
type house struct {
	*users.Accounts
	t     *testing.T
	store store.Store
}

func open(t *testing.T, change func(*users.Settings)) *house {
	t.Helper()
	st := openStore(t)
	if err := st.Declare(t.Context(), append(users.Collections(), mail.Collection())...); err != nil {
		t.Fatal(err)
	}
	s := users.Settings{
		Activation:      users.ActivationNone,
		SessionLifetime: time.Hour,
		KeyLifetime:     time.Hour,
		ResetLifetime:   time.Hour,
		Cost:            4,
		URL:             "https://users.example.com",
	}
	if change != nil {
		change(&s)
	}
	return &house{users.New(users.Options{Store: st, Logger: slog.New(slog.DiscardHandler)}, s), t, st}
}

const password = "hush-hush-1"

func someone(name string) users.NewUser {
	return users.NewUser{Username: name, Email: name + "@example.com", Password: password}
}

func (h *house) register(name string) {
	h.t.Helper()
	if _, err := h.Register(h.t.Context(), someone(name), here); err != nil {
		h.t.Fatalf("registering %s: %v", name, err)
	}
}

func (h *house) login(name, password string) (string, error) {
	_, _, token, err := h.Login(context.Background(), users.Credentials{Name: name, Password: password, From: here})
	return token, err
}

// actor is somebody who logs in.
func (h *house) actor(name string) users.Actor {
	h.t.Helper()
	token, err := h.login(name, password)
	if err != nil {
		h.t.Fatalf("logging %s in: %v", name, err)
	}
	actor, _, err := h.Session(h.t.Context(), token)
	if err != nil {
		h.t.Fatal(err)
	}
	return actor
}

// admins makes the super admin ann, the admin bob, and the users cid and dan.
func (h *house) admins() map[string]users.Actor {
	h.t.Helper()
	for _, name := range []string{"ann", "bob"} {
		if _, err := h.CreateAdmin(h.t.Context(), someone(name)); err != nil {
			h.t.Fatal(err)
		}
	}
	all := map[string]users.Actor{}
	for _, name := range []string{"cid", "dan"} {
		h.register(name)
	}
	for _, name := range []string{"ann", "bob", "cid", "dan"} {
		all[name] = h.actor(name)
	}
	return all
}

func want(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v; want: %v", what, err, target)
	}
}

func refused(err error) bool { return errors.As(err, new(*users.RefusedError)) }

func invalid(err error) string {
	var e *users.InvalidError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Field
}

func TestLoginByNameOrAddress(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("George")
	for _, name := range []string{"George", "george", "GEORGE@example.com"} {
		user, session, token, err := h.Login(t.Context(), users.Credentials{Name: name, Password: password, From: here})
		if err != nil || user.Username != "George" || session.Username != "George" || user.LastLoggedIn.IsZero() {
			t.Errorf("%s: %+v, %v", name, user, err)
		}
		actor, _, err := h.Session(t.Context(), token)
		if err != nil || actor.User.Username != "George" || actor.Administers() {
			t.Errorf("%s: %+v, %v", name, actor, err)
		}
	}
	for name, word := range map[string]string{"George": "hush-hush-2", "nobody": password, "": "", "george@example.org": password} {
		_, err := h.login(name, word)
		want(t, name, err, users.ErrWrong)
	}
}

func TestWhatPeopleChooseIsChecked(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for field, bad := range map[string][]string{
		"username": {"", " ", "-a", "a-", ".", "a b", "a@b", "ä", "a\x00", strings.Repeat("a", 65), "a/b", "a\nb", "\xff"},
		"email":    {"", "a", "a@", "@b", "a@b c", "Ann <a@example.com>", "a@example.com, b@example.com", "a@b\r\nBcc: c@d", "ä@example.com", "a@[127.0.0.1]", strings.Repeat("a", 251) + "@b.c"},
		"password": {"", "1234567", strings.Repeat("x", 73), "äöü", "hush\x00hush-hush"},
	} {
		for _, value := range bad {
			n := someone("george")
			switch field {
			case "username":
				n.Username = value
			case "email":
				n.Email = value
			case "password":
				n.Password = value
			}
			if _, err := h.Register(t.Context(), n, here); invalid(err) != field {
				t.Errorf("%s %q: %v", field, value, err)
			}
		}
	}
	for _, name := range []string{"a", "A1", "a.b_c-d", strings.Repeat("a", 64)} {
		h.register(name)
	}
	n := someone("long")
	n.Password = strings.Repeat("ä", 36)
	if _, err := h.Register(t.Context(), n, here); err != nil {
		t.Errorf("72 bytes of password: %v", err)
	}
}

// Of any number of registrations with one name or one address, one succeeds.
func TestNamesAndAddressesAreUnique(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	var made, taken atomic.Int32
	var all sync.WaitGroup
	for i := range 8 { // no more than wait for their turn
		n := someone("george")
		if i%2 == 0 {
			n.Username = "GEORGE"
		} else {
			n.Email = strings.ToUpper(n.Email)
			n.Username += "er"
		}
		all.Go(func() {
			switch _, err := h.Register(context.Background(), n, here); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, users.ErrTaken):
				taken.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || taken.Load() != 7 {
		t.Errorf("%d made, %d taken", made.Load(), taken.Load())
	}
}

// Who registers with an address that is taken, where addresses are confirmed,
// finds no difference.
func TestTakenAddressIsNotTold(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.Activation = users.ActivationEmail })
	h.register("george")
	feed, err := h.store.Watch(t.Context(), store.Start{}, "users")
	must(t, err)
	defer feed.Close()
	pretended := someone("martha")
	pretended.Email = "GEORGE@example.com"
	for i, n := range []users.NewUser{someone("honest"), pretended} {
		activation, err := h.Register(t.Context(), n, here)
		if err != nil || activation != users.ActivationEmail {
			t.Errorf("%d: %q, %v", i, activation, err)
		}
		_, err = h.login(n.Username, password)
		want(t, "login", err, users.ErrWrong)
		again := someone(strings.ToUpper(n.Username))
		again.Email = "other@example.com"
		_, err = h.Register(t.Context(), again, here)
		want(t, "the name again", err, users.ErrTaken)
		want(t, "a wrong key", h.Activate(t.Context(), n.Username, "x", here), users.ErrKey)
		change, err := feed.Next(t.Context()) // both are announced
		must(t, err)
		if change.Op != store.OpInsert || change.After.Lookup("username").StringValue() != n.Username {
			t.Errorf("%+v", change)
		}
	}
	both := someone("george")
	_, err = h.Register(t.Context(), both, here)
	want(t, "name and address", err, users.ErrTaken)
	if jobs := h.jobs(); !slices.Equal(jobs, []string{"activation george", "activation honest", "taken GEORGE@example.com"}) {
		t.Errorf("%q", jobs)
	}
}

// jobs are those in the outbox.
func (h *house) jobs() (jobs []string) {
	h.t.Helper()
	raws, err := h.store.Find(h.t.Context(), mail.Collection().Name, store.Query{Order: "_id"})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, raw := range raws {
		jobs = append(jobs, raw.Lookup("kind").StringValue()+" "+raw.Lookup("user").StringValue())
	}
	return jobs
}

// compose makes the mail of a job, as the outbox does.
func (h *house) compose(kind mail.Kind, user string) mail.Message {
	h.t.Helper()
	m, err := h.Compose(h.t.Context(), mail.Job{Kind: kind, User: user})
	if err != nil {
		h.t.Fatalf("%s to %s: %v", kind, user, err)
	}
	return m
}

func TestActivationByMail(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.Activation = users.ActivationEmail })
	h.register("George")
	old := h.compose(mail.Activation, "george")
	m := h.compose(mail.Activation, "George@example.com")
	if m.To != "George@example.com" || m.Username != "George" || m.Hours != 1 || m.Link != "https://users.example.com/auth/activate-account?key="+m.Key+"&user=George" || len(m.Key) < 32 {
		t.Errorf("%+v", m)
	}
	for _, key := range []string{"", "x", old.Key, m.Key + "0", strings.ToUpper(m.Key)} {
		want(t, "the key "+key, h.Activate(t.Context(), "George", key, here), users.ErrKey)
	}
	want(t, "somebody else", h.Activate(t.Context(), "nobody", m.Key, here), users.ErrKey)
	if err := h.Activate(t.Context(), "george", m.Key, here); err != nil {
		t.Fatal(err)
	}
	want(t, "used twice", h.Activate(t.Context(), "george", m.Key, here), users.ErrKey)
	if _, err := h.login("george", password); err != nil {
		t.Error(err)
	}
	_, err := h.Compose(t.Context(), mail.Job{Kind: mail.Activation, User: "George"})
	want(t, "activated already", err, mail.ErrNobody)
}

func TestApproval(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	h.SetSettings(users.Settings{Activation: users.ActivationAdmin, SessionLifetime: time.Hour, KeyLifetime: time.Hour, Cost: 4})
	h.register("eve")
	_, err := h.login("eve", password)
	want(t, "before", err, users.ErrWrong)
	_, err = h.Compose(t.Context(), mail.Job{Kind: mail.Activation, User: "eve"})
	want(t, "a mail that would do without the admin", err, mail.ErrNobody)
	if _, err := h.Approve(t.Context(), who["cid"], "eve"); !refused(err) {
		t.Errorf("by a regular user: %v", err)
	}
	for range 2 {
		if user, err := h.Approve(t.Context(), who["bob"], "eve"); err != nil || !user.Activated {
			t.Errorf("%+v, %v", user, err)
		}
	}
	if _, err := h.login("eve", password); err != nil {
		t.Error(err)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	var tokens []string
	for range 3 {
		token, err := h.login("george", password)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	m := h.compose(mail.Reset, "george")
	want(t, "a wrong key", h.Reset(t.Context(), "george", "x", "hush-hush-2", here), users.ErrKey)
	want(t, "another's key", h.Reset(t.Context(), "nobody", m.Key, "hush-hush-2", here), users.ErrKey)
	if err := h.Reset(t.Context(), "george", m.Key, "short", here); invalid(err) != "password" {
		t.Error(err)
	}
	var done, late atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch err := h.Reset(context.Background(), "george", m.Key, "hush-hush-2", here); {
			case err == nil:
				done.Add(1)
			case errors.Is(err, users.ErrKey):
				late.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || late.Load() != 7 {
		t.Errorf("%d times reset, %d refused", done.Load(), late.Load())
	}
	for _, token := range tokens {
		_, _, err := h.Session(t.Context(), token)
		want(t, "a session from before", err, users.ErrNoSession)
	}
	_, err := h.login("george", password)
	want(t, "the old password", err, users.ErrWrong)
	if _, err := h.login("george", "hush-hush-2"); err != nil {
		t.Error(err)
	}
}

// Where addresses are confirmed, who has the key of a mail has the address.
func TestResetConfirmsTheAddress(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.Activation = users.ActivationEmail })
	h.register("george")
	m := h.compose(mail.Reset, "george")
	if err := h.Reset(t.Context(), "george", m.Key, "hush-hush-2", here); err != nil {
		t.Fatal(err)
	}
	if _, err := h.login("george", "hush-hush-2"); err != nil {
		t.Error(err)
	}
}

func TestKeysEnd(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.Activation, s.KeyLifetime, s.ResetLifetime = users.ActivationEmail, 1, 1 })
	h.register("george")
	want(t, "activation", h.Activate(t.Context(), "george", h.compose(mail.Activation, "george").Key, here), users.ErrKey)
	want(t, "reset", h.Reset(t.Context(), "george", h.compose(mail.Reset, "george").Key, "hush-hush-2", here), users.ErrKey)
}

// However often somebody asks, an account gets a few mails an hour.
func TestMailsToOneAccountAreBounded(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	sent := 0
	for range 20 {
		if _, err := h.Compose(t.Context(), mail.Job{Kind: mail.Reset, User: "george"}); err == nil {
			sent++
		} else if !errors.Is(err, mail.ErrNobody) {
			t.Fatal(err)
		}
	}
	if sent != 5 {
		t.Errorf("%d mails", sent)
	}
}

func (h *house) raw(name string) bson.Raw {
	h.t.Helper()
	raws, err := h.store.Find(h.t.Context(), "users", store.Query{Where: bson.D{{Key: "username", Value: name}}})
	if err != nil || len(raws) != 1 {
		h.t.Fatalf("%s: %v, %v", name, raws, err)
	}
	return raws[0]
}
