package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"gatehouse/events"
	"gatehouse/store"
)

// Start listens and serves. It returns when the server can be reached; where
// that is, Addr tells. A store that does not answer is waited for: until it does
// the server is not ready, and admits nobody. One that can not be used as it is
// is an error.
func (s *Server) Start(ctx context.Context) error {
	address := net.JoinHostPort(s.o.Host, strconv.Itoa(s.o.Port))
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", address); err != nil {
		return fmt.Errorf("cannot listen on %s (websocket.host and websocket.port): %w", address, err)
	}
	s.configureMembers(s.settings.Load().Users) // the port is known now
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.cancel = cancel
	attempted := make(chan error, 1)
	s.tasks.Go(func() {
		if err := s.follow(background, attempted); err != nil {
			s.failed <- err
		}
	})
	s.tasks.Go(func() { s.hub.Run(background) })
	s.tasks.Go(func() {
		var err error
		if s.o.TLSCert != "" {
			err = s.http.ServeTLS(s.listener, s.o.TLSCert, s.o.TLSKey)
		} else {
			err = s.http.Serve(s.listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("the server stopped serving: %w", err)
		}
	})
	select {
	case err := <-attempted:
		return err
	case <-s.log.Begun():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errPreparing is why the server is not ready at first.
var errPreparing = errors.New("the store is being prepared")

// follow prepares the store, and feeds the log from it until ctx ends. Attempted
// is told what came of it the first time: nil where all that can be done is to
// wait, and where it takes long.
func (s *Server) follow(ctx context.Context, attempted chan<- error) error {
	tell := func(err error) {
		select {
		case attempted <- err:
		default: // it has been told
		}
	}
	late := time.AfterFunc(stopTimeout, func() { tell(nil) })
	defer late.Stop()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 30*time.Second
	for failed := false; ; failed = true {
		err := s.prepare(ctx)
		switch {
		case err == nil:
			if failed {
				s.o.Logger.Info("the store answers; the server is about to be ready")
			}
			s.tasks.Go(func() { _ = s.outbox.Run(ctx) }) // it ends with ctx only
			for _, run := range []func(context.Context) error{s.updates.Run, s.realtime.Run, s.players.Run, s.gamers.Run} {
				s.tasks.Go(func() {
					if err := run(ctx); err != nil {
						s.failed <- err
					}
				})
			}
			return s.run(ctx)
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, store.ErrUnavailable):
			err = fmt.Errorf("the store could not be prepared: %w", err)
			tell(err)
			return err
		}
		s.waiting.Store(&err)
		tell(nil)
		d := wait.NextBackOff()
		s.o.Logger.Warn("the store does not answer; the server is not ready, and tries again", "error", err, "in", d.Round(time.Millisecond).String())
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil
		}
	}
}

// run feeds the log.
func (s *Server) run(ctx context.Context) error {
	err := s.log.Run(ctx)
	if errors.Is(err, events.ErrGap) {
		select { // the hub tells it to the sockets meanwhile
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return err
}

// prepare makes sure that the store holds what the server needs; also for rules
// that changed meanwhile.
func (s *Server) prepare(ctx context.Context) error {
	for {
		rules := s.log.Rules()
		if err := s.o.Store.Declare(ctx, append(own(), foreign(rules.Collections())...)...); err != nil {
			return err
		}
		if s.prepared(rules) {
			return nil
		}
	}
}

// prepared reports whether these rules are still in force. From then on it is
// Apply that declares what rules look at.
func (s *Server) prepared(rules *events.Rules) bool {
	s.applying.Lock()
	defer s.applying.Unlock()
	if rules != s.log.Rules() {
		return false
	}
	s.waiting.Store(nil)
	return true
}

// declare makes sure that the collections that rules look at exist. They belong
// to other programs.
func (s *Server) declare(ctx context.Context, rules *events.Rules) error {
	return s.o.Store.Declare(ctx, foreign(rules.Collections())...)
}
