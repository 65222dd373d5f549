package users

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Session is one login that lasts. Its id is public; by the token, which only
// who logged in has, it is used.
type Session struct {
	ID        string // 24 hexadecimal digits
	Username  string
	CreatedOn time.Time
	Expires   time.Time // unless it is used before
	Remember  bool      // beyond the end of the browser
	PutOff    bool      // its end was put off just now
}

// session is its document.
type session struct {
	ID        string        `bson:"_id"`
	Hash      string        `bson:"hash"`
	User      bson.RawValue `bson:"user"` // the id of the user's document
	Username  string        `bson:"username"`
	CreatedOn time.Time     `bson:"createdOn"`
	Expires   time.Time     `bson:"expires"`
	Remember  bool          `bson:"remember"`
}

func (d session) session() Session {
	return Session{ID: d.ID, Username: d.Username, CreatedOn: d.CreatedOn.UTC(), Expires: d.Expires.UTC(), Remember: d.Remember}
}

// A token is the session's id and a secret of 256 bits.
var tokenPattern = regexp.MustCompile(`^([0-9a-f]{24})_([0-9a-f]{64})$`)

// newSession makes a session of a user, to be inserted, and its token.
func newSession(of account, now time.Time, lifetime time.Duration, remember bool) (session, string) {
	id, key := secret(12), secret(32)
	now = now.UTC().Truncate(time.Millisecond) // as BSON keeps it
	return session{id, digest(key), of.id, of.Username, now, now.Add(lifetime).Truncate(time.Millisecond), remember}, id + "_" + key
}

// slidesBy is the part of a session's lifetime that passes before it is written
// down that the session is used.
const slidesBy = 20

// Session returns who is logged in with a token, and the session, whose end is
// put off by that. A token that is good for nothing is [ErrNoSession].
func (a *Accounts) Session(ctx context.Context, token string) (Actor, Session, error) {
	s, err := a.shown(ctx, token)
	if err != nil {
		return Actor{}, Session{}, err
	}
	found, err := a.byID(ctx, s.User)
	if errors.Is(err, ErrUnknown) {
		err = ErrNoSession
	}
	if err != nil {
		return Actor{}, Session{}, err
	}
	putOff := false
	lifetime := a.settings.Load().SessionLifetime
	// It comes nearer where lifetimes were made shorter.
	if until := time.Now().UTC().Add(lifetime).Truncate(time.Millisecond); until.Sub(s.Expires) > lifetime/slidesBy || until.Before(s.Expires) {
		err := a.store.Apply(ctx, store.Update(sessions, s.ID, bson.D{{Key: "expires", Value: until}}).IfField("expires", s.Expires))
		switch {
		case err == nil:
			s.Expires, putOff = until, true
		case errors.Is(err, store.ErrNotFound):
			return Actor{}, Session{}, ErrNoSession
		case !errors.Is(err, store.ErrConflict): // somebody else has put it off
			return Actor{}, Session{}, fmt.Errorf("putting off the end of a session: %w", err)
		}
	}
	told := s.session()
	told.PutOff = putOff
	return Actor{User: found.User, id: found.id, session: s.ID}, told, nil
}

// shown is the session of a token.
func (a *Accounts) shown(ctx context.Context, token string) (session, error) {
	parts := tokenPattern.FindStringSubmatch(token)
	if parts == nil {
		return session{}, ErrNoSession
	}
	raw, err := a.store.Get(ctx, sessions, parts[1])
	switch {
	case errors.Is(err, store.ErrNotFound):
		return session{}, ErrNoSession
	case err != nil:
		return session{}, fmt.Errorf("reading a session: %w", err)
	}
	var s session
	if bson.Unmarshal(raw, &s) != nil || subtle.ConstantTimeCompare([]byte(s.Hash), []byte(digest(parts[2]))) == 0 || !time.Now().Before(s.Expires) {
		return session{}, ErrNoSession
	}
	return s, nil
}

// Logout ends the session of a token. One that has ended, or never was, is no
// error.
func (a *Accounts) Logout(ctx context.Context, token string) error {
	s, err := a.shown(ctx, token)
	if err == nil {
		err = a.endSession(ctx, s.ID)
	}
	if errors.Is(err, ErrNoSession) || errors.Is(err, ErrUnknown) {
		err = nil
	}
	return err
}

// Sessions returns a page of the sessions there are, of all users or of one, the
// oldest first. More says whether others follow. It is for admins.
func (a *Accounts) Sessions(ctx context.Context, by Actor, username string, skip, limit int) (page []Session, more bool, err error) {
	if !by.Administers() {
		return nil, false, errAdminsOnly
	}
	q := store.Query{Order: "createdOn", Skip: skip, Limit: limit + 1}
	if username != "" {
		of, err := a.find(ctx, username)
		if errors.Is(err, ErrUnknown) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		q.Where = bson.D{{Key: "user", Value: of.id}}
	}
	raws, err := a.store.Find(ctx, sessions, q)
	if err != nil {
		return nil, false, fmt.Errorf("listing sessions: %w", err)
	}
	if more = len(raws) > limit; more {
		raws = raws[:limit]
	}
	now := time.Now()
	for _, raw := range raws {
		var s session
		if bson.Unmarshal(raw, &s) == nil && s.Hash != "" && now.Before(s.Expires) { // others are the original server's, or about to go
			page = append(page, s.session())
		}
	}
	return page, more, nil
}

var errAdminsOnly = &RefusedError{"this needs the session of an admin, or an access key for users"}

// EndSession ends the session with this id. It is for admins, of sessions of
// users whom they may change. [ErrUnknown]: there is none.
func (a *Accounts) EndSession(ctx context.Context, by Actor, id string) error {
	if !by.Administers() {
		return errAdminsOnly
	}
	raw, err := a.store.Get(ctx, sessions, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrUnknown
	case err != nil:
		return fmt.Errorf("reading a session: %w", err)
	}
	owner := raw.Lookup("user")
	if store.ValidID(owner) != nil {
		return ErrUnknown // the original server's
	}
	of, err := a.byID(ctx, owner)
	switch {
	case errors.Is(err, ErrUnknown): // whoever it was is gone
	case err != nil:
		return err
	default:
		if err := by.mayAct(of); err != nil {
			return err
		}
	}
	return a.endSession(ctx, id)
}

func (a *Accounts) endSession(ctx context.Context, id string) error {
	err := a.store.Apply(ctx, store.Delete(sessions, id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrUnknown
	case err != nil:
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// sessionsOf lists the ids of a user's sessions, the oldest first, some at a time.
func (a *Accounts) sessionsOf(ctx context.Context, of account, limit int) ([]any, error) {
	raws, err := a.store.Find(ctx, sessions, store.Query{Where: bson.D{{Key: "user", Value: of.id}}, Order: "createdOn", Limit: limit})
	if err != nil {
		return nil, fmt.Errorf("looking for a user's sessions: %w", err)
	}
	return idsOf(raws), nil
}
