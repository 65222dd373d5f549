package test

import (
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It is far more than anything here takes, so that a
// loaded machine fails no test; only a test that fails spends it.
const patience = 30 * time.Second

// eventually waits until the condition holds. It is for what announces itself in no other way.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for: %s", patience, what)
		}
	}
}
