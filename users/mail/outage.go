package mail

import (
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// outage decides when it is worth a line that something does not work: at the
// first failure, and then not more often than every so long, also where it
// works and fails by turns.
type outage struct {
	every time.Duration
	once  bool // per outage

	mu     sync.Mutex
	since  time.Time // zero: it works
	told   bool      // of this outage
	logged time.Time
}

// failed notes a failure, and reports whether to log it.
func (o *outage) failed(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since, o.told = now, false
	}
	if o.once && o.told || !o.logged.IsZero() && now.Sub(o.logged) < o.every {
		return false
	}
	o.told, o.logged = true, now
	return true
}

// ended notes that it works, and reports whether to log that: where a failure
// was logged. The duration is that of the outage.
func (o *outage) ended(now time.Time) (time.Duration, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		return 0, false
	}
	d := now.Sub(o.since)
	o.since = time.Time{}
	return d, o.told
}

// delay is how long a job waits that has failed once more than attempts times:
// about first, doubled each time, at most most. The jitter keeps those apart
// that failed together.
func delay(attempts int, first, most time.Duration) time.Duration {
	b := backoffFrom(first, most)
	for range attempts {
		if b.NextBackOff() >= most {
			break
		}
	}
	return min(b.NextBackOff(), most)
}

// backoffFrom doubles from first to most, a fifth more or less.
func backoffFrom(first, most time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier, b.RandomizationFactor = first, most, 2, 0.2
	return b
}
