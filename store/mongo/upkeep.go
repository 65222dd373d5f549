package mongo

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const (
	// sweepEvery is how often expired documents are looked for. MongoDB's own
	// sweep, once a minute, is for times in which no node runs.
	sweepEvery = 15 * time.Second

	// settle is how long the collections of a database are left alone after one
	// of them came or went: who restores a backup drops and makes many.
	settle = 2 * time.Second
)

// lookAfter begins what goes on by itself.
func (s *Store) lookAfter() {
	_ = s.begin(func() { s.sweep(s.halted) })
	_ = s.begin(func() { s.renew(s.halted) })
	_ = s.begin(func() { s.watchOplog(s.halted) })
}

// sweep deletes what has expired. Nodes do so at moments of their own.
func (s *Store) sweep(ctx context.Context) {
	for {
		t := time.NewTimer(sweepEvery/2 + rand.N(sweepEvery/2)) //nolint:gosec // nobody gains by guessing it
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
		if err := s.sweepOnce(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.Debug("expired documents could not be deleted; trying again soon", "error", s.words(err))
		}
	}
}

// sweepOnce deletes what has expired by the server's clock.
func (s *Store) sweepOnce(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var expiring []*collection
	for _, c := range *s.declared.Load() {
		if c.Expiry != "" {
			expiring = append(expiring, c)
		}
	}
	if len(expiring) == 0 {
		return nil
	}
	h, err := s.hello(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range expiring {
		_, err := c.on.DeleteMany(ctx, bson.D{{Key: c.Expiry, Value: bson.D{{Key: "$type", Value: "date"}, {Key: "$lte", Value: h.LocalTime}}}})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// collectionsChanged is told by feeds that a collection came, went or got
// another name. What a feed of the past tells of that is no news.
func (s *Store) collectionsChanged(e *event) {
	s.ddl.Lock()
	news := e.ClusterTime.After(s.ddlAt)
	if news {
		s.ddlAt = e.ClusterTime
	}
	s.ddl.Unlock()
	if !news {
		return
	}
	switch e.Operation {
	case opDrop:
		s.o.Logger.Warn("a collection was dropped; no event tells of the documents that it held", "collection", e.Namespace.Collection)
	case opRename:
		s.o.Logger.Warn("a collection was renamed; no event tells of the documents in it", "from", e.Namespace.Collection, "to", e.To.Collection)
	case opDropDatabase:
		s.o.Logger.Warn("the database was dropped; no event tells of the documents that it held", "database", s.o.Database)
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// renew prepares the declared collections anew after one of them came or went:
// a new one has no indexes and keeps no images.
func (s *Store) renew(ctx context.Context) {
	for {
		select {
		case <-s.changed:
		case <-ctx.Done():
			return
		}
		if !s.settled(ctx) {
			return
		}
		for wait := backoffFrom(100*time.Millisecond, time.Minute); ; {
			err := s.declareAgain(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			s.o.Logger.Warn("the collections could not be prepared again; trying again", "error", s.words(err))
			if !wait.pause(ctx) {
				return
			}
		}
	}
}

// settled waits until no collection has come or gone for a moment.
func (s *Store) settled(ctx context.Context) bool {
	for {
		t := time.NewTimer(settle)
		select {
		case <-s.changed:
			t.Stop()
		case <-t.C:
			return true
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

func (s *Store) declareAgain(ctx context.Context) error {
	var all []store.Collection
	for _, c := range slices.Collect(maps.Values(*s.declared.Load())) {
		all = append(all, c.Collection)
	}
	return s.Declare(ctx, all...)
}
