package embedded

import (
	"context"
	"errors"
	"sync/atomic"

	"gatehouse/store"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// request is one call on its way through the writer: writes that are made
// together, or a sequence, or a piece of work that wants a transaction alone.
type request struct {
	writes   []write
	sequence string
	alone    func(tx *bbolt.Tx) (changed bool, err error)
	finish   func() // of alone, once it is committed
	size     int    // bytes, about

	state atomic.Int32
	done  chan struct{} // of capacity 1: the answer is there

	// The answer, the writer's until done.
	found  bson.Raw // the document that the first write found, where it deletes
	number int64
	err    error
}

// The states of a request. The caller whose ctx ends takes back what the
// writer has not taken; what it has taken is in doubt.
const (
	waiting = iota
	taken
	withdrawn
)

// submit hands the request to the writer and waits for its answer. The result
// is the request's error, or what kept the answer from coming.
func (s *Store) submit(ctx context.Context, r *request) error {
	r.done = make(chan struct{}, 1)
	if err := s.enqueue(ctx, r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(waiting, withdrawn) {
		return &store.UnavailableError{Err: ctx.Err()}
	}
	select {
	case <-r.done:
		return r.err
	default:
		return &store.UnavailableError{InDoubt: true, Err: ctx.Err()}
	}
}

// enqueue waits for a place in the queue. The lock keeps Close from closing
// the queue meanwhile; the writer, which needs no lock, makes the place.
func (s *Store) enqueue(ctx context.Context, r *request) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return &store.UnavailableError{Err: err}
	}
	select {
	case s.queue <- r:
		return nil
	case <-ctx.Done():
		return &store.UnavailableError{Err: ctx.Err()}
	}
}

// Apply implements store.Store.
func (s *Store) Apply(ctx context.Context, writes ...store.Write) error {
	if len(writes) == 0 {
		return nil
	}
	r := &request{writes: make([]write, len(writes))}
	for i := range writes {
		w, size, err := s.prepare(&writes[i])
		if err != nil {
			return &store.WriteError{Index: i, Err: err}
		}
		r.writes[i] = w
		r.size += size
	}
	return s.submit(ctx, r)
}

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, collection string, id any) (bson.Raw, error) {
	del := store.Delete(collection, id)
	w, size, err := s.prepare(&del)
	if err != nil {
		return nil, err
	}
	r := &request{writes: []write{w}, size: size}
	if err := s.submit(ctx, r); err != nil {
		if refused := (*store.WriteError)(nil); errors.As(err, &refused) {
			return nil, refused.Err
		}
		return nil, err
	}
	return r.found, nil
}

// Sequence implements store.Store.
func (s *Store) Sequence(ctx context.Context, name string) (int64, error) {
	r := &request{sequence: "/" + name, size: 64} // a key can not be empty
	if err := s.submit(ctx, r); err != nil {
		return 0, err
	}
	return r.number, nil
}
