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

// Edit changes an account. Its user may change meta, and, showing the current
// password, the password and the address (but where addresses are confirmed); an
// admin these without it, and the privileges of who is of lower rank. All of it
// happens or nothing. A new password ends the user's other sessions.
//
// Errors: [*RefusedError], [ErrUnknown], [*InvalidError], [ErrTaken] for the
// address, [ErrBusy], and [*SlowedError] after too many wrong current passwords.
func (a *Accounts) Edit(ctx context.Context, by Actor, name string, c Changes) (User, error) {
	var edited account
	e := edit{accounts: a, by: by, changes: c}
	err := again(ctx, func() error {
		found, err := a.changeable(ctx, by, name)
		if err != nil {
			return err
		}
		edited, err = e.make(ctx, found)
		return err
	})
	return edited.User, err
}

// edit is a change on its way. What took long to compute is kept for another
// try.
type edit struct {
	accounts  *Accounts
	by        Actor
	changes   Changes
	confirmed string // the hash that the current password was compared with
	hash      string // of the new password
}

// make writes the change on the account as it was read, or says
// [store.ErrConflict].
func (e *edit) make(ctx context.Context, found account) (account, error) {
	a, c := e.accounts, e.changes
	set, err := e.fields(found)
	if err != nil {
		return account{}, err
	}
	var unset []string
	moves := c.Email != nil && *c.Email != found.Email
	if e.by.is(found) && (moves || c.Password != nil) && (e.confirmed == "" || e.confirmed != found.secret(passwordField)) {
		if err := a.confirm(ctx, found, c.CurrentPassword); err != nil {
			return account{}, err
		}
		e.confirmed = found.secret(passwordField)
	}
	if moves || c.Password != nil { // a key that was mailed to the old address, or for the old password
		unset = []string{resetKeyField}
	}
	if c.Password == nil {
		if len(set) == 0 {
			return found, nil
		}
		err := a.store.Apply(ctx, store.Update(users, found.id, set, unset...).IfVersion(found.version))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return account{}, ErrUnknown
		case errors.Is(err, store.ErrDuplicate):
			return account{}, ErrTaken
		case err != nil:
			return account{}, fmt.Errorf("changing a user: %w", err)
		}
		return found.with(set)
	}
	if e.hash == "" {
		if e.hash, err = a.hasher.hash(ctx, *c.Password, a.settings.Load().Cost); err != nil {
			return account{}, err
		}
	}
	set = append(set, bson.E{Key: passwordField, Value: e.hash})
	if err := a.applyEnding(ctx, found, e.by.session, store.Update(users, found.id, set, unset...)); err != nil {
		return account{}, err
	}
	return found.with(set)
}

// fields are what changes but for the password, if the actor may change it so.
func (e *edit) fields(found account) (set bson.D, err error) {
	c := e.changes
	if c.Email != nil && *c.Email != found.Email {
		if err := checkEmail(*c.Email); err != nil {
			return nil, err
		}
		if !e.by.Administers() && e.accounts.settings.Load().Activation == ActivationEmail {
			return nil, &RefusedError{"addresses are confirmed here: ask an admin to change yours"}
		}
		set = append(set, bson.E{Key: "email", Value: *c.Email})
	}
	if c.Meta != nil {
		if err := checkMeta(*c.Meta); err != nil {
			return nil, err
		}
		set = append(set, bson.E{Key: "meta", Value: *c.Meta})
	}
	if c.Privileges != nil && *c.Privileges != found.Privileges {
		if found.Privileges == Super {
			return nil, &RefusedError{"the super admin stays what it is"}
		}
		if err := e.by.mayGrant(*c.Privileges); err != nil {
			return nil, err
		}
		set = append(set, bson.E{Key: "privileges", Value: int32(*c.Privileges)})
	}
	if c.Password != nil {
		return set, checkPassword(*c.Password)
	}
	return set, nil
}

// with is the account when these fields were set.
func (a account) with(set bson.D) (account, error) {
	var d bson.D
	if err := bson.Unmarshal(a.raw, &d); err != nil {
		return account{}, err
	}
	for _, e := range set {
		d = with(d, e.Key, e.Value)
	}
	raw, err := bson.Marshal(d)
	if err != nil {
		return account{}, err
	}
	return decode(raw)
}

// confirm wants the current password of who changes it: a session that somebody
// left open is not enough. Wrong ones are counted like failed logins.
func (a *Accounts) confirm(ctx context.Context, of account, current *string) error {
	if current == nil {
		return &InvalidError{"currentPassword", "is missing: it is needed to change the own password or address"}
	}
	settings := a.settings.Load()
	l, key := failedLogins(settings.FailedLogins), fold(of.Username)+"\x00own"
	done, err := a.guesses.Take(ctx, key)
	if err != nil {
		return ErrBusy
	}
	defer done()
	failed, err := a.slowed(ctx, l, key)
	if err != nil {
		return err
	}
	ok, err := a.hasher.matches(ctx, of.secret(passwordField), *current, settings.Cost)
	switch {
	case err != nil:
		return err
	case !ok:
		if err := a.attempt(ctx, l, key); err != nil && !errors.As(err, new(*SlowedError)) {
			return err
		}
		return &InvalidError{"currentPassword", "is wrong"}
	}
	if failed {
		a.forgive(ctx, l, key)
	}
	return nil
}

// SetPassword gives a user a new password and ends its sessions. It is for the
// operator.
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	_, err := a.Edit(ctx, Operator(), name, Changes{Password: &password})
	return err
}
