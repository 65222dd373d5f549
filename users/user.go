package users

import (
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Privileges say what a user may do. The numbers are the original server's: the
// lower, the more.
type Privileges int32

// The privileges there are.
const (
	Super   Privileges = 1 // the first admin: cannot be deleted or demoted
	Admin   Privileges = 2
	Regular Privileges = 3
)

// User is an account, without its secrets.
type User struct {
	Username     string
	Email        string
	Privileges   Privileges
	Activated    bool
	CreatedOn    time.Time
	LastLoggedIn time.Time // zero: never
	Meta         bson.Raw  // a document; never nil
}

// Actor is who wants something done: a user, or a program that acts as an admin.
type Actor struct {
	User User // of a program only Privileges are set

	id      bson.RawValue // of the user's document; of a program none
	session string        // where the user is logged in, for what ends all others
}

// Program is an actor that is nobody's account: it may do what an admin may.
func Program() Actor { return Actor{User: User{Privileges: Admin}} }

// Operator is an actor on the server's own machine: it may do everything.
func Operator() Actor { return Actor{User: User{Privileges: Super}} }

// is reports whether an account is the actor's own. Names do not decide that:
// one user's address can be another's name.
func (a Actor) is(of account) bool {
	return a.id.Type != 0 && a.id.Equal(of.id)
}

// Administers reports whether the actor is an admin.
func (a Actor) Administers() bool { return a.User.Privileges == Super || a.User.Privileges == Admin }

// mayAct refuses an actor who may not change an account: one may change one's
// own, and those of lower rank; the super admin may change all.
func (a Actor) mayAct(on account) error {
	switch {
	case a.is(on), a.User.Privileges == Super, a.Administers() && on.Privileges > a.User.Privileges:
		return nil
	}
	return errNotAllowed
}

// errNotAllowed is also the answer about users that do not exist.
var errNotAllowed = &RefusedError{"this needs the user's own session, or one of an admin of higher rank"}

// account is a user's document.
type account struct {
	User
	id      bson.RawValue
	version int64
	raw     bson.Raw
}

// The original's names for what is not told.
const (
	passwordField    = "password"
	registerKeyField = "registerKey"
	resetKeyField    = "passwordTag"
)

func (a account) secret(field string) string {
	s, _ := a.raw.Lookup(field).StringValueOK()
	return s
}

// decode reads a document as lenient as can be: the original server wrote it,
// or another program.
func decode(raw bson.Raw) (account, error) {
	if err := raw.Validate(); err != nil {
		return account{}, fmt.Errorf("a user in the store is damaged: %w", err)
	}
	a := account{id: raw.Lookup("_id"), version: store.VersionOf(raw), raw: raw}
	a.Username, _ = raw.Lookup("username").StringValueOK()
	a.Email, _ = raw.Lookup("email").StringValueOK()
	a.Privileges = Regular
	if n, ok := integer(raw.Lookup("privileges")); ok && n >= int64(Super) && n <= int64(Regular) {
		a.Privileges = Privileges(n)
	}
	key, _ := raw.LookupErr(registerKeyField)
	a.Activated = key.Type == 0 || key.Type == bson.TypeNull || key.Type == bson.TypeString && key.StringValue() == ""
	a.CreatedOn = moment(raw.Lookup("createdOn"))
	a.LastLoggedIn = moment(raw.Lookup("lastLoggedIn"))
	if meta, ok := raw.Lookup("meta").DocumentOK(); ok {
		a.Meta = meta
	} else {
		a.Meta = emptyDocument
	}
	return a, nil
}

var emptyDocument = bson.Raw{5, 0, 0, 0, 0}

func integer(v bson.RawValue) (int64, bool) {
	if f, ok := v.DoubleOK(); ok {
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<53
	}
	return v.AsInt64OK()
}

// moment reads a date, or the original's milliseconds.
func moment(v bson.RawValue) time.Time {
	if ms, ok := v.DateTimeOK(); ok {
		return time.UnixMilli(ms).UTC()
	}
	if ms, ok := integer(v); ok && ms > 0 {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}
