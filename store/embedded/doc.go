// Package embedded is the contract of package store in one local bbolt file,
// so that a first run needs nothing installed.
//
// # Order
//
// One goroutine, the writer, owns the file's write transactions. It takes all
// the calls that wait, makes them one after the other in one transaction,
// commits it (two fsyncs), then shows the changes to the feeds, and then
// answers the callers. While it commits, the next ones gather: the more
// writers there are, the more of them share an fsync. The order of the feed is
// that in which the writer took the calls.
//
// # Loss
//
// An answered write survives kill -9 and, as far as the disk's own promise
// holds, a loss of power. Changes are in the file, in a log that is written in
// the same transaction as the documents; it keeps about [History].Events of
// them, and none that is much older than [History].Age. A feed that needs older ones gets
// store.ErrHistoryLost. A copy of the file that is put back in place of a newer
// one knows nothing of the positions given out after the copy was taken, and
// will give them out again: give such a file a new start for its readers.
//
// # Concurrency and bounds
//
// One process opens the file at a time ([ErrLocked]). Reads run beside the
// writer. The queue to the writer is bounded, callers wait in front of it until
// their ctx ends. Feeds share one bounded tail of recent changes in memory and
// read older ones from the file in bounded pieces: a slow feed costs no memory,
// holds no transaction and has no goroutine.
//
// # The file
//
// A bbolt file of format 1 with these buckets at its top:
//
//	gatehouse              "format" (uint32), "id" (8 random bytes)
//	log                    number (uint64) → change, see record.go
//	sequences              name → uint64
//	NAME/documents         key of the _id (key.go) → document (BSON)
//	NAME/index/FLAGS/…     key of the fields [+ key of the _id] → key of the _id
//	NAME/expiry/…          date + key of the _id → nothing
//
// Numbers are big-endian. An index's name holds its fields and its flags, so a
// changed declaration is another bucket, made by Declare.
//
// # Faults
//
// Opening fails with an [*OpenError] and leaves the file as it was. Later, a
// full disk makes writes fail with *store.UnavailableError until there is
// space again, while reads go on; bytes that the disk has damaged make the calls
// that meet them fail, and never end the process.
package embedded
