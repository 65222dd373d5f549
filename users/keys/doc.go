// Package keys makes and checks access keys: secrets by which programs prove
// who they are, where the Origin of a browser proves nothing. Each key has a
// name, for people, and scopes, which say what may be done with it.
//
// # Tokens
//
// A token is what a client shows, such as
//
//	ghk_3f9c07a1be52_8d0c…64 hexadecimal digits…17
//
// its parts being a fixed prefix, by which secret scanners know it
// (ghk_[0-9a-f]{12}_[0-9a-f]{64}), the key's public id, and the secret. All
// its characters are safe in a header and a URL. It is given out once, by
// [Keys.Create]; the store keeps a hash of it.
//
// # What it promises
//
// Order. Once Create has answered, the key is good; once [Keys.Revoke] has
// answered, no later [Keys.Verify] or [Keys.Get] accepts it. There is no cache.
//
// Loss. What was answered is as durable as the store makes it.
//
// Concurrency. A [Keys] may be used by any number of goroutines, and several
// processes may use one store where that allows it: names are kept unique by
// the store.
package keys
