package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"gatehouse/events"
	"gatehouse/server/api"
	"gatehouse/server/fault"
	"gatehouse/server/hub"
	gameplayers "gatehouse/server/players"
	"gatehouse/server/realtime"
	"gatehouse/server/updates"
	"gatehouse/server/usersws"
	"gatehouse/server/wsconn"
	"gatehouse/users"
	"gatehouse/users/keys"
	"gatehouse/users/mail"
	"gatehouse/users/players"
	"gatehouse/users/profiles"
	"gatehouse/users/resources"
)

// stopTimeout bounds each step of Stop that has no time of its own, and of Apply.
const stopTimeout = 5 * time.Second

// Server is made by [New], started once and stopped once.
type Server struct {
	o        Options
	settings atomic.Pointer[compiled]
	applying sync.Mutex

	keys      *keys.Keys
	log       *events.Log
	hub       *hub.Hub
	sockets   *wsconn.Server
	users     *usersws.Service
	events    *api.Events
	documents *api.Documents
	members   *users.Accounts
	outbox    *mail.Outbox
	accounts  *api.Accounts
	updates   *updates.Service
	realtime  *realtime.Service
	gamers    *players.Players
	players   *gameplayers.Service

	http     *http.Server
	listener net.Listener
	waiting  atomic.Pointer[error] // why the store is not prepared yet
	stopping chan struct{}
	refusals *rate.Limiter // of log lines about refused origins
	stopOnce sync.Once
	stopErr  error

	cancel context.CancelFunc // ends what runs in the background
	tasks  sync.WaitGroup
	failed chan error
}

// New makes a server. Errors are of the options.
func New(o Options) (*Server, error) {
	settings, rules, err := o.Settings.compile()
	if err != nil {
		return nil, err
	}
	trusted, err := parseProxies(o.TrustedProxies)
	if err != nil {
		return nil, err
	}
	if o.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey); err != nil {
			return nil, fmt.Errorf("the certificate cannot be used (websocket.tls): %w", err)
		}
	}
	s := &Server{
		o:        o,
		keys:     keys.New(o.Store),
		stopping: make(chan struct{}),
		refusals: rate.NewLimiter(2, 20),
		failed:   make(chan error, 8),
	}
	s.settings.Store(settings)
	preparing := errPreparing
	s.waiting.Store(&preparing)
	s.log = events.NewLog(events.Options{Store: o.Store, Rules: rules, Frame: wsconn.TextFrame, History: o.History, StopAtGap: o.StopAtGap, Logger: o.Logger})
	s.hub = hub.New(s.log, 0)
	s.sockets, err = wsconn.NewServer(wsconn.Options{
		Limits:    settings.limits(),
		PingEvery: o.PingEvery,
		Refuse:    fault.Write,
	})
	if err != nil {
		return nil, err
	}
	s.members = users.New(users.Options{Store: o.Store, Logger: o.Logger, Wake: func() { s.outbox.Wake() }, Owned: owned()}, settings.Users)
	sender := o.Mail
	if sender == nil {
		sender = mail.NewLog(o.Logger)
	}
	s.outbox = mail.New(mail.Options{Store: o.Store, Composer: s.members, Sender: sender, Logger: o.Logger})
	s.users = usersws.New(usersws.Options{Log: s.log, Hub: s.hub, Sockets: s.sockets, Store: o.Store, Keys: s.keys, Meta: s.members}, settings.users())
	s.events = api.NewEvents(api.Options{
		Log:          s.log,
		Store:        o.Store,
		MaxBodyBytes: func() int { return s.settings.Load().MaxMessageBytes },
		Streams:      s.sockets,
		PingEvery:    o.PingEvery,
		Stopping:     s.stopping,
		Drain:        func() time.Duration { return s.settings.Load().Drain },
	})
	s.documents = api.NewDocuments(api.DocumentsOptions{
		Store:        o.Store,
		Open:         s.open,
		MaxBodyBytes: func() int { return s.settings.Load().MaxMessageBytes },
	})
	s.accounts = api.NewAccounts(api.AccountsOptions{
		Accounts:     s.members,
		MaxBodyBytes: func() int { return s.settings.Load().MaxMessageBytes },
		Secure: func() bool {
			return o.TLSCert != "" || strings.HasPrefix(strings.ToLower(s.settings.Load().Users.URL), "https:")
		},
	})
	username := func(ctx context.Context, name string) (string, error) {
		u, err := s.members.Get(ctx, users.Program(), name)
		return u.Username, err
	}
	s.updates = updates.New(updates.Options{
		Store:          o.Store,
		Profiles:       profiles.New(o.Store),
		Sockets:        s.sockets,
		Logger:         o.Logger,
		Username:       username,
		PingInterval:   o.SocketIO.PingInterval,
		PingTimeout:    o.SocketIO.PingTimeout,
		ConnectTimeout: o.SocketIO.ConnectTimeout,
		MaxPayload:     o.SocketIO.MaxPayload,
		QueueBytes:     settings.QueueBytes,
	}, trusted.address)
	kept := resources.New(o.Store)
	s.realtime = realtime.New(realtime.Options{
		Store:       o.Store,
		Resources:   kept,
		Sockets:     s.sockets,
		Logger:      o.Logger,
		Credentials: credentials,
		Username:    username,
	}, settings.realtime())
	s.gamers = players.New(players.Options{Store: o.Store, Logger: o.Logger}, settings.Players.Kept)
	s.players = gameplayers.New(gameplayers.Options{
		Store:     o.Store,
		Keys:      s.keys,
		Players:   s.gamers,
		Resources: kept,
		Sockets:   s.sockets,
		Logger:    o.Logger,
	}, settings.Players.Sockets)
	s.http = &http.Server{
		Handler:           s.routes(trusted),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug), // broken handshakes of TLS and the like
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Accounts are the users, as the server keeps them.
func (s *Server) Accounts() *users.Accounts { return s.members }

