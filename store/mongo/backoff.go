package mongo

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// waiting is a pause that grows, with jitter, so that nodes do not come back
// together.
type waiting struct{ *backoff.ExponentialBackOff }

// newBackoff is for calls that somebody waits for.
func newBackoff() waiting { return backoffFrom(5*time.Millisecond, 250*time.Millisecond) }

// backoffFrom begins with pauses of about first and grows to about most.
func backoffFrom(first, most time.Duration) waiting {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = first, most
	return waiting{b}
}

// pause waits, and reports whether ctx still lasts.
func (w waiting) pause(ctx context.Context) bool {
	t := time.NewTimer(w.NextBackOff())
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
