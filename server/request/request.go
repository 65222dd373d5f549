// Package request reads what a client sends: over a socket or in a POST a JSON
// object with an eventType, and documents. It decides nothing but whether it can be understood,
// keeps nothing, and may be used by any goroutine.
package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatehouse/events"
	"gatehouse/server/fault"
)

// maxID bounds the request id, which comes back with every reply.
const maxID = 256

// Request is what a client sent, as far as it was understood.
type Request struct {
	Type       events.Type
	ID         json.RawMessage // a string or a number; nil if there was none
	Properties map[string]json.RawMessage
}

// Parse reads a payload. The id is given back also with an error, where it could
// be read. Errors are [*fault.Error]s: INVALID_JSON, INVALID_EVENT, UNKNOWN_EVENT,
// INVALID_PROPERTY.
func Parse(payload []byte) (Request, error) {
	var r Request
	// A map, because encoding/json matches the fields of a struct without
	// regard to case.
	err := decode(payload, &r.Properties)
	var invalid *fault.Error
	switch {
	case errors.As(err, &invalid):
		return Request{}, err
	case err != nil, r.Properties == nil:
		return Request{}, fault.New(fault.InvalidEvent, "this is not a JSON object")
	}
	if r.ID, err = parseID(r.Properties["requestId"]); err != nil {
		return r, err
	}
	r.Type, err = parseType(r.Properties["eventType"])
	return r, err
}

// decode reads JSON. What is none is INVALID_JSON; other errors are of what it is
// read into.
func decode(payload []byte, into any) error {
	if !utf8.Valid(payload) {
		return fault.New(fault.InvalidJSON, "this is not UTF-8")
	}
	err := json.Unmarshal(payload, into)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fault.New(fault.InvalidJSON, "this is not JSON: "+syntax.Error()+", at byte "+strconv.FormatInt(syntax.Offset, 10))
	}
	return err
}

func parseID(raw json.RawMessage) (json.RawMessage, error) {
	if raw == nil {
		return nil, nil
	}
	if raw[0] != '"' && raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil, fault.Invalid("requestId", "must be a string or a number")
	}
	if len(raw) > maxID {
		return nil, fault.Invalid("requestId", "is longer than "+strconv.Itoa(maxID)+" bytes")
	}
	return raw, nil
}

// parseType reads a whole number, in any of the ways in which JSON can write it.
func parseType(raw json.RawMessage) (events.Type, error) {
	if raw == nil {
		return 0, fault.New(fault.InvalidEvent, "eventType is missing")
	}
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, fault.New(fault.InvalidEvent, "eventType is not a number")
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case n != math.Trunc(n):
		return 0, fault.New(fault.InvalidEvent, "eventType is not a whole number")
	case err != nil, n < 0, n > math.MaxInt32:
		return 0, fault.New(fault.UnknownEvent, "no event has this eventType")
	}
	return events.Type(n), nil
}

// Text reads a property that must be a string.
func (r Request) Text(name string) (string, error) {
	raw, ok := r.Properties[name]
	if !ok {
		return "", fault.Invalid(name, "is missing")
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", fault.Invalid(name, "must be a string")
	}
	return *s, nil
}

// Flag reads a property that is true or false, and true where it is absent.
func (r Request) Flag(name string) (bool, error) {
	switch raw := r.Properties[name]; string(raw) {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fault.Invalid(name, "must be true or false")
}

// Echo makes an announcement of an echo.
func (r Request) Echo() (events.Announcement, error) {
	message, ok := r.Properties["message"]
	if !ok {
		return events.Announcement{}, fault.Invalid("message", "is missing")
	}
	return events.NewEcho(message, r.ID), nil
}

// Own makes an announcement of a deployment's own type. Its properties are those
// that were sent, any of what the rule declares and nothing else.
func (r Request) Own(rule events.Rule) (events.Announcement, error) {
	for _, reserved := range []string{"id", "time"} {
		if _, ok := r.Properties[reserved]; ok {
			return events.Announcement{}, fault.Invalid(reserved, "is given by the server")
		}
	}
	a := events.Announcement{Type: r.Type}
	if _, ok := r.Properties["username"]; ok {
		name, err := r.Text("username")
		if err != nil {
			return events.Announcement{}, err
		}
		a.Username = name
	}
	own := maps.Clone(r.Properties)
	delete(own, "eventType")
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if err := declared(rule, name); err != nil {
			return events.Announcement{}, err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		key, _ := json.Marshal(name)
		b = append(append(b, key...), ':')
		b = events.AppendCompact(b, own[name])
	}
	a.Body = append(b, '}')
	return a, nil
}

// declared says that a rule does not give its events a property of this name.
func declared(rule events.Rule, name string) error {
	names := slices.Sorted(maps.Keys(rule.Properties))
	if rule.Username != "" {
		names = append(names, "username")
	}
	switch {
	case slices.Contains(names, name):
		return nil
	case len(names) == 0:
		return fault.Invalid(name, fmt.Sprintf("events of %s (%d) have no properties", rule.Name, rule.Number))
	}
	return fault.Invalid(name, fmt.Sprintf("is no property of %s (%d); its properties are %s", rule.Name, rule.Number, strings.Join(names, ", ")))
}

// Refuse is the error for a type that cannot be sent: one that arises from what
// happens, or none at all.
func Refuse(t events.Type, declared bool) error {
	if declared || t < events.FirstCustom && t.Known() {
		return fault.New(fault.NotAccepted, "events of this type cannot be sent here")
	}
	return fault.New(fault.UnknownEvent, "no event has this eventType")
}
