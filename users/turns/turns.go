// Package turns lets those who want to change the same thing do it one after the
// other, where all at once would only get in each other's way.
//
// # What it promises
//
// Order: none between those who wait. Loss: a turn that was taken is nobody
// else's until it is done. Concurrency: [Turns] may be used by any number of
// goroutines; it is of this process alone, and what other processes do has to be
// guarded by the store's conditions.
package turns

import (
	"context"
	"sync"
)

// Turns are those of one kind of things.
type Turns[K comparable] struct {
	mu    sync.Mutex
	queue map[K]*turn
}

type turn struct {
	slot  chan struct{}
	wants int
}

// New makes turns of which none is taken.
func New[K comparable]() *Turns[K] { return &Turns[K]{queue: map[K]*turn{}} }

// Take waits for a turn, to be ended with done; the error is that of ctx, when it
// ends first.
func (t *Turns[K]) Take(ctx context.Context, key K) (done func(), err error) {
	t.mu.Lock()
	one := t.queue[key]
	if one == nil {
		one = &turn{slot: make(chan struct{}, 1)}
		t.queue[key] = one
	}
	one.wants++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.wants--; one.wants == 0 {
			delete(t.queue, key)
		}
	}
	select {
	case one.slot <- struct{}{}:
		return func() { <-one.slot; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
