package server

import (
	"slices"
	"testing"

	"gatehouse/events"
)

// What is a secret of a user to the store is one to the events, too.
func TestSecretsAreTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range Collections() {
		if c.Name == events.Users && !slices.Equal(slices.Sorted(slices.Values(c.Secret)), slices.Sorted(slices.Values(events.SecretFields()))) {
			t.Errorf("%q and %q", c.Secret, events.SecretFields())
		}
	}
}
