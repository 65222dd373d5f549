package users_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users"
	"gatehouse/users/mail"
)

// One user's address can be another's name, where another program made it: that
// does not make one the other.
func TestAddressIsNoName(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	must(t, h.store.Apply(t.Context(), store.Insert("users", bson.D{{Key: "username", Value: "victim@example.com"}, {Key: "email", Value: "v@example.com"}, {Key: "privileges", Value: 2}})))
	h.register("mallory")
	h.SetSettings(users.Settings{Cost: 4, SessionLifetime: time.Hour})
	address := "Victim@example.com"
	current := password
	by := h.actor("mallory")
	if _, err := h.Edit(t.Context(), by, "mallory", users.Changes{Email: &address, CurrentPassword: &current}); err != nil {
		t.Fatal(err)
	}
	by = h.actor("mallory")
	if _, err := h.Get(t.Context(), by, "victim@example.com"); !refused(err) {
		t.Errorf("it sees: %v", err)
	}
	if _, err := h.Edit(t.Context(), by, "victim@example.com", users.Changes{Email: &current}); !refused(err) {
		t.Errorf("it changes: %v", err)
	}
	if err := h.Delete(t.Context(), by, "victim@example.com"); !refused(err) {
		t.Errorf("it deletes: %v", err)
	}
}

// A session that was left open is not enough to have the mails sent elsewhere,
// and a key that was mailed to the old address does not work any more.
func TestAddressNeedsThePassword(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	by := h.actor("george")
	address, wrong, right := "new@example.com", "wrong-wrong", password
	m := h.compose(mail.Reset, "george")
	for _, current := range []*string{nil, &wrong} {
		if _, err := h.Edit(t.Context(), by, "george", users.Changes{Email: &address, CurrentPassword: current}); invalid(err) != "currentPassword" {
			t.Errorf("%v", err)
		}
	}
	if user, err := h.Edit(t.Context(), by, "george", users.Changes{Email: &address, CurrentPassword: &right}); err != nil || user.Email != address {
		t.Errorf("%+v, %v", user, err)
	}
	want(t, "the key of the old address", h.Reset(t.Context(), "george", m.Key, "hush-hush-2", here), users.ErrKey)
}

// failing is a store whose next transaction fails.
type failing struct {
	store.Store
	mu   sync.Mutex
	fail bool
}

func (f *failing) Apply(ctx context.Context, writes ...store.Write) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail && len(writes) > 0 && writes[len(writes)-1].Collection == "users" {
		f.fail = false
		return &store.UnavailableError{Err: errors.New("a fault of the test")}
	}
	return f.Store.Apply(ctx, writes...)
}

// A reset that fails has done nothing, and can be tried again; one that succeeds
// leaves no session of the old password.
func TestResetIsWhole(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	f := &failing{Store: h.store}
	h.Accounts = users.New(users.Options{Store: f}, users.Settings{Activation: users.ActivationNone, SessionLifetime: time.Hour, ResetLifetime: time.Hour, Cost: 4})
	h.register("george")
	token, err := h.login("george", password)
	must(t, err)
	m := h.compose(mail.Reset, "george")
	f.fail = true
	want(t, "the store fails", h.Reset(t.Context(), "george", m.Key, "hush-hush-2", here), store.ErrUnavailable)
	if _, _, err := h.Session(t.Context(), token); err != nil {
		t.Errorf("the session after it: %v", err)
	}
	must(t, h.Reset(t.Context(), "george", m.Key, "hush-hush-2", here))
	_, _, err = h.Session(t.Context(), token)
	want(t, "the session in the end", err, users.ErrNoSession)
}

// Approval and another mail for the same account do not disturb each other.
func TestApprovalAgainstMails(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.Activation = users.ActivationEmail })
	for i := range 5 {
		name := "george" + strconv.Itoa(i)
		if _, err := h.Register(t.Context(), someone(name), here); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { _, _ = h.Compose(context.Background(), mail.Job{Kind: mail.Activation, User: name}) })
		}
		all.Go(func() {
			if user, err := h.Approve(context.Background(), users.Operator(), name); err != nil || !user.Activated {
				t.Errorf("%+v, %v", user, err)
			}
		})
		all.Wait()
		if _, err := h.login(name, password); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.Approve(t.Context(), users.Operator(), "nobody")
	want(t, "nobody", err, users.ErrUnknown)
}

// Names that look alike to a store are one to who counts.
func TestSpellingsAreOneName(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.FailedLogins = 2 })
	h.register("kisses")
	looked := 0
	for _, name := range []string{"kisses", "KISSES", "ki\u017fses", "kis\u017fes", "ki\u00adsses", "\u212aisses", "\uff4bisses", "k\u0301isses"} {
		if _, err := h.login(name, "wrong-wrong"); errors.Is(err, users.ErrWrong) {
			looked++
		}
	}
	if looked != 2 {
		t.Errorf("%d guesses were looked at", looked)
	}
}

// A user has so many sessions and no more: the oldest make place. Who logs in
// again in the same browser leaves no session behind.
func TestSessionsMakePlace(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	first, err := h.login("george", password)
	must(t, err)
	_, _, second, err := h.Login(t.Context(), users.Credentials{Name: "george", Password: password, Replaces: first, From: here})
	must(t, err)
	_, _, err = h.Session(t.Context(), first)
	want(t, "the replaced one", err, users.ErrNoSession)
	for range 100 {
		_, err := h.login("george", password)
		must(t, err)
	}
	_, _, err = h.Session(t.Context(), second)
	want(t, "the oldest", err, users.ErrNoSession)
	page, more, err := h.Sessions(t.Context(), users.Operator(), "george", 0, 200)
	if err != nil || len(page) != 100 || more {
		t.Errorf("%d sessions, %t, %v", len(page), more, err)
	}
}

// Wrong keys of mails are slowed, whomever they are for.
func TestWrongKeysAreSlowed(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	looked := 0
	for i := range 40 {
		err := h.Reset(t.Context(), "nobody"+strconv.Itoa(i), "x", "hush-hush-2", here)
		if errors.Is(err, users.ErrKey) {
			looked++
		}
	}
	if looked != 30 {
		t.Errorf("%d keys were looked at", looked)
	}
	if err := h.Activate(t.Context(), "nobody", "x", here); !errors.As(err, new(*users.SlowedError)) {
		t.Errorf("%v", err)
	}
}

// Another kind of mail does not use up what somebody needs.
func TestMailsOfOneKind(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	for range 10 {
		_, _ = h.Compose(t.Context(), mail.Job{Kind: mail.Taken, User: "george@example.com"})
	}
	h.compose(mail.Reset, "george")
}
