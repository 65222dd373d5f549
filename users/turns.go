package users

import (
	"context"
	"sync"
)

// turns lets who wants the same thing do it one after the other, within this
// process.
type turns struct {
	mu    sync.Mutex
	queue map[string]*turn
}

type turn struct {
	slot  chan struct{}
	wants int
}

func newTurns() *turns { return &turns{queue: map[string]*turn{}} }

// take waits for a turn, to be ended with done, or says ErrBusy when ctx ends
// first.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
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
		return nil, ErrBusy
	}
}
