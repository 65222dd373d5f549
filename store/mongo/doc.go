// Package mongo is the contract of package store on a MongoDB replica set, whose
// change streams are the feed. Any number of nodes can share one, and other
// programs can write to it beside them.
//
// # Order
//
// A feed is one change stream on the database. MongoDB shows every stream the
// same changes in the same order, that in which its majority committed them; the
// writes of one Apply are one transaction, and stand together. A position is a
// resume token, the same on every node, sealed with a key of the deployment: it
// tells nothing, and a forged one, or one of another deployment, never reaches
// the server.
//
// # Loss
//
// Writes wait for the majority and its journal. One whose answer is lost is in
// doubt: [store.UnavailableError]. A feed opens its stream again by itself,
// behind the last change that it has read, whatever ended it: a lost link, an
// election, a stalled or restarted server, a dropped collection or database.
// Only where MongoDB no longer has the place (its oplog was trimmed) the feed
// ends, with store.ErrHistoryLost.
//
// A change's Before needs the pre-images of its collection, which Declare
// switches on. Where it may not, Before is nil, After is made of what the update
// says it set over the document as it is found a moment later, and Fields are
// those that the update names; of a replacement they are not known. Declare
// warns of each such collection once.
//
// What the drop of a collection takes away is not announced as deletions. The
// collection is prepared anew a moment later.
//
// # Secrets
//
// The fields that a collection declares Secret are masked by the server, within
// the stream: their values do not travel.
//
// # Concurrency and bounds
//
// A Store may be used by any number of goroutines. Each feed has one goroutine,
// which reads ahead of whoever asks it, a few thousand changes or [maxAhead]
// bytes at most; what is not read yet, the server keeps. Three more goroutines
// look after expired documents, dropped collections and the oplog. All of them end with
// Close. A call whose ctx has no end waits for at most [patience], but for the
// making of indexes.
//
// # In the database
//
// Documents stand in the collections of their names, behind the prefix of
// [Options]. Two more, gatehouse.store and gatehouse.sequences, hold the
// deployment's key and the sequences. Documents of transient
// collections are removed after a minute.
package mongo
