// Package fault is the one shape in which errors reach a client: a code that
// programs can rely on, and words for people. It maps codes to HTTP statuses in
// one place. It keeps nothing and may be used by any goroutine.
package fault

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"gatehouse/server/wsconn"
	"gatehouse/store"
)

// Code names a kind of error on the wire. Codes are public and append-only.
type Code string

// The codes.
const (
	InvalidJSON        Code = "INVALID_JSON"
	InvalidEvent       Code = "INVALID_EVENT"
	UnknownEvent       Code = "UNKNOWN_EVENT"
	NotAccepted        Code = "NOT_ACCEPTED"
	InvalidProperty    Code = "INVALID_PROPERTY"
	Forbidden          Code = "FORBIDDEN"
	NotFound           Code = "NOT_FOUND"
	RateLimited        Code = "RATE_LIMITED"
	StoreUnavailable   Code = "STORE_UNAVAILABLE"
	HistoryLost        Code = "HISTORY_LOST"
	Unauthorized       Code = "UNAUTHORIZED"
	InvalidParameter   Code = "INVALID_PARAMETER"
	InvalidHandshake   Code = "INVALID_HANDSHAKE"
	MethodNotAllowed   Code = "METHOD_NOT_ALLOWED"
	TooLarge           Code = "TOO_LARGE"
	TooManyConnections Code = "TOO_MANY_CONNECTIONS"
	TooManyFromAddress Code = "TOO_MANY_FROM_ADDRESS"
	GoingDown          Code = "GOING_DOWN"
	NotReady           Code = "NOT_READY"
	Internal           Code = "INTERNAL"
	Taken              Code = "TAKEN"
	PreconditionFailed Code = "PRECONDITION_FAILED"
	CollectionNotOpen  Code = "COLLECTION_NOT_OPEN"
	InvalidKey         Code = "INVALID_KEY"
	Busy               Code = "BUSY"
)

// statuses is the table of HTTP statuses; a code that is not in it (the gate's
// reasons) is 403.
var statuses = map[Code]int{
	InvalidJSON:        http.StatusBadRequest,
	InvalidEvent:       http.StatusBadRequest,
	UnknownEvent:       http.StatusBadRequest,
	NotAccepted:        http.StatusBadRequest,
	InvalidProperty:    http.StatusBadRequest,
	InvalidParameter:   http.StatusBadRequest,
	InvalidHandshake:   http.StatusBadRequest,
	InvalidKey:         http.StatusBadRequest,
	Unauthorized:       http.StatusUnauthorized,
	Forbidden:          http.StatusForbidden,
	NotFound:           http.StatusNotFound,
	CollectionNotOpen:  http.StatusNotFound,
	MethodNotAllowed:   http.StatusMethodNotAllowed,
	Taken:              http.StatusConflict,
	HistoryLost:        http.StatusGone,
	PreconditionFailed: http.StatusPreconditionFailed,
	TooLarge:           http.StatusRequestEntityTooLarge,
	RateLimited:        http.StatusTooManyRequests,
	TooManyFromAddress: http.StatusTooManyRequests,
	Internal:           http.StatusInternalServerError,
	StoreUnavailable:   http.StatusServiceUnavailable,
	TooManyConnections: http.StatusServiceUnavailable,
	GoingDown:          http.StatusServiceUnavailable,
	NotReady:           http.StatusServiceUnavailable,
	Busy:               http.StatusServiceUnavailable,
}

// Error is an error that a client may see.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"error"`

	// Property names what was wrong, where it was one property.
	Property string `json:"property,omitempty"`

	// InDoubt says that what was asked for may have happened all the same.
	InDoubt bool `json:"inDoubt,omitempty"`

	// Oldest is an id that works as since, with HistoryLost.
	Oldest string `json:"oldest,omitempty"`

	// RetryAfter is after how long it is worth trying again, where that is
	// known; 0: a few seconds, with codes that a later attempt can avoid.
	RetryAfter time.Duration `json:"-"`
}

// New makes an error.
func New(code Code, message string) *Error { return &Error{Code: code, Message: message} }

// Invalid is an INVALID_PROPERTY: which property, and why.
func Invalid(property, why string) *Error {
	return &Error{Code: InvalidProperty, Message: property + ": " + why, Property: property}
}

func (e *Error) Error() string { return e.Message }

// Status is the HTTP status of the error.
func (e *Error) Status() int {
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusForbidden
}

// From gives any error its code. One that no client should see the words of
// becomes INTERNAL.
func From(err error) *Error {
	var e *Error
	var unavailable *store.UnavailableError
	var handshake *wsconn.HandshakeError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &unavailable):
		return &Error{Code: StoreUnavailable, Message: "the store does not answer; try again in a moment", InDoubt: unavailable.InDoubt}
	case errors.As(err, &handshake):
		return New(InvalidHandshake, handshake.Error())
	case errors.Is(err, wsconn.ErrTooMany):
		return New(TooManyConnections, err.Error())
	case errors.Is(err, wsconn.ErrTooManyFromAddress):
		return New(TooManyFromAddress, err.Error())
	case errors.Is(err, wsconn.ErrStopping):
		return New(GoingDown, err.Error())
	case errors.Is(err, store.ErrClosed):
		return &Error{Code: StoreUnavailable, Message: "the server is going down"}
	}
	if e := ofUsers(err); e != nil {
		return e
	}
	return &Error{Code: Internal, Message: "the server met an error of its own"}
}

// Witness is an [http.ResponseWriter] that wants to know of errors that the
// client is not told the words of.
type Witness interface{ Internal(err error) }

// Write answers a request with the error.
func Write(w http.ResponseWriter, err error) {
	e := From(err)
	if witness, ok := w.(Witness); ok && e.Code == Internal {
		witness.Internal(err)
	}
	b, _ := json.Marshal(e) // strings and a bool: it cannot fail
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch e.Code {
	case Unauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case TooManyConnections, TooManyFromAddress, RateLimited, StoreUnavailable, GoingDown, NotReady, Busy:
		after := e.RetryAfter
		if after <= 0 {
			after = 5 * time.Second
		}
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	w.WriteHeader(e.Status())
	_, _ = w.Write(append(b, '\n'))
}