// url is where people reach the server, where no other is configured: on this
// machine.
func (s *Server) url(configured string) string {
	if configured != "" {
		return strings.TrimSuffix(configured, "/")
	}
	scheme, port := "http", strconv.Itoa(s.o.Port)
	if s.o.TLSCert != "" {
		scheme = "https"
	}
	if s.listener != nil {
		if a, ok := s.listener.Addr().(*net.TCPAddr); ok {
			port = strconv.Itoa(a.Port)
		}
	}
	return scheme + "://" + net.JoinHostPort("localhost", port)
}

// configureMembers gives the accounts their settings.
func (s *Server) configureMembers(n users.Settings) {
	n.URL = s.url(n.URL)
	s.members.SetSettings(n)
}

// Failed gives the error of a part that ended by itself; the server should be
// stopped then.
func (s *Server) Failed() <-chan error { return s.failed }

// Apply replaces the settings. Settings that do not compile are an error, and the
// old ones stay. Sockets whose Origin is no longer approved are closed.
func (s *Server) Apply(n Settings) error {
	settings, rules, err := n.compile()
	if err != nil {
		return err
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if s.waiting.Load() == nil { // otherwise they are declared with the rest
		if err := s.declare(ctx, rules); err != nil {
			return err
		}
	}
	s.settings.Store(settings)
	s.sockets.SetLimits(settings.limits())
	s.users.SetSettings(settings.users())
	s.realtime.SetSettings(settings.realtime())
	s.gamers.SetSettings(settings.Players.Kept)
	s.players.SetSettings(settings.Players.Sockets)
	s.configureMembers(settings.Users)
	s.log.SetRules(rules)
	s.sockets.Each(func(c *wsconn.Conn) {
		if !usersws.Approved(c, settings.gate, settings.MissingOrigin) {
			c.Close(wsconn.ClosePolicy, "origin is no longer approved")
		}
	})
	approved := func(origins []string) bool { return len(origins) == 0 || s.approves(origins) }
	s.updates.Reconsider(approved)
	s.realtime.Reconsider(approved, settings.Realtime.Anonymous)
	s.players.Reconsider(approved)
	return nil
}

// Stop ends the server: it is not ready first, tells sockets to go over the drain
// time, then answers what is still asked, then ends. It is idempotent, and takes
// no longer than the drain time and a few seconds for each step.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() { s.stopErr = s.stop() })
	return s.stopErr
}

func (s *Server) stop() error {
	close(s.stopping)
	if s.cancel == nil { // never started
		s.updates.Close()
		s.realtime.Close()
		s.players.Close()
		s.users.Close()
		s.sockets.Close()
		return nil
	}
	var errs []error
	step := func(name string, limit time.Duration, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := f(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	over := s.settings.Load().Drain
	s.updates.Drain()
	step("telling sockets to go", over+stopTimeout, func(ctx context.Context) error {
		if left := s.sockets.Drain(ctx, over); left > 0 {
			s.o.Logger.Warn("some sockets did not answer that the server is going down", "sockets", left)
		}
		return nil
	})
	step("ending requests", stopTimeout, func(ctx context.Context) error {
		err := s.http.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			s.o.Logger.Warn("some requests did not end in time and were cut off")
			return nil
		}
		return err
	})
	_ = s.http.Close()
	s.updates.Close()
	s.realtime.Close()
	s.players.Close()
	s.users.Close()
	s.sockets.Close()
	s.cancel()
	s.tasks.Wait()
	return errors.Join(errs...)
}
