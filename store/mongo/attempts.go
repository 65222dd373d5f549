package mongo

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"gatehouse/store"

	wire "go.mongodb.org/mongo-driver/v2/event"
)

// attempts is what became of the commands of one write. The driver tries a write
// again by itself where an answer was lost, and returns only how the last attempt
// ended: "not primary" then does not mean that nothing was done.
type attempts struct{ lost atomic.Bool }

type attemptsKey struct{}

// writing are the commands of which an answer can be missed.
var writing = []string{"insert", "update", "delete", "findAndModify", "commitTransaction"}

// listen notes, for the write that a ctx belongs to, that an attempt ended
// without telling what it did.
func listen() *wire.CommandMonitor {
	note := func(ctx context.Context, command string, lost bool) {
		if a, ok := ctx.Value(attemptsKey{}).(*attempts); ok && lost && slices.Contains(writing, command) {
			a.lost.Store(true)
		}
	}
	return &wire.CommandMonitor{
		Failed: func(ctx context.Context, e *wire.CommandFailedEvent) {
			note(ctx, e.CommandName, indefinite(e.Failure))
		},
		Succeeded: func(ctx context.Context, e *wire.CommandSucceededEvent) {
			_, err := e.Reply.LookupErr("writeConcernError")
			note(ctx, e.CommandName, err == nil)
		},
	}
}

// doubtful is the error of a write that may have happened.
type doubtful struct{ error }

// Unwrap returns the error.
func (d *doubtful) Unwrap() error { return d.error }

// write makes a write, and makes it again as long as the server's answer says that
// nothing was done. Whether that is so is known only where no attempt's answer was
// lost; then the error is a [*doubtful].
func (s *Store) write(ctx context.Context, f func(ctx context.Context) error) error {
	a := new(attempts)
	ctx = context.WithValue(ctx, attemptsKey{}, a)
	wait := newBackoff()
	for {
		err := f(ctx)
		switch {
		case err == nil:
			return nil
		case a.lost.Load() && isDuplicateID(err):
			return &doubtful{err} // it may be its own
		case !undone(err):
			return err
		case a.lost.Load():
			return &doubtful{err}
		case !wait.pause(ctx):
			return err
		}
	}
}

// undone reports that an answer says that nothing was done, and that doing it
// again may succeed.
func undone(err error) bool {
	var doubt *doubtful
	return !errors.As(err, &doubt) && (notPrimary(err) || hasCode(err, codeWriteConflict) || labelled(err, transientTransaction))
}

// isDuplicateID reports that an insert met a document with its own id.
func isDuplicateID(err error) bool {
	if !hasCode(err, codeDuplicate) {
		return false
	}
	var d *store.DuplicateError
	return errors.As(duplicate(err, &collection{}), &d) && slices.Equal(d.Fields, []string{"_id"})
}
