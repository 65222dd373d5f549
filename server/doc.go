// Package server is the HTTP server: it wires the gate, the log, the hub and the
// dialects, and starts and stops them.
//
// # What it promises
//
// Every request that names an Origin passes the gate before anything else is
// done for it. New does nothing that must be undone; Start serves; Stop ends
// everything in reverse order, each step bounded, and names the step that
// failed. Apply replaces the settings at once for all: no request sees half of
// them. Errors have the one shape of package fault.
package server
