package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Again does something that a condition guards until nobody comes in between:
// it calls f as long as that fails with [ErrConflict], a moment apart, and
// returns that error when ctx ends. What f reads it must read each time anew.
func Again(ctx context.Context, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, ErrConflict) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Millisecond + rand.N(20*time.Millisecond)): //nolint:gosec // nobody gains by guessing it
		}
	}
}
