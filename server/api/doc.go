// Package api is the HTTP side of the events: publishing them, reading their
// history, and following them as server-sent events.
//
// It makes the same promises as the socket: the one order of the log, nothing
// left out and nothing twice behind a place that was given as since or
// Last-Event-ID. Everything may be used by any number of goroutines; a stream
// occupies one until its reader leaves or the server goes down.
package api
