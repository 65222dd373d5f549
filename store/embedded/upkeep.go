package embedded

import (
	"errors"
	"time"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// The bounds of one piece of upkeep. It shares a transaction with the calls
// that wait, and must not keep them waiting.
const (
	sweepChunk = 256
	trimChunk  = 1024
	upkeepPace = time.Second
)

// horizon says what upkeep there will be: the beginning of the log, and the
// date at which the next document expires.
type horizon struct {
	oldest     uint64    // the log's first change, or the next one where it is empty
	oldestTime time.Time // zero where it is empty
	due        time.Time // zero for never
}

// upkeep paces the expiry of documents and the trimming of the log.
type upkeep struct {
	last   time.Time // when it was done
	failed time.Time // when a commit failed
	more   bool      // the last piece did not suffice
	off    bool      // it met damage
}

// untilUpkeep is how long the writer may sleep.
func (w *writer) untilUpkeep() time.Duration {
	const longest = time.Hour
	u, now := &w.upkeep, w.s.options.Now()
	if u.off || w.broken != nil {
		return longest
	}
	wait := longest
	if !w.horizon.due.IsZero() {
		wait = min(wait, w.horizon.due.Sub(now))
	}
	if !w.horizon.oldestTime.IsZero() {
		wait = min(wait, w.horizon.oldestTime.Add(w.s.patience()).Sub(now))
	}
	if w.unsettled {
		wait = 0
	}
	if u.more {
		wait = 0
	} else { // at least something: the writer must never spin
		wait = max(wait, time.Until(u.last.Add(upkeepPace)), time.Millisecond)
	}
	return max(wait, time.Until(u.failed.Add(upkeepPace)))
}

// patience is the age at which changes are trimmed. It is a little more than
// what was asked for, so that an idle store wakes seldom.
func (s *Store) patience() time.Duration { return s.options.History.Age + s.options.History.Age/64 }

// slack is, for the same reason, by how many changes the log may be too long.
func (s *Store) slack() uint64 { return uint64(min(s.options.History.Events/64, trimChunk)) }

// keepUp does the upkeep that is due within the transaction.
func (w *writer) keepUp() error {
	swept, err := w.attempt(w.sweep)
	if err == nil && len(w.tx.changes) > 0 {
		err = w.flush()
	}
	if err != nil {
		return err
	}
	trimmed, err := w.attempt(w.trim)
	if err != nil {
		return err
	}
	w.upkeep.more = swept || trimmed
	w.tx.horizon.due = w.nextDue()
	return nil
}

// attempt does one piece. Damage that it meets ends all upkeep, but not the
// calls that share the transaction.
func (w *writer) attempt(piece func() (more bool, err error)) (more bool, err error) {
	w.tx.changes = w.tx.changes[:0]
	if w.upkeep.off {
		return false, nil
	}
	err = guard(func() error {
		more, err = piece()
		return err
	})
	if errors.Is(err, ErrDamaged) {
		w.stage.discard()
		w.tx.changes = w.tx.changes[:0]
		w.upkeep.off = true
		w.s.options.Logger.Error("the store has stopped to expire documents and to trim its history", "path", w.s.path, "error", err)
		return false, nil
	}
	return more, err
}

// sweep stages the deletion of documents whose date has passed.
func (w *writer) sweep() (more bool, err error) {
	due := w.horizon.due
	if due.IsZero() || due.After(w.tx.now) || !w.upkeep.more && time.Since(w.upkeep.last) < upkeepPace {
		return false, nil
	}
	w.upkeep.last = time.Now()
	size := 0
	for _, c := range *w.s.collections.Load() {
		if c.expiry == "" {
			continue
		}
		cursor := w.stage.open(c.expiry).bucket.Cursor()
		for key, _ := cursor.First(); key != nil && dateOf(key) <= w.tx.now.UnixMilli(); key, _ = cursor.Next() {
			if len(w.tx.changes) == sweepChunk || size > batchBytes {
				return true, nil
			}
			if len(key) <= 8 {
				return false, ErrDamaged
			}
			expired := write{Prepared: store.Prepared{Kind: store.KindDelete}, collection: c, key: append([]byte(nil), key[8:]...)}
			before, change, err := execute(&w.stage, &expired)
			if err != nil {
				return false, ErrDamaged // the entry has no document
			}
			size += len(before)
			w.tx.changes = append(w.tx.changes, change)
		}
	}
	return false, nil
}

// nextDue is when the next document expires.
func (w *writer) nextDue() time.Time {
	var next time.Time
	err := guard(func() error {
		for _, c := range *w.s.collections.Load() {
			if c.expiry == "" {
				continue
			}
			key, _ := w.stage.open(c.expiry).bucket.Cursor().First()
			if key == nil {
				continue
			}
			if due := time.UnixMilli(dateOf(key)); next.IsZero() || due.Before(next) {
				next = due
			}
		}
		return nil
	})
	if err != nil {
		return w.tx.now // the sweep will meet it
	}
	return next
}

// trim removes the changes that are too many or too old from the log.
func (w *writer) trim() (more bool, err error) {
	h, history := &w.tx.horizon, w.s.options.History
	if h.oldestTime.IsZero() && h.oldest <= w.tx.seq {
		h.oldestTime = w.tx.now // the log was empty
	}
	tooMany := w.tx.seq+1-h.oldest > uint64(history.Events)+w.s.slack()
	tooOld := !h.oldestTime.IsZero() && w.tx.now.Sub(h.oldestTime) >= w.s.patience()
	if !tooMany && !tooOld {
		return false, nil
	}
	chunk := max(trimChunk, 2*len(w.tx.logged))
	for n := 0; h.oldest <= w.tx.seq; n++ {
		key := seqKey(h.oldest)
		h.oldestTime = recordTime(w.tx.log.Get(key))
		if w.tx.seq+1-h.oldest <= uint64(history.Events) && w.tx.now.Sub(h.oldestTime) < history.Age {
			return false, nil
		}
		if n == chunk {
			return true, nil
		}
		if err := w.tx.log.Delete(key); err != nil {
			return false, err
		}
		h.oldest++
		w.tx.changed = true
	}
	h.oldestTime = time.Time{}
	return false, nil
}

// readHorizon is the horizon of a file in which no collection is declared yet.
func readHorizon(log *bbolt.Bucket) (horizon, error) {
	h := horizon{oldest: log.Sequence() + 1}
	cursor := log.Cursor()
	key, record := cursor.First()
	if key == nil {
		return h, nil
	}
	last, _ := cursor.Last()
	h.oldest, h.oldestTime = seqOf(key), recordTime(record)
	if h.oldest == 0 || seqOf(last) != log.Sequence() {
		return h, errDamagedDocument
	}
	return h, nil
}
