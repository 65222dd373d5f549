package users

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// limit bounds what somebody does too often. Either only so many are possible in
// a window of time, or each that is beyond the free ones has to wait twice as
// long as the one before it.
type limit struct {
	kind   string
	free   int           // 0: no limit
	window time.Duration // 0: waits that double
}

// The waits that double: a guess a second at first, four an hour in the end. All
// is forgotten after an hour without an attempt.
const (
	firstWait = time.Second
	mostWait  = 15 * time.Minute
	forgotten = time.Hour
)

// The limits. What counts as an attempt is counted in the store, so that all
// nodes know of it.
func failedLogins(free int) limit { return limit{kind: "login", free: free} }

// loginsFrom is for who tries many accounts from one address.
func loginsFrom(free int) limit { return limit{"logins", 20 * free, time.Hour} }

func registrationsFrom(perHour int) limit {
	return limit{"registrations", perHour, time.Hour}
}

// mailsFrom and mailsTo bound how many mails somebody can have written, and how
// many one account gets by it.
func mailsFrom() limit { return limit{"mails from", 20, time.Hour} }

func mailsTo() limit { return limit{"mails to", 5, time.Hour} }

// wrongKeysFrom is for who tries keys of mails. None is ever guessed; but who
// could try for long would learn by the time that takes who has an account.
func wrongKeysFrom() limit { return limit{"keys", 30, time.Hour} }

// tries is the document that counts. Its id is a hash: it can be an address.
type tries struct {
	Count   int64     `bson:"count"`
	Since   time.Time `bson:"since"` // when the window began
	Next    time.Time `bson:"next"`  // when the next one is possible
	Expires time.Time `bson:"expires"`
	Version int64     `bson:"_v"`
}

func (l limit) id(of string) string { return digest(l.kind + "\x00" + of) }

// attempt counts an attempt, or refuses it with a
// [*SlowedError]. A refused one is not counted.
func (a *Accounts) attempt(ctx context.Context, l limit, of string) error {
	if l.free == 0 {
		return nil
	}
	return again(ctx, func() error {
		had, err := a.tries(ctx, l, of)
		if err != nil {
			return err
		}
		now := time.Now()
		if wait := had.Next.Sub(now); wait > 0 {
			return &SlowedError{wait}
		}
		if !now.Before(had.Expires) {
			had.Count, had.Since = 0, now
		}
		had.Count++
		return a.count(ctx, l, of, l.after(had, now))
	})
}

// slowed refuses with a [*SlowedError] what has to wait, and counts nothing. It
// reports whether anything was counted before.
func (a *Accounts) slowed(ctx context.Context, l limit, of string) (counted bool, err error) {
	if l.free == 0 {
		return false, nil
	}
	had, err := a.tries(ctx, l, of)
	if wait := time.Until(had.Next); err == nil && wait > 0 {
		err = &SlowedError{wait}
	}
	return had.Version > 0, err
}

// forgive forgets the attempts: the last one was a success.
func (a *Accounts) forgive(ctx context.Context, l limit, of string) {
	err := a.store.Apply(ctx, store.Delete(counters, l.id(of)))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		a.logger.Warn("failed logins could not be forgotten", "error", err)
	}
}

func (a *Accounts) tries(ctx context.Context, l limit, of string) (had tries, err error) {
	raw, err := a.store.Get(ctx, counters, l.id(of))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return tries{}, nil
	case err != nil:
		return tries{}, fmt.Errorf("counting attempts: %w", err)
	}
	return had, bson.Unmarshal(raw, &had)
}

// after is what is known when one more attempt was counted.
func (l limit) after(t tries, now time.Time) tries {
	over := t.Count - int64(l.free) + 1
	switch {
	case l.window > 0:
		t.Next, t.Expires = now, t.Since.Add(l.window)
		if over > 0 {
			t.Next = t.Expires
		}
	case over > 0:
		t.Next = now.Add(min(firstWait<<min(over-1, 20), mostWait))
		t.Expires = t.Next.Add(forgotten)
	default:
		t.Next, t.Expires = now, now.Add(forgotten)
	}
	return t
}

func (a *Accounts) count(ctx context.Context, l limit, of string, t tries) error {
	d := bson.D{{Key: "count", Value: t.Count}, {Key: "since", Value: t.Since}, {Key: "next", Value: t.Next}, {Key: "expires", Value: t.Expires}}
	var w store.Write
	if t.Version == 0 {
		w = store.Insert(counters, append(bson.D{{Key: "_id", Value: l.id(of)}}, d...))
	} else {
		w = store.Update(counters, l.id(of), d).IfVersion(t.Version)
	}
	err := a.store.Apply(ctx, w)
	if errors.Is(err, store.ErrDuplicate) || errors.Is(err, store.ErrNotFound) {
		err = store.ErrConflict // somebody else was first
	}
	return err
}

// neighbourhood is what counts as one address: a household's network has 2⁶⁴
// addresses of IPv6.
func neighbourhood(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}
