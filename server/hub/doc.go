// Package hub carries the events of a log to the sockets that want them.
//
// Sockets that want the same events form a group. When events come, a group
// joins the frames of all that wait for it into one buffer, and hands that one
// buffer to each of its members for one write. So a publish costs one encoding
// and one write per subscriber, and less than one where events come faster than
// they can be written.
//
// # What it promises
//
// Order. A member is given the events of the log that its filter lets pass, in
// the log's order.
//
// Loss. From the place where it joined, a member is given each of them once,
// until its connection ends. A connection that cannot take what it is given is
// ended by package wsconn; the hub waits for nobody.
//
// Concurrency. Join and Leave may be called by any goroutine, in any order, and
// do not wait for a delivery. Nothing is sent under a lock of the hub.
package hub
