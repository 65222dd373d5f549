package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/store"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// rig is a store whose commits a test controls.
type rig struct {
	*testing.T
	*Store
	feed    store.Feed
	hold    chan struct{} // while it is open, commits wait for it
	commits atomic.Int32
	fault   atomic.Pointer[func(tx *bbolt.Tx) error] // in place of a commit
}

func (r *rig) fail(fault func(tx *bbolt.Tx) error) { r.fault.Store(&fault) }

func (r *rig) recover() { r.fault.Store(nil) }

var errDisk = errors.New("the disk is on fire")

// withRig runs a test in a bubble of its own time, where everything that has
// begun is known to wait or to be done after synctest.Wait.
func withRig(t *testing.T, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(filepath.Join(t.TempDir(), "test.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{T: t, Store: s}
		if err := s.Declare(t.Context(), store.Collection{Name: "c"}); err != nil {
			t.Fatal(err)
		}
		if r.feed, err = s.Watch(t.Context(), store.Start{}, "c"); err != nil {
			t.Fatal(err)
		}
		s.writer.commit = func(tx *bbolt.Tx) error {
			r.commits.Add(1)
			if r.hold != nil {
				<-r.hold
			}
			if fault := r.fault.Load(); fault != nil {
				return (*fault)(tx)
			}
			return tx.Commit()
		}
		test(r)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// begin inserts a document from a goroutine of its own, and returns when that
// waits for the answer.
func (r *rig) begin(ctx context.Context, id string) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- r.Apply(ctx, store.Insert("c", bson.D{{Key: "_id", Value: id}})) }()
	synctest.Wait()
	return answer
}

// shown returns the ids of the changes that the feed has to show now.
func (r *rig) shown() (ids []string) {
	r.Helper()
	for {
		change, found, err := r.feed.TryNext(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		if !found {
			return ids
		}
		ids = append(ids, change.ID.StringValue())
	}
}

func (r *rig) expect(what string, got, want any) {
	r.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func inDoubt(err error) string {
	var unavailable *store.UnavailableError
	switch {
	case err == nil:
		return "done"
	case !errors.As(err, &unavailable):
		return err.Error()
	case unavailable.InDoubt:
		return "in doubt"
	default:
		return "not done"
	}
}

func TestWritersShareACommit(t *testing.T) {
	withRig(t, func(r *rig) {
		r.hold = make(chan struct{})
		var answers []<-chan error
		for i := range 50 {
			answers = append(answers, r.begin(r.Context(), fmt.Sprint(i)))
		}
		r.expect("shown before the commit", r.shown(), []string{})
		close(r.hold)
		for _, answer := range answers {
			r.expect("answer", inDoubt(<-answer), "done")
		}
		r.expect("commits", r.commits.Load(), 2)
		r.expect("shown", len(r.shown()), 50)
	})
}

func TestCtxEndsWhileWaiting(t *testing.T) {
	withRig(t, func(r *rig) {
		r.hold = make(chan struct{})
		ctx, cancel := context.WithCancel(r.Context())
		taken, queued := r.begin(ctx, "taken"), r.begin(ctx, "queued")
		cancel()
		r.expect("what the writer has", inDoubt(<-taken), "in doubt")
		r.expect("what it has not", inDoubt(<-queued), "not done")
		close(r.hold)
		r.expect("afterwards", inDoubt(<-r.begin(r.Context(), "after")), "done")
		r.expect("shown", r.shown(), []string{"taken", "after"})
		_, err := r.Get(r.Context(), "c", "queued")
		r.expect("the document", err, store.ErrNotFound)
	})
}

func TestFailedCommit(t *testing.T) {
	withRig(t, func(r *rig) {
		r.fail(func(*bbolt.Tx) error { return errDisk })
		err := <-r.begin(r.Context(), "a")
		r.expect("answer", inDoubt(err), "not done")
		if !errors.Is(err, errDisk) {
			r.Errorf("it does not say why: %v", err)
		}
		r.recover()
		r.expect("shown", r.shown(), []string{})
		r.expect("again", inDoubt(<-r.begin(r.Context(), "a")), "done")
		r.expect("shown", r.shown(), []string{"a"})
	})
}

func TestRefusedInAFailedCommit(t *testing.T) {
	withRig(t, func(r *rig) {
		r.hold = make(chan struct{})
		first := r.begin(r.Context(), "other")
		insert, duplicate := r.begin(r.Context(), "a"), r.begin(r.Context(), "a")
		r.fail(func(tx *bbolt.Tx) error {
			if r.commits.Load() == 2 {
				return errDisk
			}
			return tx.Commit()
		})
		close(r.hold)
		r.expect("first", inDoubt(<-first), "done")
		r.expect("insert", inDoubt(<-insert), "not done")
		// There is no other document with its id: that would be a lie.
		r.expect("duplicate", inDoubt(<-duplicate), "not done")
	})
}

// A commit can reach the file and fail all the same.
func TestCommitInDoubt(t *testing.T) {
	withRig(t, func(r *rig) {
		before := r.feed.Position()
		r.fail(func(tx *bbolt.Tx) error { return errors.Join(tx.Commit(), errDisk) })
		r.expect("answer", inDoubt(<-r.begin(r.Context(), "a")), "in doubt")
		r.expect("shown while in doubt", r.shown(), []string{})
		r.expect("again", inDoubt(<-r.begin(r.Context(), "b")), "in doubt")
		r.recover()
		<-time.After(time.Minute) // nobody writes
		r.expect("shown in the end", r.shown(), []string{"a", "b"})
		r.expect("afterwards", inDoubt(<-r.begin(r.Context(), "c")), "done")
		r.expect("shown", r.shown(), []string{"c"})

		again, err := r.Watch(r.Context(), store.Start{After: before}, "c")
		if err != nil {
			r.Fatal(err)
		}
		r.feed = again
		r.expect("shown to another feed", r.shown(), []string{"a", "b", "c"})
		if err := r.Check(r.Context()); err != nil {
			r.Error(err)
		}
	})
}

func TestCommitPanics(t *testing.T) {
	withRig(t, func(r *rig) {
		r.expect("before", inDoubt(<-r.begin(r.Context(), "a")), "done")
		r.fail(func(*bbolt.Tx) error { panic("page 7 already freed") })
		r.expect("answer", inDoubt(<-r.begin(r.Context(), "b")), "in doubt")
		r.recover()
		err := <-r.begin(r.Context(), "c")
		r.expect("afterwards", inDoubt(err), "not done")
		if !errors.Is(err, ErrDamaged) {
			r.Errorf("it does not say why: %v", err)
		}
		if _, err := r.Get(r.Context(), "c", "a"); err != nil {
			r.Errorf("reading: %v", err)
		}
	})
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	withRig(t, func(r *rig) {
		r.hold = make(chan struct{})
		var answers []<-chan error
		for i := range 5 {
			answers = append(answers, r.begin(r.Context(), fmt.Sprint(i)))
		}
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		synctest.Wait()
		r.expect("a later one", <-r.begin(r.Context(), "late"), store.ErrClosed)
		close(r.hold)
		for _, answer := range answers {
			r.expect("answer", inDoubt(<-answer), "done")
		}
		r.expect("Close", <-closed, nil)
	})
}
