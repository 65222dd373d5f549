// Package players keeps the players of games: how they are called (aliases), what
// is known of them (props), whether somebody plays as them (presence), and what
// lets a client open a socket (tickets) and speak for a player on it (socket
// tokens).
//
// # What it promises
//
// Order. Each change stands in the store's feed as it was committed. What is told
// of players arises from there.
//
// Loss. A call that was answered is as durable as the store makes it. A ticket
// lets in once, on whichever node it is shown.
//
// Concurrency. [Players] may be used by any number of goroutines, and several
// processes may use one store. A player is online while a socket of any process
// is identified as one of its aliases: each process keeps a lease in the store,
// and where one dies without a word, another ends what it has left behind.
package players
