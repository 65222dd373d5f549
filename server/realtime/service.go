package realtime

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"gatehouse/server/follow"
	"gatehouse/server/hub"
	"gatehouse/server/wsconn"
	"gatehouse/users/resources"
)

// readTimeout is how long a subscription, and a request, waits for the store.
const readTimeout = 4500 * time.Millisecond

// Options for [New].
type Options struct {
	Store     follow.Store
	Resources *resources.Resources
	Sockets   *wsconn.Server
	Logger    *slog.Logger

	// Credentials are the collections of the [Credential] by which people are
	// let in.
	Credentials []string

	// Username gives a user's name as it is stored, or [users.ErrUnknown].
	Username func(ctx context.Context, name string) (string, error)
}

// Settings may change while sockets are open.
type Settings struct {
	Subscriptions     int     // how many one socket may have
	QueueBytes        int     // more than this waiting closes a socket with 1013
	MessagesPerSecond float64 // frames a socket may send; 0: no limit
}

// Service is the dialect's server.
type Service struct {
	o        Options
	settings atomic.Pointer[Settings]
	book     *book
	sessions *sessions
	stamps   *stamps
	began    time.Time
	feed     *follow.Feed

	ctx    context.Context //nolint:containedctx // of what sockets ask for; it ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex     // of cancel against tasks
	tasks  sync.WaitGroup // sockets that fall behind
}

// New makes the service; Run makes it tell of changes, and Close ends it.
func New(o Options, s Settings) *Service {
	v := &Service{
		o:        o,
		book:     newBook(),
		sessions: newSessions(),
		stamps:   newStamps(),
		began:    time.Now(),
	}
	v.feed = follow.New(follow.Options{
		Store:       o.Store,
		Collections: append(resources.Names(), o.Credentials...),
		Logger:      o.Logger,
		Dialect:     "/realtime",
		Changed:     v.seen,
		Lost:        v.endAll,
	})
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.SetSettings(s)
	return v
}

// SetSettings replaces the settings. Sockets that are open keep the rate that
// they began with, and the subscriptions that they have.
func (v *Service) SetSettings(s Settings) { v.settings.Store(&s) }

// Opened is closed when the feed was open for the first time: before that a
// change could be missed.
func (v *Service) Opened() <-chan struct{} { return v.feed.Opened() }

// Close ends what sockets are waiting for. The sockets themselves are ended by
// their server.
func (v *Service) Close() {
	v.mu.Lock()
	v.cancel()
	v.mu.Unlock()
	v.tasks.Wait()
}

// start runs something for a socket in the background, until Close.
func (v *Service) start(f func()) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx.Err() != nil {
		return false
	}
	v.tasks.Go(f)
	return true
}

// Peer is who opens a socket: the gate has approved its Origin already.
type Peer struct {
	Remote     netip.Addr
	Origins    []string // the Origin headers as they came
	Protocol   string   // see [Headers]
	Place      resources.Place
	Viewer     resources.Viewer
	Credential Credential

	// Valid asks once more whether the credential is good.
	Valid func(ctx context.Context) bool

	// Approved asks the gate again, as it is by then.
	Approved func() bool
}

// Serve answers a handshake.
func (v *Service) Serve(w http.ResponseWriter, r *http.Request, p Peer) {
	s := &session{service: v, peer: p}
	if n := v.settings.Load().MessagesPerSecond; n > 0 {
		s.limiter = rate.NewLimiter(rate.Limit(n), max(1, int(n)))
	}
	conn, err := v.o.Sockets.UpgradeOn(w, r, p.Remote, s, wsconn.Terms{TooSlow: wsconn.CloseTryAgain, Subprotocol: p.Protocol})
	if err != nil {
		return // it has been answered
	}
	s.conn = conn
	s.out = hub.NewLatest[*entry](conn, v.ctx.Done(), v.start)
	s.peer.Valid, s.peer.Approved = nil, nil // what they hold is not an open socket's
	v.sessions.add(s)
	conn.Start()
	// Nobody has looked at the socket between the first look and add.
	ctx, cancel := context.WithTimeout(v.ctx, readTimeout)
	defer cancel()
	switch {
	case !p.Approved():
		conn.Close(wsconn.ClosePolicy, "origin is no longer approved")
	case !p.Valid(ctx):
		conn.Close(wsconn.ClosePolicy, credentialsEnded)
	}
}

const credentialsEnded = "the session has ended, or the access key was revoked"

// Reconsider ends the sockets whose Origin is no longer approved, and those of
// nobody who is known, where that is no longer allowed.
func (v *Service) Reconsider(approved func(origins []string) bool, anonymous bool) {
	for _, s := range v.sessions.list() {
		switch {
		case !approved(s.peer.Origins):
			s.conn.Close(wsconn.ClosePolicy, "origin is no longer approved")
		case !anonymous && s.peer.Viewer.UserID == "":
			s.conn.Close(wsconn.ClosePolicy, "this needs a session or an access key now")
		}
	}
}

// How the service is.
const (
	OK       = "ok"
	Degraded = "degraded"
)

// Status is how the service is, and how much it has to do.
type Status struct {
	Status        string `json:"status"` // [OK] or [Degraded]
	UptimeSeconds int64  `json:"uptimeSeconds"`
	Connections   int    `json:"connections"`
	Subscriptions int    `json:"subscriptions"`
}

// Status tells how the service is: degraded while it does not follow the store.
func (v *Service) Status() Status {
	s := Status{OK, int64(time.Since(v.began).Seconds()), v.sessions.count(), v.book.size()}
	if !v.feed.Follows() {
		s.Status = Degraded
	}
	return s
}
