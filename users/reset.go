package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/mail"
)

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
// its sessions. Who has the key has the address, and needs no other to confirm
// it. Errors: [ErrKey], [*InvalidError], [ErrBusy], and [*SlowedError] after too
// many wrong keys from one address.
func (a *Accounts) Reset(ctx context.Context, name, key, password string, from netip.Addr) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	settings := a.settings.Load()
	hash := ""
	return a.shownKey(ctx, from, func() error {
		found, err := a.find(ctx, name)
		switch {
		case err != nil:
			return err
		case !fits(found.secret(resetKeyField), key, time.Now(), false):
			return ErrKey
		}
		if hash == "" {
			if hash, err = a.hasher.hash(ctx, password, settings.Cost); err != nil {
				return err
			}
		}
		set := bson.D{{Key: passwordField, Value: hash}}
		if !found.Activated && settings.Activation == ActivationEmail {
			set = append(set, bson.E{Key: registerKeyField, Value: ""})
		}
		return a.applyEnding(ctx, found, "", store.Update(users, found.id, set, resetKeyField))
	})
}

// applyEnding changes or removes an account as it was read, and ends its sessions
// but for one with it: the sessions first. Somebody who logs in meanwhile counts
// the account's version up, and that is [store.ErrConflict].
func (a *Accounts) applyEnding(ctx context.Context, of account, except string, w store.Write) error {
	ids, err := a.sessionsOf(ctx, of, together+1)
	for err == nil && len(ids) > together {
		if err = a.deleteAll(ctx, sessions, ids[:together]); err == nil {
			ids, err = a.sessionsOf(ctx, of, together+1)
		}
	}
	if err != nil {
		return err
	}
	var writes []store.Write
	for _, id := range ids {
		if id != any(except) {
			writes = append(writes, store.Delete(sessions, id))
		}
	}
	err = a.store.Apply(ctx, append(writes, w.IfVersion(of.version))...)
	switch {
	case errors.Is(err, store.ErrNotFound): // a session, or the account itself, went meanwhile
		return store.ErrConflict
	case errors.Is(err, store.ErrDuplicate):
		return ErrTaken
	case err != nil:
		return fmt.Errorf("changing a user: %w", err)
	}
	return nil
}
