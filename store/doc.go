// Package store is the contract between Gatehouse and whatever keeps its
// documents: named collections of BSON documents, and one ordered, resumable
// feed of every change that was made to them.
//
// # What a store promises
//
// Order. All feeds of one store show the same changes in the same order: the
// order in which they were committed. The writes of one [Store.Apply] stand
// next to each other, in the order in which they were given.
//
// Loss. A write that was answered without an error is durable and will be
// shown by every feed that reaches its place. A feed shows a change only after
// it is durable. A feed that cannot show a stretch says so with
// [ErrHistoryLost]; it never skips silently.
//
// Doubt. A write whose answer was lost may have happened: its error is an
// [*UnavailableError] with InDoubt set. If it happened, it happened whole and
// once.
//
// Concurrency. A Store may be used by any number of goroutines at once; a
// [Feed] by one, except for Close.
//
// # Documents
//
// Documents are BSON, so that every store holds the same. Each has an "_id" of
// any BSON value but an array, a regular expression or undefined; Insert makes
// an ObjectID where it is absent. The store keeps a document's version in the
// field [VersionField], whatever a caller puts there: 1 after the insert, one
// more with each write made through this contract. A document that another
// program wrote may lack it; it counts as version 0.
//
// A field's name is not empty, does not begin with "$" and holds no dot, on
// every level: a dotted path can name each field. Paths step into documents,
// not into arrays. [MaxDocumentSize] and [MaxDocumentDepth] bound a document.
// What breaks these rules is [ErrInvalid].
//
// Values are equal where BSON's comparison says so: the numbers 1, 1.0 and
// int64(1) are, in conditions, queries, unique indexes and ids.
//
// Two stores pass the one suite in store/storetest: store/embedded, one local
// file, and store/mongo, a MongoDB replica set.
package store
