package control

import (
	"errors"

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
// apart, and its words.
type failure struct {
	Kind  string `json:"kind,omitempty"`
	Words string `json:"error"`
}

// kinds are the errors that callers tell apart.
var kinds = map[string]error{
	"invalid": keys.ErrInvalid,
	"taken":   keys.ErrTaken,
	"unknown": keys.ErrUnknown,
}

func newFailure(err error) failure {
	for kind, k := range kinds {
		if errors.Is(err, k) {
			return failure{kind, err.Error()}
		}
	}
	return failure{"", err.Error()}
}

// remoteError is a failure on this side.
type remoteError struct {
	failure
	kind error
}

func (e *remoteError) Error() string { return e.Words }

func (e *remoteError) Unwrap() error { return e.kind }
