// Package gate decides whose sockets are let in: it matches the Origin header
// of a request against the patterns that an operator approved, and it examines
// those patterns for what they let in besides.
//
// # What it promises
//
// A [Gate] is compiled once by [New] and never changes: it may be judged by and
// linted from any number of goroutines, without a lock. It holds no other
// state, so a verdict depends on nothing but the patterns and the headers, and
// the order of requests means nothing to it. To change the patterns, make
// another Gate.
//
// Patterns are RE2, so the time that [Gate.Judge] takes grows linearly with the
// header, and a header of more than [MaxOrigin] bytes is not matched at all.
// [Gate.Lint] looks at a bounded number of origins per pattern, and says so of a
// pattern that is too large to be examined.
//
// # What is matched
//
// An Origin is tried in three forms, and one match approves it: as it was sent
// (https://example.com), its host and port (example.com:443), and its host
// (example.com). The last two exist only for a header that is an origin to the
// letter, scheme://host[:port]; anything else is tried as it was sent and in no
// other form, so that nothing can be read out of it by accident. [Forms] lists
// them.
//
// # What it proves
//
// Only of browsers: a browser sets Origin itself and no page can change it. A
// program can send what it likes. What must be authenticated needs an access
// key.
package gate
