// Package storetest is the suite that every store passes: what package store
// promises, sentence by sentence, and nothing that only one store does.
//
// It can run against a server that others use too: every case declares
// collections of its own, under names that were never used before, and watches
// only them. It waits for conditions, with deadlines far beyond what any store
// needs, and asserts no times. What is particular to a store, such as how its
// history is lost, belongs into that store's own tests.
package storetest
