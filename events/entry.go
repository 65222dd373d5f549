package events

import (
	"strconv"
	"strings"
)

// Entry is an event as the log holds it: encoded, once for everybody. Nobody may
// write to it.
type Entry struct {
	// Type and ID are the event's.
	Type Type
	ID   string

	// Seq counts the entries of this log, from 1. It is this process's own and
	// names no event to others.
	Seq uint64

	// Frame is the event as a complete frame, JSON its payload.
	Frame, JSON []byte

	typeKey string // ",10,"
	userKey string
}

// entry encodes an event. Frame turns a payload into a frame that ends with it.
func entry(e Event, frame func([]byte) []byte) *Entry {
	payload := e.JSON()
	f := frame(payload)
	return &Entry{
		Type:    e.Type,
		ID:      e.ID,
		Frame:   f,
		JSON:    f[len(f)-len(payload):],
		typeKey: "," + strconv.Itoa(int(e.Type)) + ",",
		userKey: strings.ToLower(e.Username),
	}
}
