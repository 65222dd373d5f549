package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"gatehouse/config"
	"gatehouse/server"
	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/store/mongo"
)

// openStore opens the store that the configuration names. Nothing is declared in
// it yet, and one on MongoDB has not met its server.
func openStore(cfg *config.Config, logger *slog.Logger) (store.Store, error) {
	if cfg.Store.Kind == "mongodb" {
		return openMongo(cfg, logger)
	}
	h := cfg.Store.History
	st, err := embedded.Open(cfg.Store.Path, embedded.Options{
		History: embedded.History{Events: h.Events, Age: hours(h.Hours)},
		Logger:  logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%w (store.path)", err)
	}
	return st, nil
}

func openMongo(cfg *config.Config, logger *slog.Logger) (*mongo.Store, error) {
	m := cfg.MongoDB
	return mongo.Open(mongo.Options{
		URI:      m.URI,
		Database: m.Database,
		Prefix:   m.CollectionPrefix,
		Outage:   hours(m.OutageHours),
		Logger:   logger,
	})
}

func hours(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }

// withStore does something with a store that no server keeps open, and closes
// it.
func (e *environment) withStore(ctx context.Context, cfg *config.Config, do func(context.Context, store.Store) error) (err error) {
	logger := newLogger(e.stderr, config.Log{Level: "warn", Format: cfg.Log.Format}, new(slog.LevelVar))
	st, err := openStore(cfg, logger)
	if err != nil {
		return e.lockedHint(err, cfg)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if err := st.Declare(ctx, server.Collections()...); err != nil {
		return err
	}
	return do(ctx, st)
}

// lockedHint adds to the error of a file that is in use what is probably wrong.
func (e *environment) lockedHint(err error, cfg *config.Config) error {
	if errors.Is(err, embedded.ErrLocked) {
		return fmt.Errorf("%w; if it is a server, it does not answer on the control socket %s: use the configuration that it was started with", err, cfg.Control.Socket)
	}
	return err
}
