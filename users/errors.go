package users

import (
	"errors"
	"time"
)

// The errors of this package, to be compared with errors.Is. Errors of the store
// pass through beside them.
var (
	// ErrUnknown: there is no such user, session or property.
	ErrUnknown = errors.New("there is none")

	// ErrWrong: the name or the password is wrong, or the account is not
	// activated yet. Which of them is nobody's business.
	ErrWrong = errors.New("the name or the password is wrong, or the account is not activated yet")

	// ErrKey: a mailed key is wrong, was used, or is too old.
	ErrKey = errors.New("the key is wrong, was used already, or is too old; ask for a new one")

	// ErrTaken: another account has the name or the address.
	ErrTaken = errors.New("the name or the address is taken")

	// ErrNoSession: the token is of no session, or of one that has ended.
	ErrNoSession = errors.New("the session has ended")

	// ErrBusy: more passwords wait to be checked than this server checks in a
	// few seconds, or too many change the same thing at once. Nothing was done.
	ErrBusy = errors.New("too much of this is going on at once; try again in a moment")
)

// InvalidError says what is wrong with a value that somebody chose.
type InvalidError struct {
	Field string // such as password, or meta.color
	Why   string
}

func (e *InvalidError) Error() string { return e.Field + ": " + e.Why }

// RefusedError says why somebody may not do something.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// SlowedError says that somebody has to wait.
type SlowedError struct {
	Wait time.Duration // before it is worth trying again
}

func (e *SlowedError) Error() string { return "too many attempts; wait before the next one" }
