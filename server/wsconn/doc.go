// Package wsconn holds WebSocket connections: the upgrade, what is read from
// them, the one writer of each, pings, limits and the ways in which they end.
// It knows nothing of what the messages mean.
//
// # What it promises
//
// Order. What is sent to a connection arrives in the order of the calls.
// Messages from a connection are handed to its [Handler] in order, one at a
// time.
//
// Loss. A frame that was accepted is written whole or the connection ends;
// nothing is skipped in between. What waits for a slow client is bounded in
// bytes; over the bound the connection is closed with [CloseTooSlow], and the
// reason names the last event that went out before it.
//
// Concurrency. Every method of [Conn] and [Server] may be called by any
// goroutine. Send never waits for a client: bytes go to the kernel at once,
// or they are queued.
//
// # How it is built
//
// On Linux a plain TCP connection leaves Go's network poller after the
// upgrade: its descriptor waits in an epoll set of our own, and a goroutine and
// a buffer are lent to it only while it has something to say. Messages are
// still read by gorilla's reader, which is given the bytes of one frame and
// never more, so that it holds nothing between messages. Elsewhere, and under
// TLS, a connection has a goroutine that reads; what is sent is the same.
package wsconn
