package control

import (
	"errors"

	"gatehouse/users"
	"gatehouse/users/keys"
)

// Status is what a server tells of itself.
type Status struct {
	Version string `json:"version"`
	PID     int    `json:"pid"`
	Address string `json:"address"`
}

// newKey asks for a key.
type newKey struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

// createdKey is a key and the token that is shown once.
type createdKey struct {
	keys.Key
	Token string `json:"token"`
}

// failure carries an error across: its kind, if it is one that callers tell
// apart, its words, and of those that say more what they say.
type failure struct {
	Kind  string `json:"kind,omitempty"`
	Words string `json:"error"`
	Field string `json:"field,omitempty"`
	Why   string `json:"why,omitempty"`
}

// kinds are the errors that callers tell apart by themselves.
var kinds = map[string]error{
	"invalid":      keys.ErrInvalid,
	"taken":        keys.ErrTaken,
	"unknown":      keys.ErrUnknown,
	"user taken":   users.ErrTaken,
	"user unknown": users.ErrUnknown,
	"busy":         users.ErrBusy,
	"not tried":    ErrNotTried,
}

// The kinds of those that say more.
const (
	invalidValue = "invalid value" // *users.InvalidError
	refused      = "refused"       // *users.RefusedError
)

func newFailure(err error) failure {
	f := failure{Words: err.Error()}
	var invalid *users.InvalidError
	var refusal *users.RefusedError
	switch {
	case errors.As(err, &invalid):
		f.Kind, f.Field, f.Why = invalidValue, invalid.Field, invalid.Why
	case errors.As(err, &refusal):
		f.Kind, f.Why = refused, refusal.Why
	default:
		for kind, k := range kinds {
			if errors.Is(err, k) {
				f.Kind = kind
			}
		}
	}
	return f
}

// err is the error as it is on this side.
func (f failure) err() error {
	e := &remoteError{f, kinds[f.Kind]}
	switch f.Kind {
	case invalidValue:
		e.kind = &users.InvalidError{Field: f.Field, Why: f.Why}
	case refused:
		e.kind = &users.RefusedError{Why: f.Why}
	}
	return e
}

// remoteError is a failure on this side.
type remoteError struct {
	failure
	kind error
}

func (e *remoteError) Error() string { return e.Words }

func (e *remoteError) Unwrap() error { return e.kind }
