package mongo

import (
	"context"
	"errors"
	"slices"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// event is one of a change stream, as the pipeline lets it pass.
type event struct {
	Token       bson.Raw       `bson:"_id"`
	Operation   string         `bson:"operationType"`
	Namespace   namespace      `bson:"ns"`
	To          namespace      `bson:"to"`
	Key         bson.Raw       `bson:"documentKey"`
	ClusterTime bson.Timestamp `bson:"clusterTime"`
	WallTime    time.Time      `bson:"wallTime"`
	After       document       `bson:"fullDocument"`
	Before      document       `bson:"fullDocumentBeforeChange"`
	Description document       `bson:"updateDescription"`
	Secrets     []string       `bson:"secrets"`
}

// document is one that may be null, which is nil.
type document bson.Raw

// UnmarshalBSONValue implements bson.ValueUnmarshaler. It copies.
func (d *document) UnmarshalBSONValue(kind byte, data []byte) error {
	*d = nil
	if bson.Type(kind) == bson.TypeEmbeddedDocument {
		*d = slices.Clone(data)
	}
	return nil
}

type namespace struct {
	Collection string `bson:"coll"`
}

// change turns an event of a document into a change. It asks the server where
// the event does not hold enough: what an update without a pre-image left alone.
func (s *Store) change(ctx context.Context, c *collection, e *event) (store.Change, error) {
	id, err := e.Key.LookupErr("_id")
	if err != nil {
		return store.Change{}, errors.New("a change without the id of its document")
	}
	change := store.Change{
		Collection: c.Name,
		ID:         id,
		Position:   s.position(place{e.Token, e.ClusterTime}),
		Time:       e.when(),
	}
	switch e.Operation {
	case opInsert:
		change.Op, change.After = store.OpInsert, bson.Raw(e.After)
	case opDelete:
		change.Op, change.Before = store.OpDelete, bson.Raw(e.Before)
	case opReplace:
		change.Op, change.Before, change.After = store.OpUpdate, bson.Raw(e.Before), bson.Raw(e.After)
		if e.Before != nil {
			change.Fields = union(store.Diff(change.Before, change.After), e.Secrets)
		}
	default:
		err = s.update(ctx, c, e, &change)
	}
	return change, err
}

// when is when the change was committed; servers that do not say it to the
// millisecond say it to the second.
func (e *event) when() time.Time {
	if e.WallTime.IsZero() {
		return time.Unix(int64(e.ClusterTime.T), 0).UTC()
	}
	return e.WallTime.UTC().Truncate(time.Millisecond)
}

// update fills in a change from what an update says of itself. That is true on
// every server; a post-image may be a later one.
func (s *Store) update(ctx context.Context, c *collection, e *event, change *store.Change) error {
	change.Op = store.OpUpdate
	did, hidden := readPatch(bson.Raw(e.Description), c)
	if e.Before != nil {
		if after, err := did.apply(bson.Raw(e.Before)); err == nil {
			change.Before, change.After = bson.Raw(e.Before), after
			change.Fields = union(store.Diff(change.Before, after), hidden)
			return nil
		}
	}
	found, err := s.later(ctx, c, change.ID)
	if err != nil {
		return err
	}
	after, err := did.apply(found)
	if err != nil { // the document has another form by now
		after = found
	}
	change.After = after
	change.Fields = slices.DeleteFunc(union(did.paths("", after), hidden), func(path string) bool {
		return path == store.VersionField
	})
	return nil
}

// later is the document as it is now, without its secrets, or with nothing but
// its id where it is gone.
func (s *Store) later(ctx context.Context, c *collection, id bson.RawValue) (bson.Raw, error) {
	without := bson.D{}
	for _, name := range c.Secret {
		without = append(without, bson.E{Key: name, Value: 0})
	}
	doc, err := c.on.FindOne(ctx, byID(id), options.FindOne().SetProjection(without)).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) || hasCode(err, codeUnauthorized) { // gone, or not to be seen
		return bson.Marshal(bson.D{{Key: "_id", Value: id}})
	}
	return doc, err
}

// union returns the sorted names of both.
func union(a, b []string) []string {
	all := append(a, b...)
	slices.Sort(all)
	return slices.Compact(all)
}
