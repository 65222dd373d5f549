// Package resources keeps what clients follow in realtime: values under keys
// (kvStore), collections, and live configuration. Each is one document of the
// store, and has a version.
//
// # What it promises
//
// Order. The version of a resource grows with each change, on whichever node it
// is made and whatever the clocks say: the write that makes a change is
// conditional on what it was read from, and takes a version behind that one's.
// What is deleted leaves its version behind for [remembered], so that it grows
// over that, too. Another program that writes a document without a new version
// is given one: [Seen] says which, for all nodes the same, and [Resources.Stamp]
// writes it down.
//
// Loss. A call that was answered is as durable as the store makes it. One that
// fails has done nothing, unless the store says that it is in doubt.
//
// Concurrency. [Resources] may be used by any number of goroutines, and several
// processes may use one store. With a condition ([Resources.Put]) nobody
// overwrites what he has not seen.
package resources
