package store

import "go.mongodb.org/mongo-driver/v2/bson"

// Kind is what a [Write] does.
type Kind uint8

// The kinds of writes. Made with the functions of the same names.
const (
	KindInsert Kind = iota + 1
	KindUpdate
	KindPut
	KindDelete
)

// Write is one change to one document, to be made by [Store.Apply]. It is made
// with [Insert], [Update], [Put] or [Delete]; its fields are for stores to
// read.
type Write struct {
	Kind       Kind
	Collection string
	ID         any      // of Update, Put and Delete
	Document   any      // of Insert and Put: anything that marshals to a BSON document
	Set        bson.D   // of Update: dotted paths and their new values
	Unset      []string // of Update: dotted paths that are removed
	If         Condition
}

// Condition is what must hold of the document as it stands, or the write, and
// all that is applied with it, is refused with [ErrConflict].
type Condition struct {
	// Version, where it is not nil, is the document's expected version.
	Version *int64

	// Fields lists dotted paths and the values they must equal. Null stands
	// for null or absent.
	Fields bson.D
}

// Insert adds a document. An id that is taken is a [*DuplicateError]. It takes
// no condition.
func Insert(collection string, document any) Write {
	return Write{Kind: KindInsert, Collection: collection, Document: document}
}

// Update sets and removes fields of the document with this id; one that does
// not exist is [ErrNotFound]. Documents on the way to a path that is set are
// made; a path through anything else is [ErrInvalid]. With nothing to set or
// remove it counts the version up, and is announced without Fields.
func Update(collection string, id any, set bson.D, unset ...string) Write {
	return Write{Kind: KindUpdate, Collection: collection, ID: id, Set: set, Unset: unset}
}

// Put stores the document under this id, in place of what is there, if
// anything. With a condition the document must exist: [ErrNotFound].
func Put(collection string, id, document any) Write {
	return Write{Kind: KindPut, Collection: collection, ID: id, Document: document}
}

// Delete removes the document with this id; one that does not exist is
// [ErrNotFound].
func Delete(collection string, id any) Write {
	return Write{Kind: KindDelete, Collection: collection, ID: id}
}

// IfVersion returns the write with the condition that the document's version
// is v.
func (w Write) IfVersion(v int64) Write {
	w.If.Version = &v
	return w
}

// IfField returns the write with one more condition: that the value at path
// equals v.
func (w Write) IfField(path string, v any) Write {
	w.If.Fields = append(w.If.Fields[:len(w.If.Fields):len(w.If.Fields)], bson.E{Key: path, Value: v})
	return w
}
