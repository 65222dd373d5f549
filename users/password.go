package users

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// hasher computes bcrypt, a few at once: it takes a processor for a good part of
// a second, and sockets need one, too.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int32
}

// waitersPerSlot bounds how many wait: those behind them would give up before
// their turn.
const waitersPerSlot = 8

func newHasher() *hasher {
	return &hasher{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// do runs f when it is its turn, or says ErrBusy.
func (h *hasher) do(ctx context.Context, f func()) error {
	defer h.waiting.Add(-1)
	if int(h.waiting.Add(1)) > cap(h.slots)*(1+waitersPerSlot) {
		return ErrBusy
	}
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ErrBusy
	}
	defer func() { <-h.slots }()
	f()
	return nil
}

// hash makes the hash of a password that was checked.
func (h *hasher) hash(ctx context.Context, password string, cost int) (string, error) {
	var b []byte
	var err error
	if busy := h.do(ctx, func() { b, err = bcrypt.GenerateFromPassword([]byte(password), cost) }); busy != nil {
		return "", busy
	}
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return string(b), nil
}

// matches reports whether a password is the one of a hash. Where it is not, or
// there is no hash that can be read, it takes as long as with one of this cost.
func (h *hasher) matches(ctx context.Context, hash, password string, cost int) (bool, error) {
	if !usable(hash) {
		hash = nobodys(cost)
	}
	ok := false
	err := h.do(ctx, func() {
		ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
		if had, err := bcrypt.Cost([]byte(hash)); !ok && err == nil && had < cost { // from elsewhere, or from before
			_ = bcrypt.CompareHashAndPassword([]byte(nobodys(cost)), []byte(password))
		}
	})
	return ok, err
}

// nobodys is a hash of this cost that no password has: its salt and its sum were
// made up.
func nobodys(cost int) string {
	return fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat("a", 21)+"u"+strings.Repeat("b", 30)+"u")
}

// outdated reports whether a hash that matched should be made anew at this cost.
func outdated(hash string, cost int) bool {
	had, err := bcrypt.Cost([]byte(hash))
	return err == nil && had != cost
}

// maxCost is the highest cost of a hash that is looked at: with more a login
// would take longer than anybody waits for its answer.
const maxCost = 14

var hashPattern = regexp.MustCompile(`^\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

// usable reports whether a hash, from wherever it is, can be compared with.
func usable(hash string) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	return err == nil && cost <= maxCost && hashPattern.MatchString(hash)
}
