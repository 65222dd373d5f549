// Package engine is a server of Engine.IO, version 4 of its protocol: sessions
// that carry messages over HTTP long-polling, over a WebSocket, and from the one
// to the other. It knows nothing of what the messages mean.
//
// # What it promises
//
// Order. What is sent to a session arrives in the order of the calls, also
// across an upgrade. Messages of a session are handed to its [Receiver] in order,
// one at a time.
//
// Loss. What was accepted arrives, or the session ends: a poll whose answer could
// not be written ends it, and so does a WebSocket that is cut off while it takes
// over. What waits for a client that does not poll, or reads slowly, is bounded in
// bytes, with what a message takes beside its own; over the bound the session
// ends. Packets of one POST are followed one after the other, so that those before
// a broken one count.
//
// Concurrency. Every method may be called by any goroutine, and none waits for a
// client. An idle session has no goroutine but that of the poll that waits for it.
// [Receiver.Closed] is called by whoever ends the session, which can be a call of
// Send that finds its client too slow: it must hold no lock that Closed takes.
//
// Time. A client has so long to answer a ping, to bring a POST, to take an answer,
// and to take over by a WebSocket.
//
// WebSockets are those of package wsconn, with its limits and close codes.
package engine
