package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"gatehouse/config"
	"gatehouse/events"
	"gatehouse/server"
	"gatehouse/server/control"
	"gatehouse/server/gate"
	gameplayers "gatehouse/server/players"
	"gatehouse/store"
	"gatehouse/users"
	"gatehouse/users/keys"
	"gatehouse/users/mail"
	"gatehouse/users/players"
)

// newServeCommand makes `gatehouse serve`.
func newServeCommand(e *environment) *cobra.Command {
	var port int
	var host, level string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until it is told to stop (SIGTERM, SIGINT).

SIGHUP, and a change of the configuration file, are taken over while it runs: the
approved domains, the limits, the log level and the rules. A change that is not
valid is refused and logged, and the old configuration stays.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			flags := map[string]any{}
			if c.Flags().Changed("port") {
				flags["websocket.port"] = port
			}
			if c.Flags().Changed("host") {
				flags["websocket.host"] = host
			}
			if c.Flags().Changed("log-level") {
				flags["log.level"] = level
			}
			return serve(c.Context(), e, e.source(flags))
		},
	}
	c.Flags().IntVar(&port, "port", 0, "websocket.port: where to listen; 0 is any free port")
	c.Flags().StringVar(&host, "host", "", "websocket.host: which interface to listen on")
	c.Flags().StringVar(&level, "log-level", "", "log.level: debug, info, warn or error")
	return c
}

// serve runs the server until a signal or a failure ends it.
func serve(ctx context.Context, e *environment, source config.Source) (err error) {
	// From here to the very end: a signal that comes early waits for the
	// server, and a SIGHUP that comes late does nothing.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	cfg, err := source.Load()
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	logger := newLogger(e.stderr, cfg.Log, level)
	warnOfPatterns(logger, cfg)

	st, err := openStore(cfg, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()

	options := serverOptions(cfg, logger, st)
	if options.Mail, err = mailer(cfg.Mail); err != nil {
		return err
	}
	s, err := server.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := s.Start(ctx); err != nil {
		return err
	}

	kick := make(chan struct{}, 1)
	controls, err := control.Listen(cfg.Control.Socket, control.Options{
		Keys:    keys.New(st),
		Users:   s.Accounts(),
		Examine: func(ctx context.Context) []store.Finding { return examineStore(ctx, cfg, st) },
		Version: version,
		Address: s.Addr().String(),
		Reload:  func() error { return reload(source, kick) },
		Logger:  logger,
	})
	if err != nil {
		return err
	}
	background, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	tasks.Go(func() {
		if err := controls.Serve(background); err != nil {
			logger.Error("the control socket has failed", "error", err)
		}
	})
	tasks.Go(func() {
		if err := watch(background, source, cfg, kick, s, level, logger); err != nil {
			logger.Error("the configuration is no longer watched", "error", err)
		}
	})

	announce(e.stdout, cfg, s.Addr())
	return waitForEnd(ctx, s, signals, kick, logger)
}

// waitForEnd returns when the server is to stop: on a signal, or because a part
// of it has failed. A second signal ends the process at once.
func waitForEnd(ctx context.Context, s *server.Server, signals <-chan os.Signal, kick chan<- struct{}, logger *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.Failed():
			return err
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				send(kick)
				continue
			}
			logger.Info("stopping; a second signal ends it at once", "signal", sig.String())
			signal.Reset(syscall.SIGINT, syscall.SIGTERM)
			return nil
		}
	}
}

func send(kick chan<- struct{}) {
	select {
	case kick <- struct{}{}:
	default: // one is waiting already
	}
}

// reload says what is wrong with the configuration as it is now, or has it taken
// over.
func reload(source config.Source, kick chan<- struct{}) error {
	if _, err := source.Load(); err != nil {
		return err
	}
	send(kick)
	return nil
}

// watch takes changes of the configuration over.
func watch(ctx context.Context, source config.Source, cfg *config.Config, kick <-chan struct{}, s *server.Server, level *slog.LevelVar, logger *slog.Logger) error {
	apply := func(old, current *config.Config) {
		if err := s.Apply(settings(current)); err != nil {
			logger.Error("the changed configuration was refused; the old one stays", "error", err)
			return
		}
		setLevel(level, current.Log.Level)
		logger.Info("the changed configuration is in force")
		if keys := config.RestartOnly(old, current); len(keys) > 0 {
			logger.Warn("some changes need a restart", "keys", strings.Join(keys, " "))
		}
		if !slices.Equal(old.Websocket.ApprovedSocketDomains, current.Websocket.ApprovedSocketDomains) {
			warnOfPatterns(logger, current)
		}
	}
	refuse := func(err error) {
		var e *config.Error
		if !errors.As(err, &e) {
			logger.Error("the changed configuration was refused; the old one stays", "error", err)
			return
		}
		for _, p := range e.Problems {
			logger.Error("the changed configuration was refused; the old one stays", "key", p.Key, "problem", p.Message)
		}
	}
	return source.Watch(ctx, cfg, kick, apply, refuse)
}

// warnOfPatterns tells of patterns that approve more than they seem to.
func warnOfPatterns(logger *slog.Logger, cfg *config.Config) {
	g, err := gate.New(cfg.Websocket.ApprovedSocketDomains)
	if err != nil {
		return // the configuration was validated
	}
	for _, w := range g.Lint() {
		logger.Warn("a pattern approves more than it seems to", "key", "websocket.approvedSocketDomains["+strconv.Itoa(w.Index)+"]", "problem", w.Message)
	}
	if len(cfg.Websocket.ApprovedSocketDomains) == 0 {
		logger.Warn("websocket.approvedSocketDomains is empty: no origin is approved")
	}
}

