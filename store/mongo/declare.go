package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// imagesOption switches pre- and post-images of a collection on.
var imagesOption = bson.E{Key: "changeStreamPreAndPostImages", Value: bson.D{{Key: "enabled", Value: true}}}

// buildPatience is how long the making of indexes may take, on collections that
// another program has filled; what ends before is undone by the server.
const buildPatience = time.Hour

// Declare implements store.Store. The first one meets the server. Indexes that
// an earlier declaration made stay until somebody drops them: another node may
// still need them.
func (s *Store) Declare(ctx context.Context, collections ...store.Collection) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	compiled := make([]*collection, 0, len(collections))
	for _, c := range collections {
		ready, err := s.compile(c)
		if err != nil {
			return err
		}
		compiled = append(compiled, ready)
	}
	s.declaring.Lock()
	defer s.declaring.Unlock()
	meeting, met := s.bounded(ctx)
	err := s.meet(meeting)
	met()
	if err != nil {
		return err
	}
	ctx, cancel := s.boundedBy(ctx, buildPatience)
	defer cancel()
	if err := s.prepare(ctx, compiled); err != nil {
		return err
	}
	all := maps.Clone(*s.declared.Load())
	for _, c := range compiled {
		all[c.Name] = c
	}
	s.declared.Store(&all)
	s.starting.Do(s.lookAfter)
	return nil
}

// prepare makes the database ready for the collections.
func (s *Store) prepare(ctx context.Context, collections []*collection) error {
	if err := s.identify(ctx); err != nil {
		return s.declineOf(err)
	}
	there, err := s.there(ctx)
	if err != nil {
		return s.declineOf(err)
	}
	for _, c := range collections {
		if err := s.create(ctx, c, there); err != nil {
			return s.declineOf(fmt.Errorf("collection %s: %w", c.physical, err))
		}
		if err := s.index(ctx, c); err != nil {
			if refused := duplicate(err, c); refused != nil {
				return refused
			}
			return s.declineOf(fmt.Errorf("the indexes of %s: %w", c.physical, err))
		}
	}
	return nil
}

// declineOf is the error of a declaration. What the server refuses it will refuse
// again; that is no outage, to be waited for.
func (s *Store) declineOf(err error) error {
	if refused := s.refused(err); refused != nil {
		return refused
	}
	if !passing(err) && !s.isClosed() {
		return fmt.Errorf("MongoDB refuses what this server needs: %s", s.words(err))
	}
	return s.fault(err, false)
}

// there are the collections of the database, and whether they keep images.
func (s *Store) there(ctx context.Context) (map[string]bool, error) {
	found := make(map[string]bool)
	err := s.again(ctx, func() error {
		cursor, err := s.db.ListCollections(ctx, bson.D{})
		if err != nil {
			return err
		}
		defer func() { _ = cursor.Close(ctx) }()
		for cursor.Next(ctx) {
			name, _ := cursor.Current.Lookup("name").StringValueOK()
			enabled, _ := cursor.Current.Lookup("options", imagesOption.Key, "enabled").BooleanOK()
			found[name] = enabled
		}
		return cursor.Err()
	})
	return found, err
}

// create makes the collection, with images, or switches them on.
func (s *Store) create(ctx context.Context, c *collection, there map[string]bool) error {
	images, exists := there[c.physical]
	if !exists {
		command := bson.D{{Key: "create", Value: c.physical}}
		if !c.Transient {
			command = append(command, imagesOption)
		}
		err := s.again(ctx, func() error { return s.db.RunCommand(ctx, command).Err() })
		if err == nil {
			c.images = !c.Transient
			return nil
		}
		if !hasCode(err, codeNamespaceExists) { // another node was quicker
			return err
		}
	}
	c.images = images
	if images || c.Transient {
		return nil
	}
	err := s.again(ctx, func() error {
		return s.db.RunCommand(ctx, bson.D{{Key: "collMod", Value: c.physical}, imagesOption}).Err()
	})
	if err == nil {
		c.images = true
		return nil
	}
	if _, answered := serverCode(err); !answered || notPrimary(err) {
		return err
	}
	s.warnOfImages(c, err)
	return nil
}

// warnOfImages tells once what is lost for a collection whose images are off.
func (s *Store) warnOfImages(c *collection, err error) {
	if known := (*s.declared.Load())[c.Name]; known != nil && !known.images {
		return
	}
	s.o.Logger.Warn("pre-images are off and may not be switched on: deletions of this collection tell no more than the id, "+
		"replacements do not tell what changed, and updates tell the other fields as they are a moment later",
		"collection", c.physical, "error", s.words(err), "remedy", imagesCommand(c.physical))
}

func imagesCommand(name string) string {
	return fmt.Sprintf("in mongosh, with the right collMod: db.runCommand({collMod: %q, changeStreamPreAndPostImages: {enabled: true}})", name)
}

// index makes the collection's indexes.
func (s *Store) index(ctx context.Context, c *collection) error {
	for _, model := range c.indexes() {
		err := s.again(ctx, func() error {
			_, err := c.on.Indexes().CreateOne(ctx, model)
			return err
		})
		if hasCode(err, codeOptionsConflict, codeKeySpecsConflict) {
			s.o.Logger.Warn("an index is not as it should be, since the collection has another one on the same fields; drop that one, and this one is made at the next start",
				"collection", c.physical, "error", s.words(err))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// again calls f until it succeeds, as long as its error says that nothing was
// done or that doing it once more is harmless, and ctx lasts.
func (s *Store) again(ctx context.Context, f func() error) error {
	wait := newBackoff()
	for {
		err := f()
		retry := err != nil && (notPrimary(err) || hasCode(err, codeWriteConflict) || labelled(err, transientTransaction) || isUpsertRace(err))
		if !retry || !wait.pause(ctx) {
			return err
		}
	}
}

// isUpsertRace reports that two upserts of one id met, and one of them lost.
func isUpsertRace(err error) bool {
	var refusal mongo.CommandError
	if !errors.As(err, &refusal) || refusal.Code != codeDuplicate {
		return false
	}
	keys, ok := refusal.Raw.Lookup("keyPattern").DocumentOK()
	return !ok || keys.Lookup("_id").Type != 0
}
