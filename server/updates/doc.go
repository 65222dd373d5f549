// Package updates speaks dialect 2: update notifications over Socket.IO, in the
// namespace /updates, and the API of characters' profiles that they are used
// with.
//
// A socket that joins is given a session token. Who reads a profile and shows a
// token subscribes the token's socket to that character: it is told when the
// character changes, once, and is unsubscribed then.
//
// # What it promises
//
// Order. A subscription stands in the store's feed, as the changes do. It is
// written before the profile is read: a change that the answer does not show
// comes behind it.
//
// Loss. A subscription that was answered is followed by one notification of the
// next change, whoever makes it and on whichever node, or by the end of the
// socket. Where the feed lost a stretch all sockets are ended: their clients
// come back, and read afresh.
//
// Concurrency. [Service] may be used by any number of goroutines. Subscriptions
// are kept by the node that holds the socket, in memory, and go with it; to tell
// it of one costs one write, and nothing is written for a change.
package updates
