package embedded

import (
	"fmt"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// collection is a declaration, made ready for use.
type collection struct {
	store.Collection

	documents  string // the names of its buckets
	expiry     string // empty where it has none
	expiryPath []string
	indexes    []index
}

// index is one index of a collection.
type index struct {
	store.Index

	bucket string
	paths  [][]string
}

func compileCollection(c store.Collection) (*collection, error) {
	if err := c.Valid(); err != nil {
		return nil, err
	}
	compiled := &collection{Collection: c, documents: documentsBucket(c.Name)}
	if c.Transient {
		return compiled, nil
	}
	if c.Expiry != "" {
		compiled.expiry, compiled.expiryPath = expiryBucket(c.Name, c.Expiry), splitPath(c.Expiry)
	}
	for _, ix := range c.Indexes {
		compiled.indexes = append(compiled.indexes, compileIndex(c.Name, ix))
	}
	return compiled, nil
}

func compileIndex(collection string, ix store.Index) index {
	compiled := index{Index: ix, bucket: indexBucket(collection, ix)}
	for _, field := range ix.Fields {
		compiled.paths = append(compiled.paths, splitPath(field))
	}
	return compiled
}

// buckets are the names of all the collection's buckets.
func (c *collection) buckets() []string {
	if c.Transient {
		return nil
	}
	names := []string{c.documents}
	if c.expiry != "" {
		names = append(names, c.expiry)
	}
	for i := range c.indexes {
		names = append(names, c.indexes[i].bucket)
	}
	return names
}

// fieldsKey is the key of a document's values in the index; false where the
// document is not in it.
func (ix *index) fieldsKey(doc bson.Raw) ([]byte, bool) {
	if doc == nil {
		return nil, false
	}
	var key []byte
	for _, path := range ix.paths {
		v := at(doc, path)
		if isNothing(v) {
			return nil, false
		}
		key = appendKey(key, v, ix.Fold)
	}
	return shorten(key, 0), true
}

// entry is the key and the value under which a document stands in the index:
// in a unique one its id is the value, in others it ends the key.
func (ix *index) entry(doc bson.Raw, id []byte) (key, value []byte, ok bool) {
	key, ok = ix.fieldsKey(doc)
	if !ok {
		return nil, nil, false
	}
	if !ix.Unique {
		key = append(key, id...)
	}
	return key, id, true
}

// expiryEntry is the key under which a document waits for its end.
func (c *collection) expiryEntry(doc bson.Raw, id []byte) ([]byte, bool) {
	if c.expiry == "" || doc == nil {
		return nil, false
	}
	date, ok := at(doc, c.expiryPath).DateTimeOK()
	if !ok {
		return nil, false
	}
	return append(dateKey(make([]byte, 0, 8+len(id)), date), id...), true
}

// lookup returns a declared collection.
func (s *Store) lookup(name string) (*collection, error) {
	if c := (*s.collections.Load())[name]; c != nil {
		return c, nil
	}
	return nil, fmt.Errorf("%w: %q", store.ErrUndeclared, name)
}

// lookupKept returns a declared collection that keeps its documents.
func (s *Store) lookupKept(name string) (*collection, error) {
	c, err := s.lookup(name)
	if err == nil && c.Transient {
		return nil, fmt.Errorf("%w: %q", store.ErrTransient, name)
	}
	return c, err
}
