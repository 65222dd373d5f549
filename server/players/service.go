package players

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/server/follow"
	"gatehouse/server/wsconn"
	"gatehouse/users/keys"
	"gatehouse/users/players"
	"gatehouse/users/resources"
)

// patience is how long a request waits for the store.
const patience = 4500 * time.Millisecond

// closeUnauthorized is what a socket is closed with that has no good ticket, or
// whose access key was revoked.
const closeUnauthorized = 3000

// Keys are the access keys.
type Keys interface {
	Verify(ctx context.Context, token string) (keys.Key, error)
	Get(ctx context.Context, id string) (keys.Key, error)
}

// Options for [New].
type Options struct {
	Store     follow.Store
	Keys      Keys
	Players   *players.Players
	Resources *resources.Resources
	Sockets   *wsconn.Server
	Logger    *slog.Logger
}

// Settings may change while sockets are open.
type Settings struct {
	Organization, Project string // whose live configuration "game" is that of games

	// How many frames a socket may send in a minute, before it is identified and
	// once it is, and how many requests a key may make from one address: those
	// that let somebody in, and all others. Sockets that are open, and those who
	// have asked, keep the rates that they began with for a while.
	StrangersPerMinute int
	PlayersPerMinute   int
	EntriesPerMinute   int
	RequestsPerMinute  int
}

// Service is the dialect's server.
type Service struct {
	o        Options
	settings atomic.Pointer[Settings]
	feed     *follow.Feed
	rates    *rates
	book     *book

	ctx    context.Context //nolint:containedctx // of what sockets ask for; it ends with Close
	cancel context.CancelFunc

	mu       sync.Mutex
	sessions map[*session]struct{}
	byKey    map[string]map[*session]struct{}
	expected map[string]chan struct{} // identifications that wait to be seen in the feed
}

// New makes the service; Run makes it tell, and Close ends it.
func New(o Options, s Settings) *Service {
	v := &Service{
		o:        o,
		rates:    newRates(),
		book:     newBook(),
		sessions: map[*session]struct{}{},
		byKey:    map[string]map[*session]struct{}{},
		expected: map[string]chan struct{}{},
	}
	v.feed = follow.New(follow.Options{
		Store:       o.Store,
		Collections: []string{players.PresenceCollection, players.MembersCollection, players.EventsCollection, keysName, configName},
		Logger:      o.Logger,
		Dialect:     "players",
		Changed:     v.seen,
		Lost:        v.endAll,
	})
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.SetSettings(s)
	return v
}

// SetSettings replaces the settings.
func (v *Service) SetSettings(s Settings) { v.settings.Store(&s) }

// Opened is closed when the feed was open for the first time: before that
// something could be missed.
func (v *Service) Opened() <-chan struct{} { return v.feed.Opened() }

// Close ends what sockets are waiting for. The sockets themselves are ended by
// their server.
func (v *Service) Close() { v.cancel() }

// Serve answers a handshake. Whatever the ticket, the socket opens; one that is
// good for nothing closes it at once.
func (v *Service) Serve(w http.ResponseWriter, r *http.Request, remote netip.Addr, approved func(origins []string) bool) {
	s := &session{service: v, origins: append([]string(nil), r.Header.Values("Origin")...), limiter: perMinute(v.settings.Load().StrangersPerMinute)}
	conn, err := v.o.Sockets.UpgradeOn(w, r, remote, s, wsconn.Terms{Prompt: true})
	if err != nil {
		return // it has been answered
	}
	s.conn = conn
	key, err := v.admitted(r.Context(), r.URL.Query().Get("ticket"))
	s.key = key
	switch {
	case errors.Is(err, players.ErrTicket):
		conn.Close(closeUnauthorized, "")
	case err != nil:
		conn.Close(wsconn.CloseTryAgain, "the store does not answer")
	default:
		conn.Send(message("v1.connected", struct{}{}))
		v.add(s)
	}
	conn.Start()
	if err != nil {
		return
	}
	// Nobody has looked at the socket between the first look and add.
	if !approved(s.origins) {
		conn.Close(wsconn.ClosePolicy, "origin is no longer approved")
	}
	if _, err := v.o.Keys.Get(v.ctx, key.ID); errors.Is(err, keys.ErrUnknown) {
		conn.Close(closeUnauthorized, "")
	}
}

// admitted returns the key of a ticket, which is used up by that.
func (v *Service) admitted(ctx context.Context, ticket string) (keys.Key, error) {
	id, err := v.o.Players.UseTicket(ctx, ticket)
	if err != nil {
		return keys.Key{}, err
	}
	key, err := v.o.Keys.Get(ctx, id)
	if errors.Is(err, keys.ErrUnknown) {
		err = players.ErrTicket
	}
	return key, err
}

func (v *Service) add(s *session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sessions[s] = struct{}{}
	if v.byKey[s.key.ID] == nil {
		v.byKey[s.key.ID] = map[*session]struct{}{}
	}
	v.byKey[s.key.ID][s] = struct{}{}
}

func (v *Service) remove(s *session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, s)
	delete(v.byKey[s.key.ID], s)
	if len(v.byKey[s.key.ID]) == 0 {
		delete(v.byKey, s.key.ID)
	}
}

// expect returns what is closed when an identification was told.
func (v *Service) expect(as string) <-chan struct{} {
	seen := make(chan struct{})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expected[as] = seen
	return seen
}

func (v *Service) forget(as string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.expected, as)
}

// Reconsider ends the sockets whose Origin is no longer approved.
func (v *Service) Reconsider(approved func(origins []string) bool) {
	for _, s := range v.list(func(s *session) bool { return !approved(s.origins) }) {
		s.conn.Close(wsconn.ClosePolicy, "origin is no longer approved")
	}
}

// list is the sockets that are wanted.
func (v *Service) list(wanted func(*session) bool) (list []*session) {
	v.mu.Lock()
	all := make([]*session, 0, len(v.sessions))
	for s := range v.sessions {
		all = append(all, s)
	}
	v.mu.Unlock()
	for _, s := range all {
		if wanted(s) {
			list = append(list, s)
		}
	}
	return list
}
