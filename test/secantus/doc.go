// Package secantus gives tests a server that speaks MongoDB's wire protocol: SecantusDB, an independent server on
// WiredTiger that calls itself MongoDB 8.2. Registries of packages serve no mongod; this one comes from PyPI, and
// ./test/run installs it into .cache/secantus. It is a program that tests start, and no part of the product. Where
// it is missing tests are skipped, and fail with CI=true. GATEHOUSE_TEST_SECANTUS may name another binary of it.
//
// [Start] gives a test a server of its own, to kill, to step down and to have fail. [Shared] gives all tests of a
// package one server, each with a [Database]; GATEHOUSE_TEST_MONGODB_URI puts any replica set in its place. A
// [Proxy] between the two is a network that breaks.
//
// What follows was seen with SecantusDB 0.7.0b3 and the Go driver 2.10.0.
//
// # Start and stop
//
// It listens half a second after its start, and answers at once. SIGTERM ends it with status 0 after 2 seconds,
// or 0.1 with the connections that Stop makes to wake it; a server that begins to serve a connection at that moment
// can miss the signal, so Stop repeats it. After Kill everything is there that was written with j: true or
// [Options.SyncOnCommit], and a change stream goes on from its token. On Linux a server ends with the test binary,
// whatever ended that; elsewhere one that panics or runs out of time leaves its servers behind. The folders of such
// servers stay in the system's temporary folder.
//
// # Not primary
//
// [Server.StepDown] closes no connection. Reads and open change streams go on; a write is answered 10107, without
// the label RetryableWriteError that mongod gives, so the driver does not try again but returns the error. When the
// time is over the server takes writes, but tells nobody: a driver that was told 10107 waits with all that it has
// for its next heartbeat, up to 10 seconds. With heartbeatFrequencyMS=500, as clients of this package have it, the
// next write succeeds a quarter of a second after a step-down of one second. A fail point whose code means "not
// primary" or "shutting down" (91, 189, 10058, 10107, 11600, 11602, 13435, 13436) has the driver wait in the same
// way, half a second instead of up to 10 (twice that was seen).
//
// # Fail points
//
// All that [FailPoint] has is honoured, AppName and ErrorLabels too. Without ErrorLabels a code has the labels that
// mongod gives it, so a retryable write that fails once with 91 succeeds; a writeConcernError has none, and the
// driver does not try again. On getMore no code has ResumableChangeStreamError by itself, and without that the
// driver does not resume the stream; with it, and after CloseConnection, it does. A failed aggregate is tried again.
// There is one fail point at a time, which a restart forgets.
//
// # TLS
//
// One thread accepts connections and does each handshake in turn: a client that stalls in it stalls all new ones.
package secantus
