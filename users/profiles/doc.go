// Package profiles keeps characters of games and what their profiles say. A
// character is known by its world and its name, without regard to case, and may
// belong to a user.
//
// # What it promises
//
// Order. What was written shows in the store's feed in the order in which the
// store took it; who reads and then hears of every change has missed none.
//
// Loss. A call that was answered is as durable as the store makes it. One that
// fails has done nothing.
//
// Concurrency. A [Profiles] may be used by any number of goroutines, and several
// processes may use one store: no two characters have the same world and name,
// and an edit is of the character as it is then.
package profiles
