package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/store"
)

// announceTimeout is how long a sender waits for the store before it is told
// that the store is not available: within 5 seconds, the way back included.
const announceTimeout = 4500 * time.Millisecond

// Announcement is an event that somebody publishes as it is: an echo, or a type
// of the deployment's own.
type Announcement struct {
	Type     Type
	Username string
	Body     json.RawMessage // a JSON object in UTF-8
}

// announcement is an Announcement as the store holds it. The body is text, not
// BSON: numbers, their spelling and the order of keys must arrive as they were
// sent.
type announcement struct {
	Type     Type   `bson:"type"`
	Username string `bson:"username,omitempty"`
	Body     string `bson:"body"`
}

// Collections are what this package keeps in the store: what is announced, and
// the canaries that show that the feed is alive.
func Collections() []store.Collection {
	return []store.Collection{
		{Name: announcements, Transient: true},
		{Name: canaries, Transient: true},
	}
}

// NewEcho makes an echo of a message, which may be any JSON value, and of the
// sender's request id, if there is one. Space between the parts of the JSON is
// dropped, everything else stays as it was sent.
func NewEcho(message, requestID json.RawMessage) Announcement {
	b := make([]byte, 0, len(message)+len(requestID)+32)
	b = AppendCompact(append(b, `{"message":`...), message)
	if requestID != nil {
		b = AppendCompact(append(b, `,"requestId":`...), requestID)
	}
	return Announcement{Type: Echo, Body: append(b, '}')}
}

// AppendCompact appends valid JSON without the space between its parts: events
// go into server-sent events too, where a line break would end one.
func AppendCompact(b []byte, raw json.RawMessage) []byte {
	w := bytes.NewBuffer(b)
	if json.Compact(w, raw) != nil {
		return append(b, "null"...)
	}
	return w.Bytes()
}

// Announce publishes what it is given, together and in order: all of it reaches
// everybody, or none does and the error says why. It returns when the store has
// it; a store that does not answer in time is a [*store.UnavailableError].
func Announce(ctx context.Context, st Applier, as ...Announcement) error {
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	writes := make([]store.Write, len(as))
	for i, a := range as {
		if !isObject(string(a.Body)) {
			return fmt.Errorf("announcement %d: the body is not a JSON object", i)
		}
		writes[i] = store.Insert(announcements, announcement{a.Type, a.Username, string(a.Body)})
	}
	err := st.Apply(ctx, writes...)
	if err != nil && ctx.Err() != nil && !errors.Is(err, store.ErrUnavailable) {
		return &store.UnavailableError{InDoubt: true, Err: err}
	}
	return err
}

// Applier is the store as a publisher needs it.
type Applier interface {
	Apply(ctx context.Context, writes ...store.Write) error
}
