package players

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/store"
	"gatehouse/users/turns"
)

// The errors of this package, to be compared with errors.Is. Errors of the store
// pass through beside them.
var (
	// ErrUnknown: there is no such player or alias.
	ErrUnknown = errors.New("there is no such player")

	// ErrTicket: the ticket is none, was used, or has expired.
	ErrTicket = errors.New("the ticket is none that is good")

	// ErrToken: the socket token is wrong, or has expired.
	ErrToken = errors.New("the socket token is wrong or has expired")

	// ErrBusy: others change the player all the time.
	ErrBusy = errors.New("others change this all the time; try again in a moment")
)

// The collections.
const (
	players  = "players"
	aliases  = "players.aliases"
	tickets  = "players.tickets"
	presence = "players.presence"
	sockets  = "players.sockets"
	nodes    = "players.nodes"
	channels = "players.channels"
	members  = "players.members"
	storage  = "players.storage"
	sweeps   = "players.sweeps"

	subscriptions = "players.subscriptions"
)

// PresenceCollection is where presence is kept: its changes are what is told.
const PresenceCollection = presence

// Collections declares what this package keeps in the store.
func Collections() []store.Collection {
	return []store.Collection{
		{Name: players},
		{Name: aliases, Indexes: []store.Index{{Fields: []string{"service", "identifier"}, Unique: true}, {Fields: []string{"player"}}}, Secret: []string{"token"}},
		{Name: tickets, Expiry: "expires"},
		{Name: presence},
		{Name: sockets, Indexes: []store.Index{{Fields: []string{"player"}}, {Fields: []string{"node"}}}},
		{Name: nodes},
		{Name: channels, Indexes: []store.Index{{Fields: []string{"private"}}}},
		{Name: members, Indexes: []store.Index{{Fields: []string{"channel"}}, {Fields: []string{"alias"}}, {Fields: []string{"player"}}}},
		{Name: storage, Indexes: []store.Index{{Fields: []string{"channel"}}}},
		{Name: subscriptions, Indexes: []store.Index{{Fields: []string{"subscriber", "subscribedTo"}, Unique: true}, {Fields: []string{"subscriber"}}, {Fields: []string{"subscribedTo"}}}},
		{Name: sweeps},
		{Name: EventsCollection, Transient: true},
	}
}

// Settings may change while players play.
type Settings struct {
	TicketLifetime time.Duration
	TokenLifetime  time.Duration // of socket tokens
}

// Options for [New].
type Options struct {
	Store  store.Store
	Logger *slog.Logger

	// Debounce is how long a player may be without a socket before it is
	// offline; 0: a second. Lease is how long a process that does not write is
	// believed to live; 0: 15 seconds.
	Debounce time.Duration
	Lease    time.Duration
}

// Players are the players in a store.
type Players struct {
	o        Options
	store    store.Store
	settings atomic.Pointer[Settings]
	node     *node
	turns    *turns.Turns[int32] // of who changes a channel
}

// New returns the players in a store in which [Collections] are declared, or will
// be before they are used.
func New(o Options, s Settings) *Players {
	if o.Debounce <= 0 {
		o.Debounce = time.Second
	}
	if o.Lease <= 0 {
		o.Lease = 15 * time.Second
	}
	p := &Players{o: o, store: o.Store, node: newNode(), turns: turns.New[int32]()}
	p.SetSettings(s)
	return p
}

// SetSettings replaces the settings; what was given out keeps its lifetime.
func (p *Players) SetSettings(s Settings) { p.settings.Store(&s) }

// digest is what is stored of a secret. All of them are random, so that a fast
// hash is right.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// again is [store.Again], with this package's word for who does not come to it.
func again(ctx context.Context, f func() error) error {
	err := store.Again(ctx, f)
	if errors.Is(err, store.ErrConflict) {
		return ErrBusy
	}
	return err
}

// atOnce is how many things forEach does at once.
const atOnce = 8

// forEach does something for each number below n, some at once, and returns the
// first error in their order.
func forEach(n int, f func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	var next atomic.Int64
	for range min(n, atOnce) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = f(i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// together does several things at once.
func together(fs ...func() error) error {
	return forEach(len(fs), func(i int) error { return fs[i]() })
}

// met gives an error of a write the meaning that somebody came in between.
func met(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDuplicate) {
		return store.ErrConflict
	}
	return err
}

// moment is a time as BSON keeps it.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
