package store

import (
	"context"
	"time"
)

// Verdict says how good a [Finding] is.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "ok"
	Warning Verdict = "warning" // it works, and something can be lost
	Bad     Verdict = "bad"     // it does not work as it should
)

// Finding is one thing that was looked at, and what was found.
type Finding struct {
	Subject string  `json:"subject"` // such as "topology"
	Verdict Verdict `json:"verdict"`
	Text    string  `json:"text"`
	Remedy  string  `json:"remedy,omitempty"` // what to do, where it is not Good
}

// Examiner is a store that can be asked about its own health. An examination
// may take seconds, and may write a document of its own.
type Examiner interface {
	Examine(ctx context.Context) []Finding
}

// Reacher is a store that knows how far back its history reaches.
type Reacher interface {
	// Reach is how far that is, and false where it is not known (yet).
	Reach() (time.Duration, bool)
}
