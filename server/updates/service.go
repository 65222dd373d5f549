package updates

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/follow"
	"gatehouse/server/socketio"
	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/profiles"
)

// subscriptions is the collection by which a subscription that was made at one
// node reaches the one that holds the socket. Its documents exist for the feed
// alone.
const subscriptions = "updates.subscriptions"

// Collections declares what this package keeps in the store.
func Collections() []store.Collection {
	return []store.Collection{profiles.Collection(), {Name: subscriptions, Transient: true}}
}

// Store is the store as this package needs it.
type Store interface {
	Apply(ctx context.Context, writes ...store.Write) error
	Watch(ctx context.Context, start store.Start, collections ...string) (store.Feed, error)
}

// Options for [New]. Durations and sizes that are 0 have the defaults of package
// socketio.
type Options struct {
	Store    Store
	Profiles *profiles.Profiles
	Sockets  *wsconn.Server
	Logger   *slog.Logger

	// Username gives a user's name as it is stored, or [users.ErrUnknown].
	Username func(ctx context.Context, name string) (string, error)

	// MaxBodyBytes is how large a body of the profile API may be; 0: 256 KiB.
	MaxBodyBytes int

	PingInterval   time.Duration
	PingTimeout    time.Duration
	ConnectTimeout time.Duration
	MaxPayload     int
	QueueBytes     int
}

// Service is the dialect's server.
type Service struct {
	o    Options
	io   *socketio.Server
	book *book
	feed *follow.Feed
}

// origins keeps of a request what the gate may be asked again.
type origins []string

// New makes the service; Run makes it tell of changes. Remote is the address
// that a request came from.
func New(o Options, remote func(*http.Request) netip.Addr) *Service {
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = 256 << 10
	}
	v := &Service{o: o, book: newBook()}
	v.feed = follow.New(follow.Options{
		Store:       o.Store,
		Collections: []string{profiles.Name, subscriptions},
		Logger:      o.Logger,
		Dialect:     "/updates",
		Changed:     v.seen,
		Lost:        v.endAll,
	})
	v.io = socketio.New(socketio.Options{
		PingInterval:   o.PingInterval,
		PingTimeout:    o.PingTimeout,
		ConnectTimeout: o.ConnectTimeout,
		MaxPayload:     o.MaxPayload,
		QueueBytes:     o.QueueBytes,
		Sockets:        o.Sockets,
		Remote:         remote,
		Peer:           func(r *http.Request) any { return origins(append([]string(nil), r.Header.Values("Origin")...)) },
	})
	n := v.io.Of("/updates")
	n.Authorize = func(s *socketio.Socket, _ json.RawMessage) error {
		s.Data = newSubscriber(s, newToken())
		return nil
	}
	n.Connected = func(s *socketio.Socket) {
		one := s.Data.(*subscriber)
		v.book.add(one)
		_ = s.Emit("session", map[string]string{"sessionToken": one.token}) // or it has gone
	}
	n.Disconnected = func(s *socketio.Socket, _ string) { v.book.remove(s.Data.(*subscriber)) }
	return v
}

// newToken is 160 random bits, in characters that can stand in a URL.
func newToken() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // it does not fail
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// ServeHTTP answers the requests of Socket.IO.
func (v *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { v.io.ServeHTTP(w, r) }

// Opened is closed when the feed was open for the first time: before that a
// change could be missed.
func (v *Service) Opened() <-chan struct{} { return v.feed.Opened() }

// Drain refuses new connections and ends those that poll.
func (v *Service) Drain() { v.io.Drain() }

// Close ends all connections. Their clients come back by themselves.
func (v *Service) Close() { v.io.Close() }

// Reconsider ends the connections whose Origin is no longer approved.
func (v *Service) Reconsider(approved func(origins []string) bool) {
	v.io.End(func(peer any) bool {
		o, ok := peer.(origins)
		return ok && !approved(o)
	})
}

// Run tells of changes until ctx ends.
func (v *Service) Run(ctx context.Context) error { return v.feed.Run(ctx) }

// endAll ends all sockets: their clients come back, and read afresh.
func (v *Service) endAll() { v.book.each(func(s *subscriber) { s.socket.Close() }) }

// seen follows a change: a subscription, or one of a character.
func (v *Service) seen(_ context.Context, c store.Change) {
	if c.Collection != subscriptions {
		v.changed(c)
		return
	}
	token, _ := c.After.Lookup("token").StringValueOK()
	key, _ := c.After.Lookup("key").StringValueOK()
	if s := v.book.subscribe(token, key); s != nil {
		s.socket.Close()
	}
}

// changed tells the subscribers of a character, under the name that it had and
// under the one that it has, each in the spelling that was stored last.
func (v *Service) changed(c store.Change) {
	var keys []string
	names := map[string][2]string{}
	for _, doc := range []bson.Raw{c.Before, c.After} {
		name, named := doc.Lookup("name").StringValueOK()
		world, placed := doc.Lookup("world").StringValueOK()
		if named && placed {
			key := profiles.Key(world, name)
			keys = append(keys, key)
			names[key] = [2]string{world, name}
		}
	}
	for _, key := range keys {
		for _, s := range v.book.take(key) { // the second time of one key nobody
			_ = s.socket.Emit("character.updated", map[string]string{"name": names[key][1], "server": names[key][0]}) // or it has gone
		}
	}
}

// subscribe has the socket of a session token be told of the next change of a
// character. A token that is of no socket is no error: nobody is told.
func (v *Service) subscribe(ctx context.Context, token, world, name string) error {
	if !plausible(token) || profiles.Check(world, name) != nil { // nobody can be called so
		return nil
	}
	return v.o.Store.Apply(ctx, store.Insert(subscriptions, bson.D{{Key: "token", Value: digest(token)}, {Key: "key", Value: profiles.Key(world, name)}}))
}
