package mongo

import (
	"context"
	"fmt"
	"maps"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
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
	select { // one at a time: the next finds done what the first did
	case s.declaring <- struct{}{}:
		defer func() { <-s.declaring }()
	case <-ctx.Done():
		return &store.UnavailableError{Err: ctx.Err()}
	case <-s.background.Done():
		return store.ErrClosed
	}
	if err := s.shortly(ctx, s.meet); err != nil {
		return err
	}
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

// shortly calls f with the patience of this package.
func (s *Store) shortly(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return f(ctx)
}

// prepare makes the database ready for the collections.
func (s *Store) prepare(ctx context.Context, collections []*collection) error {
	var there map[string]bool
	err := s.shortly(ctx, s.identify)
	if err == nil {
		err = s.shortly(ctx, func(ctx context.Context) (err error) {
			there, err = s.there(ctx)
			return err
		})
	}
	if err != nil {
		return s.declineOf(err)
	}
	for _, c := range collections {
		err := s.shortly(ctx, func(ctx context.Context) error { return s.create(ctx, c, there) })
		if err != nil {
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
	if permanent(err) {
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
	ctx, cancel := s.boundedBy(ctx, buildPatience)
	defer cancel()
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
// done, and ctx lasts. It is for what can be done twice without harm.
func (s *Store) again(ctx context.Context, f func() error) error {
	for wait := newBackoff(); ; {
		err := f()
		if err == nil || !undone(err) || !wait.pause(ctx) {
			return err
		}
	}
}
