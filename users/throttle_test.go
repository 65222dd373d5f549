package users_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/users"
)

// attempt logs in from somewhere, and says after how long it is worth another
// try.
func (h *house) attempt(name, word, from string) (time.Duration, error) {
	_, _, _, err := h.Login(context.Background(), users.Credentials{Name: name, Password: word, From: netip.MustParseAddr(from)})
	var slowed *users.SlowedError
	if errors.As(err, &slowed) {
		return slowed.Wait, err
	}
	return 0, err
}

// Each failure behind the free ones waits twice as long, whatever the password;
// others do not wait.
func TestFailedLoginsAreSlowed(t *testing.T) {
	if os.Getenv("GATEHOUSE_TEST_STORE") == "mongodb" {
		t.Skip("the clock of this test is its own; a database on the network has another")
	}
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(s *users.Settings) { s.FailedLogins = 3 })
		defer func() { must(t, h.store.Close()) }()
		h.register("george")
		h.register("martha")
		for range 3 {
			_, err := h.attempt("george", "wrong-wrong", "192.0.2.1")
			want(t, "free", err, users.ErrWrong)
		}
		for i, expected := range []time.Duration{1, 2, 4, 8, 16} {
			wait, err := h.attempt("GEORGE", password, "192.0.2.1")
			if wait > expected*time.Second || wait < expected*time.Second-100*time.Millisecond {
				t.Errorf("wait %d: %s, want %d s: %v", i, wait, expected, err)
			}
			time.Sleep(wait) //nolint:forbidigo // of the bubble's clock
			_, err = h.attempt("george", "wrong-wrong", "192.0.2.1")
			want(t, "after the wait", err, users.ErrWrong)
		}
		if _, err := h.attempt("george", password, "192.0.2.2"); err != nil {
			t.Errorf("from another address: %v", err)
		}
		if _, err := h.attempt("martha", password, "192.0.2.1"); err != nil {
			t.Errorf("another account: %v", err)
		}
		wait, _ := h.attempt("george", password, "192.0.2.1")
		time.Sleep(wait) //nolint:forbidigo // of the bubble's clock
		if _, err := h.attempt("george", password, "192.0.2.1"); err != nil {
			t.Errorf("the owner after the wait: %v", err)
		}
		_, err := h.attempt("george", "wrong-wrong", "192.0.2.1")
		want(t, "free again after a success", err, users.ErrWrong)
	})
}

// Who tries many accounts is slowed by the address, a network of IPv6 being one.
func TestManyAccountsFromOneAddress(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.FailedLogins = 1 })
	h.register("george")
	failed := 0
	for i := range 30 {
		_, err := h.attempt("nobody"+string(rune('a'+i)), "wrong-wrong", netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i)}).String())
		if errors.Is(err, users.ErrWrong) {
			failed++
		}
	}
	if failed != 20 {
		t.Errorf("%d attempts were looked at", failed)
	}
	if wait, err := h.attempt("george", password, "2001::ffff"); wait == 0 {
		t.Errorf("the same network: %v", err)
	}
	if _, err := h.attempt("george", password, "2001:0:0:1::1"); err != nil {
		t.Errorf("another network: %v", err)
	}
}

// Many at once are as many as one after the other.
func TestConcurrentGuessesAreCounted(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.FailedLogins = 5 })
	h.register("george")
	var looked atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if _, err := h.attempt("george", "wrong-wrong", "192.0.2.1"); errors.Is(err, users.ErrWrong) {
				looked.Add(1)
			}
		})
	}
	all.Wait()
	if looked.Load() > 5 {
		t.Errorf("%d guesses were looked at", looked.Load())
	}
}

func TestRegistrationsAreLimited(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.RegistrationsPerHour = 3 })
	made := 0
	for i := range 6 {
		_, err := h.Register(t.Context(), someone("george"+string(rune('a'+i))), here)
		switch {
		case err == nil:
			made++
		case !errors.As(err, new(*users.SlowedError)):
			t.Error(err)
		}
	}
	if made != 3 {
		t.Errorf("%d registered", made)
	}
	if _, err := h.Register(t.Context(), someone("other"), netip.MustParseAddr("192.0.2.9")); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestMailsAreLimited(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	asked := 0
	for range 30 {
		if h.RequestReset(t.Context(), "nobody", here) == nil {
			asked++
		}
	}
	if asked != 20 || len(h.jobs()) != 20 {
		t.Errorf("%d asked, %d jobs", asked, len(h.jobs()))
	}
}
