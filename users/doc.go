// Package users is where accounts and what belongs to them live, one folder for
// each domain: keys holds access keys and their scopes. Domains stand on the
// store contract and know neither HTTP nor sockets.
//
// They promise what the store promises: a call that returned without an error
// is durable, conditions are checked where the write happens, and any number of
// goroutines may call.
package users
