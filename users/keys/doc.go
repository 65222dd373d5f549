// Package keys holds access keys: what a program shows to be more than any
// approved Origin is.
//
// A key's token is told once, when it is created; the store keeps a hash of it.
// What is created or revoked counts for every call that begins after it
// returned, on every node: nothing is cached. Any number of goroutines may use
// [Keys].
package keys
