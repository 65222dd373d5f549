// Package realtime speaks dialect 3: subscriptions to resources over a WebSocket,
// and the HTTP API by which resources are read and written.
//
// # What it promises
//
// Order. What a socket is told of one resource goes forward: each envelope has a
// newer version than the one before. Between resources there is no order.
//
// Loss. A subscription is noted before the resource is read for its answer, so
// that every change is in the answer or comes behind it, whoever made it and on
// whichever node. A client that takes what it is given is told of each change; of
// what one that falls behind has to wait for, only the newest of each resource is
// kept, in bounded memory, and beyond that the socket is closed with 1013. Where
// the feed of the store lost a stretch all sockets are closed with 1001: their
// clients come back and subscribe again.
//
// Concurrency. [Service] may be used by any number of goroutines. One of them
// reads the feed and tells the subscribers of what has changed, and nobody else.
package realtime
