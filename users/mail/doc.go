// Package mail writes mails to users: to confirm an address, to choose a new
// password. What is to be sent waits in an outbox in the store, as a [Job],
// which is written together with what it is about: either both happened or
// neither.
//
// A job says whom it means and why, no more. Address, key and link are found
// by a [Composer] when the mail is sent, so that enqueuing costs the same
// whether there is anybody to write to, and no secret waits in the store.
//
// # What it promises
//
// Order. Jobs are begun in the order in which they are due, a few at a time.
// Mails may overtake each other, and one that failed comes later.
//
// Loss. A job that was committed is sent at least once, whatever crashes, with
// three exceptions: nobody is meant ([ErrNobody]), the server refuses the
// recipient for good ([ErrRefused]), or it failed for 24 hours; the last two
// are logged. A mail is sent twice only where it is not known how the first
// attempt ended: the process died, or the answer of the SMTP server or of the
// store was lost.
//
// Concurrency. Any number of processes may work on the outbox of one store: a
// job is claimed by a conditional write, for two minutes, of which it may use
// one. So their clocks must not be a minute apart, or a mail may be sent twice.
// An [Outbox] may be used by any number of goroutines, except that one calls
// Run.
//
// Memory. An outbox holds at most fifty jobs and two mails, however many wait.
//
// Secrecy. No log entry of this package holds an address, a key or a link,
// with the one exception that the sender of [NewLog] is there for: it logs
// links, where there is no server that could send them.
package mail
