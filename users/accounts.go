package users

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/mail"
	"gatehouse/users/turns"
)

// The collections. Users, sessions, files and buckets are the original server's,
// under its names.
const (
	users    = "users"
	sessions = "sessions"
	files    = "files"
	buckets  = "buckets"
	counters = "users.counters"
)

// Collections declares what this package keeps in the store or looks at.
func Collections() []store.Collection {
	owner := []store.Index{{Fields: []string{"user"}}, {Fields: []string{"username"}}}
	return []store.Collection{
		{
			Name: users,
			Indexes: []store.Index{
				{Fields: []string{"username"}, Unique: true, Fold: true},
				{Fields: []string{"email"}, Unique: true, Fold: true},
				{Fields: []string{"privileges"}},
			},
			// sessionId was the original's session.
			Secret: []string{passwordField, registerKeyField, resetKeyField, "sessionId"},
		},
		{
			Name:    sessions,
			Indexes: []store.Index{{Fields: []string{"user"}}, {Fields: []string{"username"}}},
			Expiry:  "expires",
			Secret:  []string{"hash", "sessionId", "session", "data"}, // the last three are the original's
		},
		{Name: files, Indexes: owner},
		{Name: buckets, Indexes: owner},
		{Name: counters, Expiry: "expires"},
	}
}

// Activation is what a new account needs before it can log in.
type Activation string

// The kinds of activation.
const (
	ActivationNone  Activation = "none"
	ActivationAdmin Activation = "admin" // an admin approves it
	ActivationEmail Activation = "email" // a mailed key is shown
)

// Settings may change at any time.
type Settings struct {
	Activation      Activation
	SessionLifetime time.Duration // since the session was last used
	KeyLifetime     time.Duration // of keys that activate an account
	ResetLifetime   time.Duration // of keys that allow a new password
	Cost            int           // of bcrypt

	// URL is where people reach the server: mailed links begin with it.
	URL string

	// RegistrationsPerHour is how many accounts may be registered from one
	// address, FailedLogins how many logins may fail from one address to one
	// account before each has to wait. 0: no limit.
	RegistrationsPerHour int
	FailedLogins         int
}

// Options for [New].
type Options struct {
	Store  store.Store
	Logger *slog.Logger

	// Wake is called when something was put into the outbox.
	Wake func()

	// Owned are more documents that belong to users, and go with them: those of
	// other packages, which declare an index on the field.
	Owned []Owned
}

// Owned are the documents of a collection that have a username in a field.
type Owned struct{ Collection, Field string }

// Accounts are the users in a store, and their sessions.
type Accounts struct {
	store    store.Store
	logger   *slog.Logger
	wake     func()
	settings atomic.Pointer[Settings]
	hasher   *hasher
	guesses  *turns.Turns[string] // one at a time for each account and address
	owned    []Owned
}

var _ mail.Composer = (*Accounts)(nil)

// New returns the accounts in a store in which [Collections] and
// [mail.Collection] are declared, or will be before they are used.
func New(o Options, s Settings) *Accounts {
	a := &Accounts{store: o.Store, logger: o.Logger, wake: o.Wake, hasher: newHasher(), guesses: turns.New[string]()}
	a.owned = append([]Owned{{files, "user"}, {files, "username"}, {buckets, "user"}, {buckets, "username"}}, o.Owned...)
	if a.wake == nil {
		a.wake = func() {}
	}
	a.SetSettings(s)
	return a
}

// SetSettings replaces the settings.
func (a *Accounts) SetSettings(s Settings) { a.settings.Store(&s) }

// Get returns the user of this username or address. Who may not see it gets a
// [*RefusedError], whether there is such a user or not; others [ErrUnknown].
func (a *Accounts) Get(ctx context.Context, by Actor, name string) (User, error) {
	found, err := a.visible(ctx, by, name)
	return found.User, err
}

// visible is a user whom the actor may look at: itself, or as an admin anybody.
func (a *Accounts) visible(ctx context.Context, by Actor, name string) (account, error) {
	found, err := a.find(ctx, name)
	if !by.Administers() && (errors.Is(err, ErrUnknown) || err == nil && !by.is(found)) {
		return account{}, errNotAllowed
	}
	return found, err
}

// changeable is a user whom the actor may change.
func (a *Accounts) changeable(ctx context.Context, by Actor, name string) (account, error) {
	found, err := a.visible(ctx, by, name)
	if err == nil {
		err = by.mayAct(found)
	}
	return found, err
}

// List returns a page of all users, in the order of their names: those whose
// name or address holds a text, without regard to case. More says whether others
// follow. It is for admins: others get a [*RefusedError].
func (a *Accounts) List(ctx context.Context, by Actor, search string, skip, limit int) (page []User, more bool, err error) {
	if !by.Administers() {
		return nil, false, errAdminsOnly
	}
	q := store.Query{Order: "username", Skip: skip, Limit: limit + 1}
	if search != "" {
		q.Contains = &store.Contains{Text: search, Fields: []string{"username", "email"}}
	}
	raws, err := a.store.Find(ctx, users, q)
	if err != nil {
		return nil, false, fmt.Errorf("listing users: %w", err)
	}
	if more = len(raws) > limit; more {
		raws = raws[:limit]
	}
	page = make([]User, len(raws))
	for i, raw := range raws {
		found, err := decode(raw)
		if err != nil {
			return nil, false, err
		}
		page[i] = found.User
	}
	return page, more, nil
}

// find returns the user of this username, or of this address where nobody has
// the name.
func (a *Accounts) find(ctx context.Context, name string) (account, error) {
	for _, field := range []string{"username", "email"} {
		raws, err := a.store.Find(ctx, users, store.Query{Where: bson.D{{Key: field, Value: name}}, Limit: 1})
		if err != nil {
			return account{}, fmt.Errorf("looking for a user: %w", err)
		}
		if len(raws) > 0 {
			return decode(raws[0])
		}
	}
	return account{}, ErrUnknown
}

// byID returns the user whose document has this id.
func (a *Accounts) byID(ctx context.Context, id bson.RawValue) (account, error) {
	raw, err := a.store.Get(ctx, users, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return account{}, ErrUnknown
	case err != nil:
		return account{}, fmt.Errorf("reading a user: %w", err)
	}
	return decode(raw)
}

// again is [store.Again], with this package's word for who does not come to it.
func again(ctx context.Context, f func() error) error {
	err := store.Again(ctx, f)
	if errors.Is(err, store.ErrConflict) {
		return ErrBusy
	}
	return err
}
