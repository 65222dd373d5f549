package mail

import (
	"context"
	"errors"
)

// Message is a composed mail.
type Message struct {
	To       string // the address
	Username string
	Kind     Kind    // as in the job, where it is empty
	Link     string  // of Activation and Reset
	Key      string  // what the link carries
	Hours    float64 // how long the link works
}

// Composer finds whom a job means, and what it needs to tell them. It may be
// called several times for one job, by several goroutines at once. Its context
// ends after a minute at most.
type Composer interface {
	// Compose returns the mail of a job, or [ErrNobody]. After any other error
	// it is asked again later.
	Compose(ctx context.Context, j Job) (Message, error)
}

// Sender sends mails. It is used by several goroutines at once.
type Sender interface {
	// Send returns once the mail is in somebody else's hands. [ErrRefused]
	// means that it never will be; after any other error it is tried again.
	Send(ctx context.Context, m Message) error
}

// The errors of composing and sending, to be compared with errors.Is.
var (
	// ErrNobody: there is nobody to write to, or nothing to say. The job is
	// dropped silently.
	ErrNobody = errors.New("nobody to write to")

	// ErrRefused: this recipient cannot be written to, and it is no use to try
	// again. The job is dropped, and the log says so.
	ErrRefused = errors.New("the recipient was refused for good")
)
