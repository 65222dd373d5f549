package mongo

import (
	"context"
	"regexp"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, collection string, id any) (bson.Raw, error) {
	c, v, err := s.document(ctx, collection, id)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var doc bson.Raw
	err = s.again(ctx, func() (err error) {
		doc, err = c.on.FindOne(ctx, byID(v)).Raw()
		return err
	})
	return doc, s.fault(err, false)
}

// document is what a call about one document is about.
func (s *Store) document(ctx context.Context, collection string, id any) (*collection, bson.RawValue, error) {
	if err := s.ready(ctx); err != nil {
		return nil, bson.RawValue{}, err
	}
	c, err := s.lookupKept(collection)
	if err != nil {
		return nil, bson.RawValue{}, err
	}
	v, err := store.MarshalID(id)
	return c, v, err
}

// Find implements store.Store.
func (s *Store) Find(ctx context.Context, collection string, q store.Query) ([]bson.Raw, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	c, err := s.lookupKept(collection)
	if err != nil {
		return nil, err
	}
	p, err := c.Plan(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var docs []bson.Raw
	err = s.again(ctx, func() (err error) {
		docs, err = c.find(ctx, p)
		return err
	})
	return docs, s.fault(err, false)
}

// find asks the server; where the index folds case it asks twice, since a
// collation would fold the order too.
func (c *collection) find(ctx context.Context, p store.Plan) ([]bson.Raw, error) {
	filter, matched := c.filter(p)
	if !matched {
		return nil, nil
	}
	o := options.Find()
	if p.Index >= 0 && c.Indexes[p.Index].Fold {
		found, err := c.all(ctx, filter, options.Find().SetCollation(caseless).SetProjection(bson.D{{Key: "_id", Value: 1}}))
		if err != nil || len(found) == 0 {
			return nil, err
		}
		ids := make(bson.A, len(found))
		for i, doc := range found {
			ids[i] = doc.Lookup("_id")
		}
		filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}
	}
	if contains := p.Contains; contains != nil {
		var any bson.A
		pattern := strings.ReplaceAll(regexp.QuoteMeta(contains.Text), "\x00", `\x00`)
		for _, field := range contains.Fields {
			holds := append(throughNoArray(field), bson.E{Key: field, Value: bson.D{
				{Key: "$regex", Value: pattern}, {Key: "$options", Value: "i"}, notArray,
			}})
			any = append(any, holds)
		}
		if len(any) == 0 {
			return nil, nil
		}
		filter = append(filter, bson.E{Key: "$or", Value: any})
	}
	direction := 1
	if p.Descending {
		direction = -1
	}
	order := bson.D{{Key: "_id", Value: direction}}
	if p.Order != "" && p.Order != "_id" {
		order = bson.D{{Key: p.Order, Value: direction}, {Key: "_id", Value: 1}}
	}
	return c.all(ctx, filter, o.SetSort(order).SetSkip(int64(p.Skip)).SetLimit(int64(p.Limit)))
}

// filter says which documents the fields of a query lead to; false where that
// can be none, since null is in no index.
func (c *collection) filter(p store.Plan) (bson.D, bool) {
	all := bson.A{}
	for _, e := range p.Where {
		v := e.Value.(bson.RawValue)
		if p.Index >= 0 && (v.Type == bson.TypeNull || v.Type == bson.TypeUndefined) {
			return nil, false
		}
		all = append(all, equals(e.Key, v))
		if p.Index >= 0 && c.Indexes[p.Index].Unique {
			all = append(all, bson.D{{Key: e.Key, Value: something}})
		}
	}
	if len(all) == 0 {
		return bson.D{}, true
	}
	return bson.D{{Key: "$and", Value: all}}, true
}

func (c *collection) all(ctx context.Context, filter bson.D, o *options.FindOptionsBuilder) ([]bson.Raw, error) {
	cursor, err := c.on.Find(ctx, filter, o)
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	return docs, cursor.All(ctx, &docs)
}
