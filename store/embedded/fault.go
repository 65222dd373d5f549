package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"

	"gatehouse/store"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Why a file can not be opened, to be compared with errors.Is.
var (
	// ErrLocked: another process, or another Open in this one, uses the file.
	ErrLocked = errors.New("the file is in use, probably by another gatehouse: " +
		"stop that one, or give this one a file of its own")

	// ErrForeign: the file was not written by this package.
	ErrForeign = errors.New("this is not a gatehouse store: name another file, or move this one away")

	// ErrDamaged: the file was, but parts of it are missing or overwritten.
	ErrDamaged = errors.New("the file is damaged: put a backup in its place, or move it away to begin with an empty store")

	// ErrNewer: the file was written by a later version.
	ErrNewer = errors.New("the file was written by a newer gatehouse: run that version, or one that is newer still")

	// ErrReadOnly: the file or the file system it is on can not be written to.
	ErrReadOnly = errors.New("it can not be written to: the store needs a file, and a directory, that this user may write to")
)

// OpenError says why a file could not be opened. The file was left as it is.
type OpenError struct {
	Path string
	Err  error // one of this package's errors, or the system's
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("opening the store %s: %v (nothing was changed)", e.Path, e.Err)
}

// Unwrap returns the reason.
func (e *OpenError) Unwrap() error { return e.Err }

// errDamagedDocument is met where damage has passed the check at the opening.
var errDamagedDocument = fmt.Errorf("a document in the file can not be read: %w", ErrDamaged)

// guard runs f such that damaged pages, on which bbolt panics or that are not
// behind the mapping any more, are an error and not the end of the process.
// It holds for the calling goroutine only.
func guard(f func() error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (%v)", ErrDamaged, p)
		}
	}()
	return f()
}

// view runs f in a short read transaction. What f returns of its own stands;
// what keeps it from running is a *store.UnavailableError or store.ErrClosed.
func (s *Store) view(ctx context.Context, f func(tx *bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return &store.UnavailableError{Err: err}
	}
	err := guard(func() error { return s.db.View(f) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return store.ErrClosed
	case errors.Is(err, ErrDamaged), ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return &store.UnavailableError{Err: err}
	default:
		return err
	}
}

// openFault names what bbolt or the system found wrong at the opening.
func openFault(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return fmt.Errorf("%w (%w)", ErrForeign, err)
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	default:
		return err
	}
}
