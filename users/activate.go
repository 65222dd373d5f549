package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Activate lets a user log in from now on who shows the key that was mailed, or
// says [ErrKey]; [*SlowedError] after too many wrong keys from one address.
func (a *Accounts) Activate(ctx context.Context, name, key string, from netip.Addr) error {
	return a.shownKey(ctx, from, func() error {
		found, err := a.find(ctx, name)
		switch {
		case err != nil:
			return err
		case !fits(found.secret(registerKeyField), key, time.Now(), true):
			return ErrKey
		}
		return a.activate(ctx, found)
	})
}

// shownKey does something for who shows a mailed key. A wrong one is the same
// error whatever is wrong with it, and is counted.
func (a *Accounts) shownKey(ctx context.Context, from netip.Addr, f func() error) error {
	l, address := wrongKeysFrom(), neighbourhood(from)
	if _, err := a.slowed(ctx, l, address); err != nil {
		return err
	}
	err := again(ctx, f)
	if errors.Is(err, ErrUnknown) {
		err = ErrKey
	}
	if errors.Is(err, ErrKey) {
		if err := a.attempt(ctx, l, address); err != nil && !errors.As(err, new(*SlowedError)) {
			return err
		}
	}
	return err
}

// Approve lets a user log in from now on, whatever key it was waiting for. It is
// for admins.
func (a *Accounts) Approve(ctx context.Context, by Actor, name string) (User, error) {
	if !by.Administers() {
		return User{}, errAdminsOnly
	}
	var found account
	err := again(ctx, func() (err error) {
		if found, err = a.changeable(ctx, by, name); err == nil && !found.Activated {
			err = a.activate(ctx, found)
			found.Activated = err == nil
		}
		return err
	})
	return found.User, err
}

// activate empties the key, unless it is another by now: that is
// [store.ErrConflict].
func (a *Accounts) activate(ctx context.Context, of account) error {
	w := store.Update(users, of.id, bson.D{{Key: registerKeyField, Value: ""}}).IfField(registerKeyField, valueAt(of.raw, registerKeyField))
	err := a.store.Apply(ctx, w)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrUnknown
	case err != nil:
		return fmt.Errorf("activating a user: %w", err)
	}
	return nil
}
