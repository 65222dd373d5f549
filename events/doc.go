// Package events turns the changes of a store into numbered events, and keeps
// them in the one order in which everybody hears of them.
//
// A change says what happened to a document; the rules say what that means: one
// event, several, or none. Nothing else makes an event, so an event that was
// seen was committed, whoever wrote it.
//
// # What it promises
//
// Order. [Log] holds events in the order of the store's feed. Every reader sees
// that order; it may lag, it never goes back.
//
// Loss. An event is in the log exactly once. Its id is the same on every node
// and after a restart: it is made of the change's position and the event's
// place among those of the change. Where the feed itself lost a stretch the log
// holds an entry of type [Error] that says so, once; it goes on behind it, or
// ends with [ErrGap].
//
// Concurrency. Everything may be used by any number of goroutines, but for a
// [Reader], which belongs to one.
//
// Memory. The log keeps the last events ready as frames, bounded in number and
// in bytes; older ones are read back from the store and turned into events by
// the same rules. Readers that come back to the same stretch of history read it
// together: at most eight feeds are open beside the log's own, however many
// readers return, and who needs another waits for its turn.
package events
