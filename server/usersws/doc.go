// Package usersws speaks dialect 1, the users websocket API, on the root path:
// numbered JSON events to every approved socket, and the few frames that a
// client may send.
//
// # What it promises
//
// Order. A socket hears events in the log's order. Its own echoes are announced
// in the order in which it sent them.
//
// Loss. A socket is subscribed before its handshake is answered: what is
// committed after it has opened reaches it. With since it is first given what
// it missed, then goes live, without a gap or a repeat. An echo is acknowledged
// by its own event; if it could not be stored its sender is told.
//
// Concurrency. [Service] may be used by any number of goroutines; what belongs
// to one socket is touched by that socket's reader only.
package usersws
