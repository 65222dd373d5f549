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

// NewUser is what an account begins with.
type NewUser struct {
	Username   string
	Email      string
	Password   string
	Privileges Privileges // of Create; 0: Regular
	Meta       bson.D     // nil: empty
}

func (n NewUser) check() error {
	for _, err := range []error{checkUsername(n.Username), checkEmail(n.Email), checkPassword(n.Password), checkMeta(n.Meta)} {
		if err != nil {
			return err
		}
	}
	return nil
}

// document is the account as it is stored.
func (n NewUser) document(hash, registerKey string) bson.D {
	meta := n.Meta
	if meta == nil {
		meta = bson.D{}
	}
	return bson.D{
		{Key: "username", Value: n.Username},
		{Key: "email", Value: n.Email},
		{Key: passwordField, Value: hash},
		{Key: registerKeyField, Value: registerKey},
		{Key: "createdOn", Value: time.Now().UnixMilli()},
		{Key: "privileges", Value: int32(n.Privileges)},
		{Key: "meta", Value: meta},
	}
}

// Register makes a regular account for somebody who comes from an address, and
// says what it still needs. Errors: [*InvalidError], [ErrTaken], [*SlowedError],
// [ErrBusy].
//
// Where an address has to be confirmed, registering one that is taken is
// answered like any other: its owner gets a mail that says so.
func (a *Accounts) Register(ctx context.Context, n NewUser, from netip.Addr) (Activation, error) {
	settings := a.settings.Load()
	n.Privileges = Regular
	if err := n.check(); err != nil {
		return "", err
	}
	if err := a.attempt(ctx, registrationsFrom(settings.RegistrationsPerHour), neighbourhood(from)); err != nil {
		return "", err
	}
	confirmed := settings.Activation == ActivationEmail
	hash, err := a.hasher.hash(ctx, n.Password, settings.Cost)
	if err != nil {
		return "", err
	}
	registerKey := ""
	if settings.Activation != ActivationNone {
		_, registerKey = newKey(time.Now(), settings.KeyLifetime) // nobody has it; the mail makes another
	}
	writes := []store.Write{store.Insert(users, n.document(hash, registerKey))}
	if confirmed {
		writes = append(writes, mail.Job{Kind: mail.Activation, User: n.Username}.Write())
	}
	err = a.store.Apply(ctx, writes...)
	if confirmed && duplicate(err, "email") {
		err = a.pretend(ctx, n, hash, registerKey)
	}
	switch {
	case errors.Is(err, store.ErrDuplicate):
		return "", ErrTaken
	case err != nil:
		return "", fmt.Errorf("registering: %w", err)
	}
	if confirmed {
		a.wake()
	}
	return settings.Activation, nil
}

// pretend does for an address that is taken all that can be seen of a
// registration: there is an account of this name, which nobody can activate,
// since it has no address that a key could be mailed to.
func (a *Accounts) pretend(ctx context.Context, n NewUser, hash, registerKey string) error {
	document := slices.DeleteFunc(n.document(hash, registerKey), func(e bson.E) bool { return e.Key == "email" })
	return a.store.Apply(ctx, store.Insert(users, document), mail.Job{Kind: mail.Taken, User: n.Email}.Write())
}

// Create makes an account that is activated. Who may make one of these
// privileges is who may change one.
func (a *Accounts) Create(ctx context.Context, by Actor, n NewUser) (User, error) {
	if n.Privileges == 0 {
		n.Privileges = Regular
	}
	if err := n.check(); err != nil {
		return User{}, err
	}
	if err := by.mayGrant(n.Privileges); err != nil {
		return User{}, err
	}
	return a.create(ctx, n)
}

// superMade is the document that counts how often a super admin was made, so
// that of two who make one at the same time one does.
const superMade = "super"

// CreateAdmin makes the super admin, or an admin where there is one already. It
// is for the operator.
func (a *Accounts) CreateAdmin(ctx context.Context, n NewUser) (User, error) {
	n.Privileges = Super
	if err := n.check(); err != nil {
		return User{}, err
	}
	var made User
	err := again(ctx, func() error {
		first, err := a.firstSuper(ctx)
		if err != nil {
			return err
		}
		if n.Privileges = Super; first == nil {
			n.Privileges = Admin
		}
		made, err = a.create(ctx, n, first...)
		return err
	})
	return made, err
}

// firstSuper is to be written with the super admin, and nil where there is one.
// Where another was made meanwhile it is refused.
func (a *Accounts) firstSuper(ctx context.Context) ([]store.Write, error) {
	count := store.Insert(counters, bson.D{{Key: "_id", Value: superMade}})
	raw, err := a.store.Get(ctx, counters, superMade)
	switch {
	case err == nil:
		count = store.Update(counters, superMade, nil).IfVersion(store.VersionOf(raw))
	case !errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("looking for the super admin: %w", err)
	}
	supers, err := a.store.Find(ctx, users, store.Query{Where: bson.D{{Key: "privileges", Value: int32(Super)}}, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("looking for the super admin: %w", err)
	}
	if len(supers) > 0 {
		return nil, nil
	}
	return []store.Write{count}, nil
}

func (a *Accounts) create(ctx context.Context, n NewUser, more ...store.Write) (User, error) {
	hash, err := a.hasher.hash(ctx, n.Password, a.settings.Load().Cost)
	if err != nil {
		return User{}, err
	}
	document := n.document(hash, "")
	err = a.store.Apply(ctx, append(more, store.Insert(users, document))...)
	switch {
	case duplicate(err, "_id"):
		return User{}, store.ErrConflict // another has made the super admin
	case errors.Is(err, store.ErrDuplicate):
		return User{}, ErrTaken
	case err != nil:
		return User{}, fmt.Errorf("creating a user: %w", err)
	}
	raw, err := store.MarshalDocument(document)
	if err != nil {
		return User{}, err
	}
	made, err := decode(raw)
	return made.User, err
}

func duplicate(err error, field string) bool {
	var d *store.DuplicateError
	return errors.As(err, &d) && slices.Equal(d.Fields, []string{field})
}
