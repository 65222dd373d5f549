// Package users is the room of the domain: what Gatehouse knows about the
// people and programs that use it. Each folder below it is one domain service
// on the store's contract; this version has package keys, the access keys.
//
// A domain service knows neither HTTP nor sockets, and announces nothing: what
// it writes to the store shows in the store's feed, and the events come from
// there. It promises what the store promises about order and loss, and may be
// used by any number of goroutines.
package users
