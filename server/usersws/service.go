package usersws

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/time/rate"

	"gatehouse/events"
	"gatehouse/server/fault"
	"gatehouse/server/gate"
	"gatehouse/server/hub"
	"gatehouse/server/wsconn"
	"gatehouse/users"
	"gatehouse/users/keys"
)

// Meta is what users say of themselves. Who may see and set it is for it to
// decide; see [users.Accounts].
type Meta interface {
	Get(ctx context.Context, by users.Actor, name string) (users.User, error)
	MetaValue(ctx context.Context, by users.Actor, name, property string) (username string, value bson.RawValue, err error)
	SetMeta(ctx context.Context, by users.Actor, name string, meta bson.D) (username string, err error)
	SetMetaValue(ctx context.Context, by users.Actor, name, property string, value any) (username string, err error)
}

// Keys tells whether a key is still good while its socket is open.
type Keys interface {
	Get(ctx context.Context, id string) (keys.Key, error)
}

// Settings may change while sockets are open.
type Settings struct {
	PublishScope      string  // the scope that a broadcast needs; empty: none
	MessagesPerSecond float64 // frames a socket may send; 0: no limit
}

// Options for [New].
type Options struct {
	Log     *events.Log
	Hub     *hub.Hub
	Sockets *wsconn.Server
	Store   events.Applier
	Keys    Keys
	Meta    Meta
}

// Service is the dialect's server.
type Service struct {
	o        Options
	settings atomic.Pointer[Settings]

	ctx    context.Context //nolint:containedctx // of what sockets ask for; it ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex     // of cancel against tasks
	tasks  sync.WaitGroup // sockets that catch up
}

// New makes the service, to be ended with Close.
func New(o Options, s Settings) *Service {
	v := &Service{o: o}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.SetSettings(s)
	return v
}

// SetSettings replaces the settings; sockets that are open keep the rate that
// they began with.
func (v *Service) SetSettings(s Settings) { v.settings.Store(&s) }

// Close ends what sockets are still waiting for. The sockets themselves are
// ended by their server.
func (v *Service) Close() {
	v.mu.Lock()
	v.cancel()
	v.mu.Unlock()
	v.tasks.Wait()
}

// Peer is who opens a socket: the gate has approved its Origin already.
type Peer struct {
	Remote  netip.Addr
	Origins []string  // the Origin headers as they came
	Key     *keys.Key // the access key that it showed, if any

	// Session tells who is logged in, each time anew; nil where no session
	// was shown.
	Session func(context.Context) (users.Actor, error)

	// Approved asks the gate again, as it is by then.
	Approved func() bool
}

// Serve answers a handshake.
func (v *Service) Serve(w http.ResponseWriter, r *http.Request, p Peer) {
	q := r.URL.Query()
	filter, err := events.ParseFilter(q.Get("events"), q.Get("username"))
	if err != nil {
		fault.Write(w, fault.New(fault.InvalidParameter, err.Error()))
		return
	}
	s := &session{service: v, origins: slices.Clone(p.Origins), actor: p.Session}
	if p.Key != nil {
		s.keyID = p.Key.ID
	}
	if n := v.settings.Load().MessagesPerSecond; n > 0 {
		s.limiter = rate.NewLimiter(rate.Limit(n), max(1, int(n)))
	}
	// The place in the log is taken before the handshake is answered: nothing
	// that is committed after it can be missed.
	since := q.Get("since")
	reader, err := v.o.Log.Open(r.Context(), since)
	lost := errors.Is(err, events.ErrHistoryLost)
	if lost {
		reader, err = v.o.Log.Open(r.Context(), "")
	}
	if err != nil {
		fault.Write(w, err)
		return
	}
	conn, err := v.o.Sockets.Upgrade(w, r, p.Remote, s)
	if err != nil {
		reader.Close()
		return // it has been answered
	}
	s.conn, s.filter = conn, filter
	s.member = v.o.Hub.Member(conn, filter, s.resume)
	if lost {
		conn.Send(reply(v.lost()))
	}
	conn.Start()
	if !p.Approved() {
		// The list changed while the socket was on its way in, and nobody
		// has looked at it since.
		conn.Close(wsconn.ClosePolicy, "origin is no longer approved")
	}
	if lost || since == "" {
		s.join(reader)
		return
	}
	v.run(func() { s.catchUp(reader) })
}

// run does something for a socket in the background, until Close.
func (v *Service) run(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx.Err() == nil {
		v.tasks.Go(f)
	}
}

// lost tells a socket that what it missed cannot be had.
func (v *Service) lost() []byte {
	return events.Event{Type: events.Error, Body: events.LostBody(v.o.Log.Oldest(v.ctx), "")}.JSON()
}

// Approved reports whether the gate would still let this connection in; true for
// what is none of this dialect.
func Approved(c *wsconn.Conn, g *gate.Gate, missing gate.Missing) bool {
	s, ok := c.Handler().(*session)
	return !ok || g.Judge(s.origins, missing).Approved
}

// reply is a frame to one socket.
func reply(payload []byte) *wsconn.Batch { return wsconn.NewBatch(wsconn.TextFrame(payload), "") }
