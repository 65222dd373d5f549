// Package socketio is a server of Socket.IO, version 5 of its protocol, on
// Engine.IO 4 (package engine below it): what clients of the library's version 4
// speak. It knows nothing of what is said.
//
// A [Server] is an [http.Handler] for the path of Socket.IO. Programs declare
// namespaces with [Server.Of], say who may join and what is done with what comes,
// and emit events to one [Socket] or to all of a namespace.
//
// # What it promises
//
// Order. A socket is given events in the order in which they were emitted, and
// none before its client knows that it has joined; what it sends is handled in
// order, one event at a time. Connected comes before Disconnected, each once, or
// neither.
//
// Loss. Events that were accepted arrive, or the connection ends: its client
// knows of it, and returns. Who has been told that it joined misses nothing from
// then on. What waits is bounded, as are the attachments of one packet; their
// placeholders are checked, so that [Values] can be passed on as they came.
//
// Concurrency. Everything may be used by any number of goroutines, and no call
// but [Socket.Ask] waits for a client. Functions of a namespace are called by
// whoever reads, sends or ends: see there.
package socketio
