package users

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// A name that nobody has takes as long: its hash is computed to the end.
func TestNobodysHashIsComputed(t *testing.T) {
	t.Parallel()
	for cost := 4; cost <= 6; cost++ {
		hash := nobodys(cost)
		if got, err := bcrypt.Cost([]byte(hash)); err != nil || got != cost || !usable(hash) {
			t.Errorf("%s: %d, %v", hash, got, err)
		}
		if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte("x")); !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Errorf("%s: %v", hash, err)
		}
	}
}

// A flood of logins waits, and beyond a bound is refused; a few are computed at
// a time.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	h := newHasher()
	enough := make(chan struct{})
	var at, most, done, busy atomic.Int32
	var all sync.WaitGroup
	limit := cap(h.slots) * (1 + waitersPerSlot)
	for range limit + 50 {
		all.Go(func() {
			err := h.do(context.Background(), func() {
				if n := at.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-enough
				at.Add(-1)
				done.Add(1)
			})
			if errors.Is(err, ErrBusy) && busy.Add(1) == 50 {
				close(enough)
			}
		})
	}
	all.Wait()
	if int(done.Load()) != limit || int(most.Load()) > cap(h.slots) {
		t.Errorf("%d done, %d at a time; want %d and %d", done.Load(), most.Load(), limit, cap(h.slots))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	h.slots <- struct{}{}
	for range cap(h.slots) - 1 {
		h.slots <- struct{}{}
	}
	if err := h.do(ended, func() {}); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}
