package embedded

import (
	"errors"
	"fmt"
	"time"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// transaction runs f in a write transaction. If f set changed it is committed,
// and then what it logged is shown to the feeds. An error means that nothing
// happened, unless inDoubt says that it may have.
func (w *writer) transaction(f func(tx *bbolt.Tx) error) (inDoubt bool, err error) {
	if w.broken != nil {
		return false, w.broken
	}
	committing := false
	err = guard(func() error {
		tx, err := w.s.db.Begin(true)
		if err != nil {
			return err
		}
		defer func() { // without effect after a commit
			if errors.Is(guard(tx.Rollback), ErrDamaged) {
				w.stuck = true
			}
		}()
		if err := w.begin(tx); err != nil {
			return err
		}
		if err := f(tx); err != nil || !w.tx.changed {
			return err
		}
		if err := w.tx.log.SetSequence(w.tx.seq); err != nil {
			return err
		}
		committing = true
		return w.commit(tx)
	})
	switch {
	case err != nil && committing:
		inDoubt = w.commitFailed(err)
	case err == nil && committing:
		w.committed()
	case err == nil:
		w.horizon = w.tx.horizon
	}
	if w.stuck && w.broken == nil {
		w.broken = fmt.Errorf("writing has stopped, restart to check the file: %w", ErrDamaged)
	}
	w.stage.discard()
	clear(w.tx.logged) // the records live on in the tail alone
	w.tx.logged = w.tx.logged[:0]
	return inDoubt, err
}

func (w *writer) begin(tx *bbolt.Tx) error {
	w.stage.begin(tx)
	log := tx.Bucket([]byte(logBucket))
	if log == nil {
		return errDamagedDocument
	}
	log.FillPercent = 1 // it only grows at its end
	w.tx.id, w.tx.now, w.tx.log, w.tx.seq = tx.ID(), w.s.options.Now(), log, log.Sequence()
	w.tx.changed, w.tx.horizon, w.tx.size = w.unsettled, w.horizon, 0
	w.tx.changes, w.tx.logged = w.tx.changes[:0], w.tx.logged[:0]
	return nil
}

// committed makes the writer's state that of the file, and shows the changes.
func (w *writer) committed() {
	if w.failing {
		w.failing, w.unsettled = false, false
		w.s.options.Logger.Info("the store can be written to again", "path", w.s.path)
	}
	// Where a commit before this one was in doubt, and did reach the file, its
	// changes are durable now and shown from there: the tail sees the gap.
	changes := make([]store.Change, 0, len(w.tx.logged))
	for _, l := range w.tx.logged {
		c, err := decode(l.record, l.collection, w.s.id.position(l.seq))
		if err != nil {
			break // as good as a gap
		}
		changes = append(changes, c)
	}
	w.horizon = w.tx.horizon
	w.s.tail.publish(changes, w.tx.seq, w.horizon.oldest)
}

// commitFailed finds out whether the commit reached the file all the same:
// bbolt writes everything else before the one page that makes it count.
func (w *writer) commitFailed(cause error) (inDoubt bool) {
	w.upkeep.failed = time.Now()
	if !w.failing {
		w.failing = true
		w.s.options.Logger.Error("the store can not be written to", "path", w.s.path, "error", cause)
	}
	if errors.Is(cause, ErrDamaged) { // a panic, and nobody knows what bbolt was at
		w.broken = fmt.Errorf("writing has stopped, restart to check the file: %w", cause)
		return true
	}
	err := guard(func() error {
		return w.s.db.View(func(tx *bbolt.Tx) error {
			inDoubt = tx.ID() >= w.tx.id
			return nil
		})
	})
	w.unsettled = w.unsettled || inDoubt
	return inDoubt || err != nil
}
