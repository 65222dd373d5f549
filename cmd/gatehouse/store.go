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
)

// openStore opens the store that the configuration names, with all that the
// server and the commands keep in it.
func openStore(ctx context.Context, cfg *config.Config, logger *slog.Logger) (store.Store, error) {
	h := cfg.Store.History
	st, err := embedded.Open(cfg.Store.Path, embedded.Options{
		History: embedded.History{Events: h.Events, Age: time.Duration(h.Hours * float64(time.Hour))},
		Logger:  logger,
	})
	if err != nil {
		return nil, fmt.Errorf("%w (store.path)", err)
	}
	if err := st.Declare(ctx, server.Collections()...); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}
