package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"gatehouse/events"
	"gatehouse/server/gate"
	gameplayers "gatehouse/server/players"
	"gatehouse/server/realtime"
	"gatehouse/server/usersws"
	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users"
	"gatehouse/users/mail"
	"gatehouse/users/players"
)

// Options for [New]. What may change while the server runs stands in Settings.
type Options struct {
	// Host and Port are where it listens: all interfaces for an empty host,
	// any free port for 0.
	Host string
	Port int

	// TLSCert and TLSKey are files; both empty: no TLS.
	TLSCert, TLSKey string

	// TrustedProxies are the addresses and networks whose X-Forwarded-For
	// counts.
	TrustedProxies []string

	// PingEvery is how often a socket is pinged; 0 is never.
	PingEvery time.Duration

	// History is how many events are kept ready in memory; 0: the default.
	History int

	// StopAtGap stops the server where events were lost, instead of going on
	// from now; either way every client is told.
	StopAtGap bool

	// Store keeps everything. The server does not close it.
	Store store.Store

	// Mail sends what is written to users; nil: the links are logged.
	Mail mail.Sender

	// SocketIO is how the update notifications are spoken.
	SocketIO SocketIO

	// Version is told by /healthz.
	Version string

	Logger   *slog.Logger
	Settings Settings
}

// SocketIO are the times and bounds of Socket.IO; what is 0 has the library's
// default.
type SocketIO struct {
	PingInterval   time.Duration
	PingTimeout    time.Duration
	ConnectTimeout time.Duration // from the connection to joining a namespace
	MaxPayload     int           // bytes of a POST, of a frame, and of a packet with its attachments
}

// Settings may change while the server runs.
type Settings struct {
	ApprovedSocketDomains []string
	MissingOrigin         gate.Missing
	PublishScope          string
	MaxMessageBytes       int
	QueueBytes            int
	MaxConnections        int
	MaxConnectionsPerIP   int
	MessagesPerSecond     float64
	Drain                 time.Duration // over how long sockets are told to go
	Rules                 []events.Rule
	Users                 users.Settings // an empty URL is this machine's
	Realtime              Realtime
	Players               Players
}

// Players is how games are played.
type Players struct {
	Kept    players.Settings     // tickets and socket tokens
	Sockets gameplayers.Settings // rates, and where the configuration of games is
}

// Realtime is how resources are followed.
type Realtime struct {
	Anonymous     bool // who shows no credentials may see what is nobody's own
	Subscriptions int  // how many one socket may have
}

func (s Settings) limits() wsconn.Limits {
	return wsconn.Limits{
		MaxMessageBytes:       s.MaxMessageBytes,
		QueueBytes:            s.QueueBytes,
		MaxConnections:        s.MaxConnections,
		MaxConnectionsPerAddr: s.MaxConnectionsPerIP,
	}
}

func (s Settings) users() usersws.Settings {
	return usersws.Settings{PublishScope: s.PublishScope, MessagesPerSecond: s.MessagesPerSecond}
}

// compiled is settings with what is made of them.
type compiled struct {
	Settings
	gate *gate.Gate
}

func (s Settings) compile() (*compiled, *events.Rules, error) {
	g, gateErr := gate.New(s.ApprovedSocketDomains)
	rules, rulesErr := events.NewRules(s.Rules...)
	if err := errors.Join(gateErr, rulesErr); err != nil {
		return nil, nil, err
	}
	return &compiled{s, g}, rules, nil
}

func (s Settings) realtime() realtime.Settings {
	return realtime.Settings{Subscriptions: s.Realtime.Subscriptions, QueueBytes: s.QueueBytes, MessagesPerSecond: s.MessagesPerSecond}
}

// proxies are the networks whose X-Forwarded-For counts.
type proxies []netip.Prefix

func parseProxies(list []string) (proxies, error) {
	var ps proxies
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(s); err != nil {
				return nil, fmt.Errorf("trustedProxies[%d]: %q is neither an address nor a network", i, s)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		ps = append(ps, p)
	}
	return ps, nil
}
