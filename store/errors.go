package store

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of the contract, to be compared with errors.Is.
var (
	// ErrNotFound: no document has this id.
	ErrNotFound = errors.New("no such document")

	// ErrConflict: a write's condition did not hold.
	ErrConflict = errors.New("the document is not as it was expected to be")

	// ErrDuplicate is what every [*DuplicateError] is.
	ErrDuplicate = errors.New("another document has the same value")

	// ErrHistoryLost: the feed does not reach back to this position, or it is
	// no position of this store.
	ErrHistoryLost = errors.New("the store's history does not reach back to this position")

	// ErrUnavailable is what every [*UnavailableError] is.
	ErrUnavailable = errors.New("the store is not available")

	// ErrClosed: the store or the feed was closed.
	ErrClosed = errors.New("the store is closed")

	// ErrUndeclared: the collection was not declared.
	ErrUndeclared = errors.New("the collection was not declared")

	// ErrNoIndex: no declared index answers the query.
	ErrNoIndex = errors.New("no declared index answers this query")

	// ErrTransient: documents of a transient collection can only be inserted.
	ErrTransient = errors.New("documents of a transient collection can only be inserted")

	// ErrInvalid: the document or the write itself is malformed; the error
	// that wraps it says how.
	ErrInvalid = errors.New("not a valid document or write")
)

// WriteError says which write of an Apply was refused, and why. It unwraps to
// the reason.
type WriteError struct {
	Index int // of the write, as given to Apply
	Err   error
}

func (e *WriteError) Error() string { return fmt.Sprintf("write %d: %v", e.Index, e.Err) }

// Unwrap returns the reason.
func (e *WriteError) Unwrap() error { return e.Err }

// DuplicateError says which unique index (the fields of it; "_id" alone for
// the id) already holds the value. It is [ErrDuplicate].
type DuplicateError struct {
	Collection string
	Fields     []string
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s: another document has the same %s", e.Collection, strings.Join(e.Fields, " and "))
}

// Is reports that it is ErrDuplicate.
func (e *DuplicateError) Is(target error) bool { return target == ErrDuplicate }

// UnavailableError says that the store did not answer. It is [ErrUnavailable]
// and unwraps to the cause.
type UnavailableError struct {
	// InDoubt is set where a write was sent and its answer did not come: it
	// may have happened, once, and whole.
	InDoubt bool
	Err     error
}

func (e *UnavailableError) Error() string {
	if e.InDoubt {
		return fmt.Sprintf("the store is not available, and whether the write happened is not known: %v", e.Err)
	}
	return fmt.Sprintf("the store is not available: %v", e.Err)
}

// Is reports that it is ErrUnavailable.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }
