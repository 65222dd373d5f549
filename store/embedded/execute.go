package embedded

import (
	"bytes"
	"fmt"
	"slices"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// execute stages one write and returns what it changes, or why it is refused.
// The document that it found is part of the file's mapping, good until the
// transaction ends.
func execute(st *stage, w *write) (before bson.Raw, c change, err error) {
	if w.collection.Transient {
		if w.Kind != store.KindInsert {
			return nil, change{}, fmt.Errorf("%w: %q", store.ErrTransient, w.collection.Name)
		}
		return nil, changeOf(w.collection, nil, w.Document), nil
	}
	before = st.get(w.collection.documents, w.key)
	if before != nil {
		if _, err := before.LookupErr("_id"); err != nil {
			return nil, change{}, errDamagedDocument
		}
	}
	if err := w.admits(before); err != nil {
		return nil, change{}, err
	}
	after, err := w.result(before)
	if err != nil {
		return nil, change{}, err
	}
	if err := replace(st, w.collection, w.key, before, after); err != nil {
		return nil, change{}, err
	}
	return before, changeOf(w.collection, before, after), nil
}

// admits says whether the write can be made to the document that is there.
func (w *write) admits(before bson.Raw) error {
	switch {
	case w.Kind == store.KindInsert && before != nil:
		return &store.DuplicateError{Collection: w.collection.Name, Fields: []string{"_id"}}
	case w.Kind == store.KindInsert, w.Kind == store.KindPut && before == nil && !w.Conditional():
		return nil
	case before == nil:
		return store.ErrNotFound
	case !w.holds(before):
		return store.ErrConflict
	default:
		return nil
	}
}

// result is the document as the write leaves it, nil for none.
func (w *write) result(before bson.Raw) (bson.Raw, error) {
	switch w.Kind {
	case store.KindDelete:
		return nil, nil
	case store.KindUpdate:
		return applyEdits(before, w.edits)
	default:
		if before == nil {
			return w.Document, nil
		}
		setVersion(w.Document, store.VersionOf(before)+1)
		return w.Document, nil
	}
}

// replace stages a document in place of another, either of which may be nil,
// with its entries in the indexes.
func replace(st *stage, c *collection, id []byte, before, after bson.Raw) error {
	for i := range c.indexes {
		if err := c.indexes[i].replace(st, c.Name, id, before, after); err != nil {
			return err
		}
	}
	was, had := c.expiryEntry(before, id)
	is, has := c.expiryEntry(after, id)
	if had && !bytes.Equal(was, is) {
		st.delete(c.expiry, was)
	}
	if has {
		st.put(c.expiry, is, nil)
	}
	if after == nil {
		st.delete(c.documents, id)
	} else {
		st.put(c.documents, id, after)
	}
	return nil
}

func (ix *index) replace(st *stage, collection string, id []byte, before, after bson.Raw) error {
	was, _, had := ix.entry(before, id)
	is, value, has := ix.entry(after, id)
	if had && has && bytes.Equal(was, is) {
		return nil
	}
	if has && ix.Unique {
		if holder := st.get(ix.bucket, is); holder != nil && !bytes.Equal(holder, id) {
			return &store.DuplicateError{Collection: collection, Fields: slices.Clone(ix.Fields)}
		}
	}
	if had {
		st.delete(ix.bucket, was)
	}
	switch {
	case has && ix.Unique:
		st.put(ix.bucket, is, value)
	case has:
		st.put(ix.bucket, is, nil)
	}
	return nil
}

// changeOf is what the feed will show of a document's replacement.
func changeOf(c *collection, before, after bson.Raw) change {
	out := change{collection: c.Name, op: store.OpUpdate, before: c.Mask(before), after: c.Mask(after)}
	switch {
	case before == nil:
		out.op = store.OpInsert
	case after == nil:
		out.op = store.OpDelete
	default:
		out.fields = store.Diff(before, after)
	}
	return out
}
