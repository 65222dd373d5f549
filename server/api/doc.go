// Package api is the HTTP side of the events: publishing them, reading their
// history, and following them as server-sent events; and of the documents whose
// changes become events.
//
// Of events it makes the same promises as the socket: the one order of the log,
// nothing left out and nothing twice behind a place that was given as since or
// Last-Event-ID. Of documents: a change that was answered is durable and will be
// announced, and one that was made on the condition of a version has overwritten
// nothing that was written through the store after that version.
//
// Everything may be used by any number of goroutines. A stream occupies one until
// its reader leaves or the server goes down; a request about a document until the
// store has answered, for 4.5 seconds at most.
package api
