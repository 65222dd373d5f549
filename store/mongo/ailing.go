package mongo

import (
	"sync"
	"time"
)

// While the server does not answer, only one call in a while waits for it as long
// as it may; the others wait for hastily: who has waited already must not wait
// once more for each of what has piled up behind it.
const (
	hastily     = 400 * time.Millisecond
	patientOnce = 5 * time.Second
)

// ailing remembers that the server did not answer, until it does.
type ailing struct {
	mu    sync.Mutex
	since time.Time // zero while it answers
	tried time.Time // when a call last waited patiently
}

// patience is how long a call may wait that would wait for most.
func (a *ailing) patience(most time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		return most
	}
	if time.Since(a.tried) < patientOnce {
		return min(most, hastily)
	}
	a.tried = time.Now()
	return most
}

// answered notes whether the server answered a call.
func (a *ailing) answered(did bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case did:
		a.since = time.Time{}
	case a.since.IsZero():
		a.since, a.tried = time.Now(), time.Now()
	}
}
