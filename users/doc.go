// Package users keeps accounts and their sessions: who may log in, who is logged
// in, and what each account says about itself. Folders below it are further
// domain services: keys (access keys) and mail (what is written to people).
//
// A domain service stands on the store's contract. It knows neither HTTP nor
// sockets, and announces nothing: what it writes to the store shows in the
// store's feed, and the events come from there.
//
// The documents of users have the field names of the original server, so that a
// database of that server can be attached as it is: username, email, password (a
// bcrypt hash), registerKey (empty once the account is activated), createdOn and
// lastLoggedIn (milliseconds since 1970), privileges, meta.
//
// # What it promises
//
// Order. What one call changes is seen in the order in which it is told: a
// deleted account's files, buckets and sessions go before the account.
//
// Loss. A call that was answered is as durable as the store makes it. One that
// fails has done nothing, but for deletions, which may have begun and can be
// asked for again.
//
// Concurrency. [Accounts] may be used by any number of goroutines, and several
// processes may use one store: names and addresses are kept unique, and keys and
// sessions used once, by conditions that the store checks.
//
// Secrecy. Passwords are kept as bcrypt hashes; tokens of sessions and mailed
// keys as SHA-256 hashes. No error and no log line has any of them, nor an
// address. Who asks for a name that does not exist learns nothing by the answer
// or by its time.
package users
