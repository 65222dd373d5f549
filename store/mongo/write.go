package mongo

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// write is a prepared write and its collection.
type write struct {
	store.Prepared

	c *collection
}

// Apply implements store.Store. A single write is one command; several are one
// transaction.
func (s *Store) Apply(ctx context.Context, writes ...store.Write) error {
	done, err := s.accept(ctx)
	if err != nil || len(writes) == 0 {
		if err == nil {
			done()
		}
		return err
	}
	defer done()
	prepared := make([]write, len(writes))
	for i := range writes {
		w, err := s.prepareWrite(&writes[i])
		if err != nil {
			return &store.WriteError{Index: i, Err: err}
		}
		prepared[i] = w
	}
	ctx, cancel := s.hurried(ctx)
	defer cancel()
	err = s.make(ctx, prepared)
	if !errors.Is(err, context.Canceled) { // which says nothing of the server
		s.ailing.answered(!errors.Is(err, store.ErrUnavailable))
	}
	return err
}

// make makes the writes.
func (s *Store) make(ctx context.Context, prepared []write) error {
	if len(prepared) > 1 {
		return s.transact(ctx, prepared)
	}
	err := s.write(ctx, func(ctx context.Context) error { return s.execute(ctx, &prepared[0]) })
	if doubt := (*doubtful)(nil); errors.As(err, &doubt) {
		if prepared[0].Generated && isDuplicateID(err) {
			return nil // nobody else could have made this id: it was done
		}
		return s.fault(err, true)
	}
	if reason, refused := s.refusal(&prepared[0], err); refused {
		return &store.WriteError{Err: reason}
	}
	return s.fault(err, true)
}

func (s *Store) prepareWrite(w *store.Write) (write, error) {
	c, err := s.lookup(w.Collection)
	if err != nil {
		return write{}, err
	}
	p, err := w.Prepare()
	if err != nil {
		return write{}, err
	}
	if c.Transient && p.Kind != store.KindInsert {
		return write{}, fmt.Errorf("%w: %q", store.ErrTransient, c.Name)
	}
	return write{p, c}, nil
}

// refusal is why the store refuses a write, and false where the error is not
// the write's but the server's.
func (s *Store) refusal(w *write, err error) (error, bool) {
	if d := duplicate(err, w.c); d != nil {
		return d, true
	}
	for _, reason := range []error{store.ErrNotFound, store.ErrConflict, store.ErrInvalid} {
		if errors.Is(err, reason) {
			return err, true
		}
	}
	if tooLarge(err) || permanent(err) || hasCode(err, codePathNotViable) {
		return fmt.Errorf("%w: %s", store.ErrInvalid, s.words(err)), true
	}
	return nil, false
}

// execute makes one write. Ctx may carry a transaction.
func (s *Store) execute(ctx context.Context, w *write) error {
	switch w.Kind {
	case store.KindInsert:
		_, err := w.c.on.InsertOne(ctx, w.stored())
		return err
	case store.KindPut:
		result, err := w.c.on.UpdateOne(ctx, condition(&w.Prepared), replacement(w.Document), options.UpdateOne().SetUpsert(!w.Conditional()))
		if isDuplicateID(err) {
			return s.execute(ctx, w) // another made the document at the same moment: this one is put in its place
		}
		if err == nil && result.MatchedCount+result.UpsertedCount == 0 {
			return s.why(ctx, w)
		}
		return err
	case store.KindUpdate:
		filter := condition(&w.Prepared)
		if ways := viable(&w.Prepared); len(ways) > 0 {
			filter = bson.D{{Key: "$and", Value: append(bson.A{filter}, ways...)}}
		}
		result, err := w.c.on.UpdateOne(ctx, filter, edits(&w.Prepared))
		if err == nil && result.MatchedCount == 0 {
			return s.why(ctx, w)
		}
		return err
	default:
		result, err := w.c.on.DeleteOne(ctx, condition(&w.Prepared))
		if err == nil && result.DeletedCount == 0 {
			return s.why(ctx, w)
		}
		return err
	}
}

// stored is the document as it is inserted.
func (w *write) stored() bson.Raw {
	if !w.c.Transient {
		return w.Document
	}
	return withTime(w.Document)
}

// edits are an update in MongoDB's words.
func edits(p *store.Prepared) bson.D {
	update := bson.D{{Key: "$inc", Value: bson.D{{Key: store.VersionField, Value: int64(1)}}}}
	if len(p.Set) > 0 {
		update = append(update, bson.E{Key: "$set", Value: p.Set})
	}
	if len(p.Unset) > 0 {
		gone := make(bson.D, len(p.Unset))
		for i, path := range p.Unset {
			gone[i] = bson.E{Key: path, Value: ""}
		}
		update = append(update, bson.E{Key: "$unset", Value: gone})
	}
	return update
}

// replacement is a document in place of another, with the version of that one
// counted up: one command, so that nobody can come in between.
func replacement(document bson.Raw) mongo.Pipeline {
	before := bson.D{{Key: "$ifNull", Value: bson.A{"$" + store.VersionField, int64(0)}}}
	next := bson.D{{Key: store.VersionField, Value: bson.D{{Key: "$add", Value: bson.A{before, int64(1)}}}}}
	return mongo.Pipeline{{{Key: "$replaceWith", Value: bson.D{{Key: "$mergeObjects", Value: bson.A{
		bson.D{{Key: "$literal", Value: document}}, next,
	}}}}}}
}

// why says why a write found no document that it could change.
func (s *Store) why(ctx context.Context, w *write) error {
	exists := func(filter bson.D) (bool, error) {
		err := w.c.on.FindOne(ctx, filter, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
		if errors.Is(err, mongo.ErrNoDocuments) {
			return false, nil
		}
		return err == nil, err
	}
	if there, err := exists(byID(w.ID)); err != nil || !there {
		if err == nil {
			err = store.ErrNotFound
		}
		return err
	}
	if holds, err := exists(condition(&w.Prepared)); err != nil {
		return err
	} else if holds && w.Kind == store.KindUpdate && len(viable(&w.Prepared)) > 0 {
		return fmt.Errorf("%w: a path leads into an array", store.ErrInvalid)
	}
	return store.ErrConflict
}