func newLogger(w io.Writer, c config.Log, level *slog.LevelVar) *slog.Logger {
	setLevel(level, c.Level)
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func setLevel(level *slog.LevelVar, name string) {
	_ = level.UnmarshalText([]byte(name)) // the configuration was validated
}

// serverOptions are the configuration in the server's own words.
func serverOptions(c *config.Config, logger *slog.Logger, st store.Store) server.Options {
	return server.Options{
		Host:           c.Websocket.Host,
		Port:           c.Websocket.Port,
		TLSCert:        c.Websocket.TLS.Cert,
		TLSKey:         c.Websocket.TLS.Key,
		TrustedProxies: c.Websocket.TrustedProxies,
		PingEvery:      seconds(c.Websocket.PingSeconds),
		History:        c.Events.History,
		StopAtGap:      c.Events.HistoryLost == "stop",
		Store:          st,
		Version:        version,
		Logger:         logger,
		Settings:       settings(c),
		SocketIO: server.SocketIO{
			PingInterval:   milliseconds(c.SocketIO.PingIntervalMs),
			PingTimeout:    milliseconds(c.SocketIO.PingTimeoutMs),
			ConnectTimeout: milliseconds(c.SocketIO.ConnectTimeoutMs),
			MaxPayload:     c.SocketIO.MaxPayload,
		},
	}
}

func settings(c *config.Config) server.Settings {
	s := server.Settings{
		ApprovedSocketDomains: c.Websocket.ApprovedSocketDomains,
		MissingOrigin:         gate.Missing(c.Websocket.MissingOrigin == "allow"),
		PublishScope:          c.Websocket.PublishScope,
		MaxMessageBytes:       c.Websocket.MaxMessageBytes,
		QueueBytes:            c.Websocket.QueueBytes,
		MaxConnections:        c.Websocket.MaxConnections,
		MaxConnectionsPerIP:   c.Websocket.MaxConnectionsPerIP,
		MessagesPerSecond:     c.Websocket.MessagesPerSecond,
		Drain:                 seconds(c.Websocket.DrainSeconds),
	}
	s.Users = usersSettings(c.Users)
	s.Players = server.Players{
		Kept: players.Settings{TicketLifetime: seconds(c.Players.TicketSeconds), TokenLifetime: seconds(c.Players.SocketTokenSeconds)},
		Sockets: gameplayers.Settings{
			Organization:       c.Players.Organization,
			Project:            c.Players.Project,
			StrangersPerMinute: c.Players.FramesPerMinute,
			PlayersPerMinute:   c.Players.IdentifiedFramesPerMinute,
			EntriesPerMinute:   c.Players.TicketsPerMinute,
			RequestsPerMinute:  c.Players.RequestsPerMinute,
		},
	}
	s.Realtime = server.Realtime{Anonymous: c.Realtime.Anonymous, Subscriptions: c.Realtime.Subscriptions}
	for _, r := range c.Events.Rules {
		s.Rules = append(s.Rules, events.Rule{
			Number:     events.Type(r.Number),
			Name:       r.Name,
			Collection: r.Collection,
			Operation:  r.Operation,
			Fields:     r.Fields,
			Where:      r.Where,
			Properties: r.Properties,
			Username:   r.Username,
		})
	}
	return s
}

func usersSettings(c config.Users) users.Settings {
	return users.Settings{
		Activation:           users.Activation(c.Activation),
		SessionLifetime:      hours(c.SessionHours),
		KeyLifetime:          hours(c.KeyHours),
		ResetLifetime:        hours(c.ResetMinutes / 60),
		Cost:                 c.BcryptCost,
		URL:                  c.URL,
		RegistrationsPerHour: c.RegistrationsPerHour,
		FailedLogins:         c.FailedLogins,
	}
}

// mailer sends mails as the configuration says; nil: not at all.
func mailer(c config.Mail) (mail.Sender, error) {
	templates, err := mail.LoadTemplates(c.Templates)
	if err != nil {
		return nil, fmt.Errorf("mail.templates: %w", err)
	}
	if c.Host == "" {
		return nil, nil //nolint:nilnil // no sender is a choice
	}
	s, err := mail.NewSMTP(mail.SMTPOptions{
		Host:      c.Host,
		Port:      c.Port,
		Username:  c.Username,
		Password:  c.Password,
		From:      c.From,
		TLS:       c.TLS,
		Templates: templates,
	})
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return s, nil
}

func milliseconds(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// announce prints where the server listens and how to try it.
func announce(w io.Writer, cfg *config.Config, addr net.Addr) {
	scheme, host, port := "http", "localhost", "0"
	if cfg.Websocket.TLS.Cert != "" {
		scheme = "https"
	}
	if a, ok := addr.(*net.TCPAddr); ok {
		port = strconv.Itoa(a.Port)
		if !a.IP.IsUnspecified() {
			host = a.IP.String()
		}
	}
	url := scheme + "://" + net.JoinHostPort(host, port)
	_, _ = fmt.Fprintf(w, "gatehouse %s listening on %s\n", version, url)
	_, _ = fmt.Fprintf(w, "Try it: open %s in a browser, or: curl -N -H 'Accept: text/event-stream' -H 'Origin: %s' %s/events\n", url, url, url)
}
