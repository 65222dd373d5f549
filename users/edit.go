package users

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Changes to an account. What is nil stays.
type Changes struct {
	Email           *string
	Password        *string
	CurrentPassword *string // who changes the own password shows it
	Privileges      *Privileges
	Meta            *bson.D // replaces all of it
}

// mayGrant refuses privileges that the actor cannot give: nobody makes another
// super admin, and only the super admin makes admins.
func (a Actor) mayGrant(p Privileges) error {
	switch {
	case p != Admin && p != Regular:
		return &InvalidError{"privileges", "must be 2 (admin) or 3 (regular); there is one super admin (1), the first that gatehouse user create --admin made"}
	case p == Admin && a.User.Privileges != Super:
		return &RefusedError{"only the super admin makes admins"}
	case !a.Administers():
		return errAdminsOnly
	}
	return nil
}

// Edit changes an account: its user may change the address (but where addresses
// are confirmed), the password, showing the current one, and meta; an admin
// these and the privileges of who is of lower rank. All of it happens or nothing.
// A new password ends the user's other sessions.
//
// Errors: [*RefusedError], [ErrUnknown], [*InvalidError], [ErrTaken] for the
// address, [ErrBusy], and [*SlowedError] after too many wrong current passwords.
func (a *Accounts) Edit(ctx context.Context, by Actor, name string, c Changes) (User, error) {
	var edited account
	err := again(ctx, func() error {
		found, err := a.changeable(ctx, by, name)
		if err != nil {
			return err
		}
		edited, err = a.edit(ctx, by, found, c)
		return err
	})
	if err == nil && c.Password != nil {
		err = a.endSessions(ctx, edited, by.session)
	}
	return edited.User, err
}

func (a *Accounts) edit(ctx context.Context, by Actor, found account, c Changes) (account, error) {
	settings := a.settings.Load()
	own := by.Is(found.Username)
	var set bson.D
	var unset []string
	if c.Email != nil && *c.Email != found.Email {
		if err := checkEmail(*c.Email); err != nil {
			return account{}, err
		}
		if !by.Administers() && settings.Activation == ActivationEmail {
			return account{}, &RefusedError{"addresses are confirmed here: ask an admin to change yours"}
		}
		set = append(set, bson.E{Key: "email", Value: *c.Email})
	}
	if c.Meta != nil {
		if err := checkMeta(*c.Meta); err != nil {
			return account{}, err
		}
		set = append(set, bson.E{Key: "meta", Value: *c.Meta})
	}
	if c.Privileges != nil && *c.Privileges != found.Privileges {
		if found.Privileges == Super {
			return account{}, &RefusedError{"the super admin stays what it is"}
		}
		if err := by.mayGrant(*c.Privileges); err != nil {
			return account{}, err
		}
		set = append(set, bson.E{Key: "privileges", Value: int32(*c.Privileges)})
	}
	if c.Password != nil {
		if err := checkPassword(*c.Password); err != nil {
			return account{}, err
		}
		if own {
			if err := a.confirm(ctx, found, c.CurrentPassword); err != nil {
				return account{}, err
			}
		}
		hash, err := a.hasher.hash(ctx, *c.Password, settings.Cost)
		if err != nil {
			return account{}, err
		}
		set, unset = append(set, bson.E{Key: passwordField, Value: hash}), append(unset, resetKeyField)
	}
	if len(set) == 0 {
		return found, nil
	}
	// The password stands for what was looked at: who changes it at the same
	// time must not be undone.
	w := store.Update(users, found.id, set, unset...).IfField(passwordField, valueAt(found.raw, passwordField)).IfField("privileges", valueAt(found.raw, "privileges"))
	err := a.store.Apply(ctx, w)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return account{}, ErrUnknown
	case errors.Is(err, store.ErrDuplicate):
		return account{}, ErrTaken
	case err != nil:
		return account{}, fmt.Errorf("changing a user: %w", err)
	}
	return a.byID(ctx, found.id)
}

// confirm wants the current password of who changes it: a session that somebody
// left open is not enough. Wrong ones are counted like failed logins.
func (a *Accounts) confirm(ctx context.Context, of account, current *string) error {
	if current == nil {
		return &InvalidError{"currentPassword", "is missing: it is needed to change the own password"}
	}
	settings := a.settings.Load()
	l, key := failedLogins(settings.FailedLogins), fold(of.Username)+"\x00own"
	if err := a.attempt(ctx, l, key); err != nil {
		return err
	}
	ok, err := a.hasher.matches(ctx, of.secret(passwordField), *current, settings.Cost)
	switch {
	case err != nil:
		return err
	case !ok:
		return &InvalidError{"currentPassword", "is wrong"}
	}
	a.forgive(ctx, l, key)
	return nil
}

// SetPassword gives a user a new password and ends its sessions. It is for the
// operator.
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	_, err := a.Edit(ctx, Operator(), name, Changes{Password: &password})
	return err
}
