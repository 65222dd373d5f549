package embedded

import (
	"bytes"
	"context"

	"gatehouse/store"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, collection string, id any) (bson.Raw, error) {
	c, err := s.lookupKept(collection)
	if err != nil {
		return nil, err
	}
	v, err := store.MarshalID(id)
	if err != nil {
		return nil, err
	}
	key := idKey(v)
	var doc bson.Raw
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		found := tx.Bucket([]byte(c.documents)).Get(key)
		if found == nil {
			return store.ErrNotFound
		}
		doc = bytes.Clone(found)
		return nil
	})
	return doc, err
}
