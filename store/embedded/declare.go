package embedded

import (
	"bytes"
	"context"
	"slices"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// declare makes the file have the buckets of these collections, filled, and
// none for indexes that they do not have any more. It reports whether anything
// had to be done. After an error the transaction must be given up.
func declare(ctx context.Context, tx *bbolt.Tx, collections []*collection) (changed bool, err error) {
	for _, c := range collections {
		if c.Transient {
			continue // documents of a time before it was transient stay
		}
		dropped, err := dropStale(tx, c)
		if err != nil {
			return false, err
		}
		made, err := makeMissing(ctx, tx, c)
		if err != nil {
			return false, err
		}
		changed = changed || dropped || made
	}
	return changed, nil
}

func dropStale(tx *bbolt.Tx, c *collection) (dropped bool, err error) {
	wanted := c.buckets()
	prefix := []byte(c.Name + "/")
	var stale [][]byte
	cursor := tx.Cursor()
	for name, _ := cursor.Seek(prefix); bytes.HasPrefix(name, prefix); name, _ = cursor.Next() {
		if !slices.Contains(wanted, string(name)) {
			stale = append(stale, bytes.Clone(name))
		}
	}
	for _, name := range stale {
		if err := tx.DeleteBucket(name); err != nil {
			return false, err
		}
	}
	return len(stale) > 0, nil
}

func makeMissing(ctx context.Context, tx *bbolt.Tx, c *collection) (made bool, err error) {
	documents := tx.Bucket([]byte(c.documents))
	if documents == nil {
		if documents, err = tx.CreateBucket([]byte(c.documents)); err != nil {
			return false, err
		}
		made = true
	}
	if c.expiry != "" && tx.Bucket([]byte(c.expiry)) == nil {
		made = true
		if err := fillBucket(ctx, tx, c.expiry, documents, func(b *bbolt.Bucket, id, doc []byte) error {
			if key, ok := c.expiryEntry(doc, id); ok {
				return b.Put(key, nil)
			}
			return nil
		}); err != nil {
			return false, err
		}
	}
	for i := range c.indexes {
		ix := &c.indexes[i]
		if tx.Bucket([]byte(ix.bucket)) != nil {
			continue
		}
		made = true
		if err := fillBucket(ctx, tx, ix.bucket, documents, func(b *bbolt.Bucket, id, doc []byte) error {
			return ix.add(b, c.Name, id, doc)
		}); err != nil {
			return false, err
		}
	}
	return made, nil
}

// add puts a document into an index that is being made.
func (ix *index) add(b *bbolt.Bucket, collection string, id, doc []byte) error {
	key, value, ok := ix.entry(doc, id)
	switch {
	case !ok:
		return nil
	case !ix.Unique:
		return b.Put(key, nil)
	case b.Get(key) != nil:
		return &store.DuplicateError{Collection: collection, Fields: slices.Clone(ix.Fields)}
	default:
		return b.Put(key, value)
	}
}

// fillBucket makes a bucket and shows it every document.
func fillBucket(ctx context.Context, tx *bbolt.Tx, name string, documents *bbolt.Bucket,
	add func(b *bbolt.Bucket, id, doc []byte) error,
) error {
	b, err := tx.CreateBucket([]byte(name))
	if err != nil {
		return err
	}
	cursor := documents.Cursor()
	for id, doc := cursor.First(); id != nil; id, doc = cursor.Next() {
		if err := ctx.Err(); err != nil {
			return &store.UnavailableError{Err: err}
		}
		if err := add(b, id, doc); err != nil {
			return err
		}
	}
	return nil
}
