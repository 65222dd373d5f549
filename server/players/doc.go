// Package players speaks dialect 4: the socket of players, which a ticket opens,
// and the routes under /v1 that game clients call beside it. Shapes and words are
// those that published clients of games expect, field by field.
//
// # What it promises
//
// Order. The requests of a socket are judged and answered in their order. What is
// told to others arises from the store's feed, and reaches all sockets of all
// nodes in its order.
//
// Loss. A socket is told of everything from its identification on, or it is
// closed: with 1001 where the feed lost a stretch, with 4008 where it takes too
// little.
//
// Concurrency. [Service] may be used by any number of goroutines. One of them
// reads the feed, and tells.
package players
