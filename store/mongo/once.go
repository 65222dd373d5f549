package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Take implements store.Store.
func (s *Store) Take(ctx context.Context, collection string, id any) (bson.Raw, error) {
	done, err := s.accept(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	c, v, err := s.document(ctx, collection, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var doc bson.Raw
	err = s.write(ctx, func(ctx context.Context) (err error) {
		doc, err = c.on.FindOneAndDelete(ctx, byID(v)).Raw()
		return err
	})
	return doc, s.fault(err, true)
}

// Sequence implements store.Store.
func (s *Store) Sequence(ctx context.Context, name string) (int64, error) {
	done, err := s.accept(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var counted struct {
		N int64 `bson:"n"`
	}
	id := bson.D{{Key: "_id", Value: name}}
	err = s.again(ctx, func() error {
		return s.own(sequencesCollection).FindOneAndUpdate(ctx, id, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}},
			options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&counted)
	})
	if errors.Is(err, mongo.ErrNoDocuments) { // the first of its name
		if err = s.insertOnce(ctx, s.own(sequencesCollection), append(id, bson.E{Key: "n", Value: int64(0)})); err == nil {
			return s.Sequence(ctx, name)
		}
	}
	if err != nil { // a number that was counted and not told is left out, as it may be
		return 0, s.fault(err, false)
	}
	return counted.N, nil
}

// insertOnce inserts a document unless one with its id is there. An upsert would
// do, were it not that of two that meet one can come to nothing.
func (s *Store) insertOnce(ctx context.Context, on *mongo.Collection, document bson.D) error {
	err := s.again(ctx, func() error {
		_, err := on.InsertOne(ctx, document)
		return err
	})
	if hasCode(err, codeDuplicate) {
		return nil
	}
	return err
}
