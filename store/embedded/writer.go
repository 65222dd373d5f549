package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// The bounds of what waits for the writer and of what it commits at once.
const (
	queueLength   = 1024
	batchRequests = 1024
	batchBytes    = 4 << 20 // a single request may be larger
)

// writer owns the file's write transactions. All of its fields belong to its
// goroutine.
type writer struct {
	s       *Store
	commit  func(*bbolt.Tx) error // tests put a failing one here
	stopped chan struct{}

	batch []*request
	next  *request // wants a transaction alone, after the batch
	stage stage

	horizon horizon // of the file
	upkeep  upkeep

	failing   bool  // the last commit failed
	unsettled bool  // and may have reached the file
	broken    error // after a panic within a commit nothing is written any more
	stuck     bool  // bbolt did not give its lock back

	tx txState
}

// txState is what the transaction in progress has done.
type txState struct {
	id      int
	now     time.Time
	log     *bbolt.Bucket
	seq     uint64 // of the last change
	size    int    // of the changes, in bytes
	changed bool
	changes []change // of the request in progress
	logged  []logged
	horizon horizon // if it is committed
}

// logged is a change with its place in the log.
type logged struct {
	collection string
	seq        uint64
	record     []byte
}

// run is the writer's goroutine; it ends when the queue is closed and empty.
func (w *writer) run() {
	defer close(w.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(w.untilUpkeep())
		select {
		case r, ok := <-w.s.queue:
			if !ok {
				return
			}
			// Those who were just answered are about to ask again: let them,
			// so that they share this commit.
			runtime.Gosched()
			w.gather(r)
			w.commitBatch()
		case <-timer.C:
			w.commitBatch()
		}
		if r := w.next; r != nil {
			w.next = nil
			w.commitAlone(r)
		}
	}
}

// gather fills the batch with what waits.
func (w *writer) gather(first *request) {
	size := 0
	for r := first; ; {
		if r.alone != nil {
			w.next = r
			return
		}
		w.batch = append(w.batch, r)
		size += r.size
		if len(w.batch) == batchRequests || size >= batchBytes {
			return
		}
		var ok bool
		select {
		case r, ok = <-w.s.queue:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// commitBatch makes the batch and the upkeep that is due, and answers. What
// turns out to be larger than one transaction should be becomes several.
func (w *writer) commitBatch() {
	for batch := w.batch; ; {
		made := 0
		inDoubt, err := w.transaction(func(*bbolt.Tx) error {
			for made < len(batch) && w.tx.size < batchBytes {
				if err := w.perform(batch[made]); err != nil {
					return err
				}
				made++
			}
			return w.keepUp()
		})
		if err != nil {
			made = len(batch)
		}
		for i, r := range batch[:made] {
			w.answer(r, inDoubt, err)
			batch[i] = nil
		}
		if batch = batch[made:]; len(batch) == 0 {
			break
		}
	}
	w.batch = w.batch[:0]
}

// commitAlone gives a request a transaction of its own.
func (w *writer) commitAlone(r *request) {
	if !r.state.CompareAndSwap(waiting, taken) {
		return
	}
	inDoubt, err := w.transaction(func(tx *bbolt.Tx) error {
		var changed bool
		changed, r.err = r.alone(tx)
		w.tx.changed = r.err == nil && (changed || w.unsettled)
		return nil
	})
	if err == nil && r.err == nil {
		r.finish()
		w.horizon.due = w.s.options.Now() // it may have brought something that is due
	}
	w.answer(r, inDoubt, err)
}

func (w *writer) answer(r *request, inDoubt bool, err error) {
	if err != nil && r.state.CompareAndSwap(waiting, taken) { // it was not reached
		inDoubt = false
	}
	if err != nil {
		// Even a refusal may be about a write that did not happen now.
		r.err = &store.UnavailableError{InDoubt: inDoubt && r.err == nil, Err: err}
	}
	r.done <- struct{}{}
}

// perform makes one request within the transaction. An error is about the
// transaction; what is about the request stands in it.
func (w *writer) perform(r *request) error {
	if !r.state.CompareAndSwap(waiting, taken) {
		return nil
	}
	w.tx.changes = w.tx.changes[:0]
	err := guard(func() error {
		if r.sequence != "" {
			return w.nextNumber(r)
		}
		return w.makeWrites(r)
	})
	if err != nil {
		w.stage.discard()
		if errors.Is(err, ErrDamaged) {
			err = &store.UnavailableError{Err: err}
		}
		r.err = err
		return nil
	}
	return w.flush()
}

func (w *writer) makeWrites(r *request) error {
	collections := *w.s.collections.Load()
	for i := range r.writes {
		// It may have been declared anew since the call prepared the write.
		r.writes[i].collection = collections[r.writes[i].collection.Name]
		found, c, err := execute(&w.stage, &r.writes[i])
		switch {
		case errors.Is(err, ErrDamaged):
			return err
		case err != nil:
			return &store.WriteError{Index: i, Err: err}
		}
		if i == 0 && r.writes[i].Kind == store.KindDelete {
			r.found = append(r.found[:0], found...)
		}
		w.tx.changes = append(w.tx.changes, c)
	}
	return nil
}

func (w *writer) nextNumber(r *request) error {
	key := []byte(r.sequence)
	if len(key) > bbolt.MaxKeySize {
		return fmt.Errorf("%w: a sequence's name has at most %d bytes", store.ErrInvalid, bbolt.MaxKeySize-1)
	}
	r.number = int64(seqOf(w.stage.get(sequenceBucket, key))) + 1
	w.stage.put(sequenceBucket, key, seqKey(uint64(r.number)))
	return nil
}

// flush writes what was staged, and its changes to the log.
func (w *writer) flush() error {
	for i := range w.tx.changes {
		c := &w.tx.changes[i]
		w.tx.seq++
		record := c.encode(w.tx.now)
		if err := w.tx.log.Put(seqKey(w.tx.seq), record); err != nil {
			return err
		}
		w.tx.logged = append(w.tx.logged, logged{c.collection, w.tx.seq, record})
		w.tx.size += len(record)
	}
	w.tx.changes = w.tx.changes[:0]
	w.tx.changed = true
	return w.stage.flush()
}
