package store

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// VersionField is the field in which a store counts the writes of a document,
// an int64. It never appears among a change's Fields.
const VersionField = "_v"

// Store keeps documents and tells of their changes; see the package
// documentation for its promises.
//
// Every method returns [*UnavailableError] when the store cannot answer, also
// when ctx ends first, and [ErrClosed] after Close. A collection that was not
// declared is [ErrUndeclared].
type Store interface {
	// Declare makes sure that the collections exist with their indexes. It is
	// idempotent. Declaring a unique index over documents that already break
	// it fails with a [*DuplicateError].
	Declare(ctx context.Context, collections ...Collection) error

	// Get returns the document with this id, or [ErrNotFound].
	Get(ctx context.Context, collection string, id any) (bson.Raw, error)

	// Find returns the documents that match, in the query's order.
	Find(ctx context.Context, collection string, q Query) ([]bson.Raw, error)

	// Apply makes the writes together: all of them happen, at one place of the
	// feed, or none does and the error is a [*WriteError] that names the one
	// that was refused. No writes is no error.
	Apply(ctx context.Context, writes ...Write) error

	// Take deletes the document with this id and returns it, for what may be
	// used once: of any number of concurrent calls one gets the document, the
	// others get [ErrNotFound].
	Take(ctx context.Context, collection string, id any) (bson.Raw, error)

	// Sequence returns the next whole number of this name: 1, then 2, and so
	// on, each to one caller only. Numbers of failed calls may be left out.
	Sequence(ctx context.Context, name string) (int64, error)

	// Watch opens a feed of the changes to these collections, from the place
	// that start names. A place that the store no longer reaches, or never
	// knew, is [ErrHistoryLost]. Ctx bounds the opening only.
	Watch(ctx context.Context, start Start, collections ...string) (Feed, error)

	// Oldest returns a position as far back as the store can tell cheaply, but
	// with no more than within changes behind it (0: however many),
	// such that Watch accepts it now.
	Oldest(ctx context.Context, within int) (Position, error)

	// Close ends every feed with [ErrClosed] and frees what the store holds.
	// Writes that were accepted are finished first. It is idempotent.
	Close() error
}

// Collection declares a named set of documents.
type Collection struct {
	// Name is the collection's name: letters, digits, "_", "-", and "." within;
	// not "system." nor "gatehouse." at its beginning.
	Name string

	// Foreign collections belong to other programs. A store that sets the
	// collections of this one apart, by a prefix, leaves their names alone.
	Foreign bool

	// Indexes by which its documents are found and kept unique.
	Indexes []Index

	// Expiry is the dotted path of a date field, or empty. A document whose
	// date has passed is deleted some time later, and the deletion is
	// announced like any other. Until then it can still be read: who must
	// know exactly compares the date.
	Expiry string

	// Transient collections exist for the feed alone. Their documents can be
	// inserted, and the insert is announced; they cannot be read or changed
	// (that is [ErrTransient]), and they go away unannounced. Such a collection
	// has neither Indexes nor Expiry.
	Transient bool

	// Secret names top-level fields whose values never leave the store in a
	// change. In Before and After such a field is true where it holds
	// something, "" where it holds null or an empty string, and absent where
	// it is absent. Its name may stand in Fields.
	Secret []string
}

// Index declares a way to find documents.
type Index struct {
	// Fields are dotted paths. A document that lacks one of them (or has null
	// there) is not in the index.
	Fields []string

	// Unique forbids two documents with equal values in all Fields.
	Unique bool

	// Fold compares strings without regard to case, in Find and for Unique.
	Fold bool
}

// Query says which documents to find. The zero value finds all.
type Query struct {
	// Where lists fields (dotted paths) and the values they must equal. The
	// fields must be "_id" alone, or all the fields of one declared index in
	// any order; anything else is [ErrNoIndex]. A Fold index compares
	// without regard to case.
	Where bson.D

	// Contains narrows to documents in which one of the fields holds the text
	// literally, without regard to case.
	Contains *Contains

	// Order sorts by the value of a field (dotted path), by _id where it is
	// empty. Equal values are sorted by _id, always ascending. Values sort in
	// BSON's order; absent is null.
	Order      string
	Descending bool

	// Skip and Limit choose a page; a Limit of 0 is no limit.
	Skip, Limit int
}

// Contains is a person's search: a literal text in any of the fields.
type Contains struct {
	Text   string
	Fields []string
}
