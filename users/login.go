package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// maxSessions is how many sessions one user can have: the oldest ends where
// another begins.
const maxSessions = 100

// Credentials are what somebody shows to log in.
type Credentials struct {
	Name     string // the username or the address
	Password string
	Remember bool
	Replaces string     // the token of a session that ends with the login; "" or a wrong one: none
	From     netip.Addr // where they come from
}

// Login begins a session. Errors: [ErrWrong], [*SlowedError] after too many
// failures, [ErrBusy].
func (a *Accounts) Login(ctx context.Context, c Credentials) (User, Session, string, error) {
	settings := a.settings.Load()
	from := neighbourhood(c.From)
	perPair, pair := failedLogins(settings.FailedLogins), fold(c.Name)+"\x00"+from
	perAddress := loginsFrom(settings.FailedLogins)
	// One after the other: many at once are as many attempts.
	done, err := a.guesses.Take(ctx, pair)
	if err != nil {
		return User{}, Session{}, "", ErrBusy
	}
	defer done()
	if _, err := a.slowed(ctx, perAddress, from); err != nil {
		return User{}, Session{}, "", err
	}
	failed, err := a.slowed(ctx, perPair, pair)
	if err != nil {
		return User{}, Session{}, "", err
	}
	var found account
	var s session
	var token, verified string
	err = again(ctx, func() (err error) {
		if found, err = a.verify(ctx, c, &verified, settings.Cost); err != nil {
			return err
		}
		s, token, err = a.begin(ctx, &found, c, settings)
		return err
	})
	switch {
	case errors.Is(err, ErrWrong):
		for _, err := range []error{a.attempt(ctx, perPair, pair), a.attempt(ctx, perAddress, from)} {
			if err != nil && !errors.As(err, new(*SlowedError)) {
				return User{}, Session{}, "", err
			}
		}
		return User{}, Session{}, "", ErrWrong
	case err != nil:
		return User{}, Session{}, "", err
	}
	if failed {
		a.forgive(ctx, perPair, pair)
	}
	return found.User, s.session(), token, nil
}

// verify returns the account whose password was shown. It takes as long for a
// name that nobody has. A hash that was found to be of this password is not
// computed again.
func (a *Accounts) verify(ctx context.Context, c Credentials, verified *string, cost int) (account, error) {
	found, err := a.find(ctx, c.Name)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return account{}, err
	}
	hash := found.secret(passwordField)
	if hash == "" || hash != *verified {
		ok, err := a.hasher.matches(ctx, hash, c.Password, cost)
		switch {
		case err != nil:
			return account{}, err
		case !ok:
			return account{}, ErrWrong
		}
		*verified = hash
	}
	if !found.Activated {
		return account{}, ErrWrong
	}
	return found, nil
}

// begin writes the login and its session, unless the account has changed since
// its password was looked at.
func (a *Accounts) begin(ctx context.Context, of *account, c Credentials, settings *Settings) (session, string, error) {
	hash := of.secret(passwordField)
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !now.After(of.LastLoggedIn) { // each login is one, also in the same millisecond
		now = of.LastLoggedIn.Add(time.Millisecond)
	}
	set := bson.D{{Key: "lastLoggedIn", Value: now.UnixMilli()}}
	if outdated(hash, settings.Cost) && checkPassword(c.Password) == nil {
		anew, err := a.hasher.hash(ctx, c.Password, settings.Cost)
		if err != nil {
			return session{}, "", err
		}
		set = append(set, bson.E{Key: passwordField, Value: anew})
	}
	writes, err := a.replaced(ctx, *of, c.Replaces)
	if err != nil {
		return session{}, "", err
	}
	s, token := newSession(*of, time.Now(), settings.SessionLifetime, c.Remember)
	ended := len(writes)
	err = a.store.Apply(ctx, append(writes,
		store.Update(users, of.id, set).IfField(passwordField, hash).IfField("lastLoggedIn", valueAt(of.raw, "lastLoggedIn")),
		store.Insert(sessions, s))...)
	var refused *store.WriteError
	switch {
	case errors.Is(err, store.ErrNotFound) && errors.As(err, &refused) && refused.Index < ended:
		return session{}, "", store.ErrConflict // the session that was to end has ended meanwhile
	case errors.Is(err, store.ErrNotFound):
		return session{}, "", ErrWrong
	case err != nil:
		return session{}, "", fmt.Errorf("logging in: %w", err)
	}
	of.LastLoggedIn = now
	return s, token, nil
}

// replaced ends the sessions that make place for a new one: the one that was
// shown, and the oldest where the user has as many as one can have.
func (a *Accounts) replaced(ctx context.Context, of account, token string) (writes []store.Write, err error) {
	var ids []any
	shown, err := a.shown(ctx, token)
	switch {
	case err == nil:
		ids = append(ids, shown.ID)
	case !errors.Is(err, ErrNoSession):
		return nil, err
	}
	all, err := a.sessionsOf(ctx, of, maxSessions+1)
	if err != nil {
		return nil, err
	}
	if len(all) >= maxSessions && !slices.Contains(ids, all[0]) {
		ids = append(ids, all[0])
	}
	for _, id := range ids {
		writes = append(writes, store.Delete(sessions, id))
	}
	return writes, nil
}

// valueAt is the value of a field, for a condition that it is still the same.
func valueAt(doc bson.Raw, field string) any {
	v, err := doc.LookupErr(field)
	if err != nil {
		return nil
	}
	return v
}
