package embedded

import (
	"bytes"
	"context"
	"slices"

	"gatehouse/store"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Find implements store.Store.
func (s *Store) Find(ctx context.Context, collection string, q store.Query) ([]bson.Raw, error) {
	c, err := s.lookupKept(collection)
	if err != nil {
		return nil, err
	}
	p, err := c.plan(q)
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		docs, err = p.run(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return docs, nil
}

// plan is how a query is answered.
type plan struct {
	collection *collection
	query      store.Query
	id         []byte // the one document, or
	index      *index // those under key in the index, or (neither) all
	key        []byte
	text       string // of Contains, folded
	contains   [][]string
	order      []string // nil: by _id, which is the order of the keys
}

func (c *collection) plan(q store.Query) (*plan, error) {
	ready, err := c.Plan(q)
	if err != nil {
		return nil, err
	}
	p := &plan{collection: c, query: q}
	if q.Order != "" && q.Order != "_id" {
		p.order = splitPath(q.Order)
	}
	if q.Contains != nil {
		p.text = foldText(q.Contains.Text)
		for _, field := range q.Contains.Fields {
			p.contains = append(p.contains, splitPath(field))
		}
	}
	value := func(field string) bson.RawValue {
		at := slices.IndexFunc(ready.Where, func(e bson.E) bool { return e.Key == field })
		return ready.Where[at].Value.(bson.RawValue)
	}
	switch {
	case ready.Index >= 0:
		p.index = &c.indexes[ready.Index]
		for _, field := range p.index.Fields {
			p.key = appendKey(p.key, value(field), p.index.Fold)
		}
		p.key = shorten(p.key, 0)
	case len(ready.Where) > 0:
		p.id = idKey(value("_id"))
	}
	return p, nil
}

// hit is a document that matches. Its bytes are the file's mapping.
type hit struct{ order, id, doc []byte }

// run answers within a transaction; what it returns outlives it.
func (p *plan) run(ctx context.Context, tx *bbolt.Tx) ([]bson.Raw, error) {
	var hits []hit
	inOrder := p.order == nil && !p.query.Descending
	seen := 0
	err := p.scan(tx, func(id, doc []byte) (more bool, err error) {
		if seen++; seen%256 == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !p.matches(doc) {
			return true, nil
		}
		h := hit{id: id, doc: doc}
		if p.order != nil {
			h.order = shorten(appendKey(nil, at(doc, p.order), false), 0)
		}
		hits = append(hits, h)
		return !inOrder || p.query.Limit == 0 || len(hits) < p.query.Skip+p.query.Limit, nil
	})
	if err != nil {
		return nil, err
	}
	if !inOrder {
		slices.SortFunc(hits, p.compare)
	}
	hits = hits[min(p.query.Skip, len(hits)):]
	if p.query.Limit > 0 {
		hits = hits[:min(p.query.Limit, len(hits))]
	}
	docs := make([]bson.Raw, len(hits))
	for i, h := range hits {
		docs[i] = bytes.Clone(h.doc)
	}
	return docs, nil
}

func (p *plan) compare(a, b hit) int {
	order := bytes.Compare(a.order, b.order)
	if p.order == nil {
		order = bytes.Compare(a.id, b.id)
	}
	if p.query.Descending {
		order = -order
	}
	if order == 0 {
		order = bytes.Compare(a.id, b.id)
	}
	return order
}

func (p *plan) matches(doc bson.Raw) bool {
	if p.query.Contains == nil {
		return true
	}
	for _, path := range p.contains {
		text, ok := at(doc, path).StringValueOK()
		if ok && bytes.Contains(foldBytes([]byte(text)), []byte(p.text)) {
			return true
		}
	}
	return false
}

// scan yields the documents that the plan's index leads to, in the order of
// their ids.
func (p *plan) scan(tx *bbolt.Tx, yield func(id, doc []byte) (more bool, err error)) error {
	documents := tx.Bucket([]byte(p.collection.documents))
	byID := func(id []byte) (more bool, err error) {
		if doc := documents.Get(id); doc != nil {
			return yield(id, doc)
		}
		return false, errDamagedDocument // the index has it
	}
	var cursor *bbolt.Cursor
	switch {
	case p.id != nil:
		if doc := documents.Get(p.id); doc != nil {
			_, err := yield(p.id, doc)
			return err
		}
		return nil
	case p.index != nil && p.index.Unique:
		if id := tx.Bucket([]byte(p.index.bucket)).Get(p.key); id != nil {
			_, err := byID(id)
			return err
		}
		return nil
	case p.index != nil:
		cursor = tx.Bucket([]byte(p.index.bucket)).Cursor()
		for key, _ := cursor.Seek(p.key); bytes.HasPrefix(key, p.key); key, _ = cursor.Next() {
			if more, err := byID(key[len(p.key):]); err != nil || !more {
				return err
			}
		}
		return nil
	default:
		cursor = documents.Cursor()
		for id, doc := cursor.First(); id != nil; id, doc = cursor.Next() {
			if more, err := yield(id, doc); err != nil || !more {
				return err
			}
		}
		return nil
	}
}
