// Package test is the black box: it builds the binary, runs it with a configuration of its own in an empty
// folder, and speaks to it only over the network, as a stranger would. It imports nothing from this module
// but what starts MongoDB (test/secantus), and writes every number of the wire literally, so that a change of a
// constant cannot change both sides.
//
// Three clients speak to the server. The npm package ws, run by Node (node_test.go), is the client that the
// API's description uses; everything a well-behaved client does goes through it. A socket of hand-written
// frames (raw_test.go) does what a well-behaved client cannot. net/http does the rest. On MongoDB a fourth one,
// the driver, writes to the database behind the server's back, as other programs do (mongo_program_test.go).
//
// The servers keep their data in the embedded store, or, with GATEHOUSE_TEST_STORE=mongodb, in a database of
// MongoDB for each test (store_test.go); every test passes on both but those that say why not. What is about
// MongoDB alone is in the files mongo_*_test.go, and waits for that run.
//
// Each test starts the server it needs; tests that do so run in parallel. Nothing sleeps for a time: a test
// waits for a frame, a line of the log or a condition, and fails when that has not come within the patience
// of wait_test.go. When a test fails, the log of its server is part of the output.
package test
