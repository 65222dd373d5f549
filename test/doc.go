// Package test is the black box: it builds the binary, runs it with a configuration of its own in an empty
// folder, and speaks to it only over the network, as a stranger would. It imports nothing from this module
// and writes every number of the wire literally, so that a change of a constant cannot change both sides.
//
// Three clients speak to the server. The npm package ws, run by Node (node_test.go), is the client that the
// API's description uses; everything a well-behaved client does goes through it. A socket of hand-written
// frames (raw_test.go) does what a well-behaved client cannot. net/http does the rest.
//
// Each test starts the server it needs; tests that do so run in parallel. Nothing sleeps for a time: a test
// waits for a frame, a line of the log or a condition, and fails when that has not come within the patience
// of wait_test.go. When a test fails, the log of its server is part of the output.
package test
