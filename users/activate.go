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
	"gatehouse/users/mail"
)

// Activate lets a user log in from now on who shows the key that was mailed, or
// says [ErrKey].
func (a *Accounts) Activate(ctx context.Context, name, key string) error {
	found, err := a.find(ctx, name)
	stored := found.secret(registerKeyField)
	switch {
	case errors.Is(err, ErrUnknown):
		return ErrKey
	case err != nil:
		return err
	case !fits(stored, key, time.Now()):
		return ErrKey
	}
	return a.activate(ctx, found)
}

// Approve lets a user log in from now on, whatever key it was waiting for. It is
// for admins.
func (a *Accounts) Approve(ctx context.Context, by Actor, name string) (User, error) {
	if !by.Administers() {
		return User{}, errAdminsOnly
	}
	found, err := a.changeable(ctx, by, name)
	if err == nil && !found.Activated {
		err = a.activate(ctx, found)
		found.Activated = true
		if errors.Is(err, ErrKey) { // another was quicker
			err = nil
		}
	}
	return found.User, err
}

func (a *Accounts) activate(ctx context.Context, of account) error {
	w := store.Update(users, of.id, bson.D{{Key: registerKeyField, Value: ""}}).IfField(registerKeyField, of.secret(registerKeyField))
	err := a.store.Apply(ctx, w)
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return ErrKey
	case err != nil:
		return fmt.Errorf("activating a user: %w", err)
	}
	return nil
}

// ResendActivation has the mail written again by which a user activates its
// account, if there is such a user and it waits for one. Nobody hears whether.
// Who asks for too many from one address gets a [*SlowedError].
func (a *Accounts) ResendActivation(ctx context.Context, name string, from netip.Addr) error {
	return a.post(ctx, mail.Job{Kind: mail.Activation, User: name}, from)
}

// RequestReset has a mail written by which a user can choose a new password, if
// there is such a user. Nobody hears whether. Who asks for too many from one
// address gets a [*SlowedError].
func (a *Accounts) RequestReset(ctx context.Context, name string, from netip.Addr) error {
	return a.post(ctx, mail.Job{Kind: mail.Reset, User: name}, from)
}

// post puts a job into the outbox. Whether it means anybody is found out behind
// the answer: until then all are alike.
func (a *Accounts) post(ctx context.Context, j mail.Job, from netip.Addr) error {
	if len(j.User) > maxEmail {
		return nil // nobody is called so
	}
	if err := a.attempt(ctx, mailsFrom(), neighbourhood(from)); err != nil {
		return err
	}
	if err := a.store.Apply(ctx, j.Write()); err != nil {
		return fmt.Errorf("putting a mail into the outbox: %w", err)
	}
	a.wake()
	return nil
}

// Reset gives a user a new password who shows the key that was mailed, and ends
// its sessions. Errors: [ErrKey], [*InvalidError], [ErrBusy].
func (a *Accounts) Reset(ctx context.Context, name, key, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	found, err := a.find(ctx, name)
	stored := found.secret(resetKeyField)
	switch {
	case errors.Is(err, ErrUnknown):
		return ErrKey
	case err != nil:
		return err
	case !fits(stored, key, time.Now()):
		return ErrKey
	}
	return a.setPassword(ctx, found, stored, password)
}

// setPassword replaces a password by the key that is stored for it, and ends the
// user's sessions: what was written to log in with the old one is in the store
// by then, or is refused. Who has the key has the address, and needs no other to
// confirm it.
func (a *Accounts) setPassword(ctx context.Context, of account, stored, password string) error {
	settings := a.settings.Load()
	hash, err := a.hasher.hash(ctx, password, settings.Cost)
	if err != nil {
		return err
	}
	set := bson.D{{Key: passwordField, Value: hash}}
	if !of.Activated && settings.Activation == ActivationEmail {
		set = append(set, bson.E{Key: registerKeyField, Value: ""})
	}
	err = a.store.Apply(ctx, store.Update(users, of.id, set, resetKeyField).IfField(resetKeyField, stored))
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return ErrKey
	case err != nil:
		return fmt.Errorf("setting a password: %w", err)
	}
	return a.endSessions(ctx, of, "")
}

// endable is how many sessions are looked at together.
const endable = 100

// endSessions ends a user's sessions but for one.
func (a *Accounts) endSessions(ctx context.Context, of account, except string) error {
	for {
		ids, err := a.sessionsOf(ctx, of, endable)
		if err != nil {
			return err
		}
		full := len(ids) == endable
		ids = slices.DeleteFunc(ids, func(id any) bool { return except != "" && id == any(except) })
		if err := a.deleteAll(ctx, sessions, ids); err != nil {
			return err
		}
		if !full {
			return nil
		}
	}
}
