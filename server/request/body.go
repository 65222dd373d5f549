package request

import (
	"encoding/json"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/fault"
)

// Body is a JSON object whose fields are known beforehand.
type Body struct{ fields bson.D }

// ParseBody reads a body that may have these fields and no others. Errors are
// INVALID_JSON and INVALID_PROPERTY.
func ParseBody(payload []byte, known ...string) (Body, error) {
	fields, err := Plain(payload)
	if err != nil {
		return Body{}, err
	}
	for _, e := range fields {
		if !slices.Contains(known, e.Key) {
			return Body{}, fault.Invalid(e.Key, "is not known here; what can be given is "+strings.Join(known, ", "))
		}
	}
	return Body{fields}, nil
}

// Value is the field of this name, and whether it was given.
func (b Body) Value(name string) (any, bool) {
	for _, e := range b.fields {
		if e.Key == name {
			return e.Value, true
		}
	}
	return nil, false
}

// Texts are fields that must be texts, in the order of their names.
func (b Body) Texts(names ...string) ([]string, error) {
	texts := make([]string, len(names))
	for i, name := range names {
		text, err := b.OptionalText(name)
		switch {
		case err != nil:
			return nil, err
		case text == nil:
			return nil, fault.Invalid(name, "is missing")
		}
		texts[i] = *text
	}
	return texts, nil
}

// OptionalText is a field that must be a text where it is given, or nil.
func (b Body) OptionalText(name string) (*string, error) {
	v, given := b.Value(name)
	if !given {
		return nil, nil //nolint:nilnil // nil is that it was not given
	}
	text, ok := v.(string)
	if !ok {
		return nil, fault.Invalid(name, "must be a text")
	}
	return &text, nil
}

// Flag is a field that must be true or false, and is false where it is absent.
func (b Body) Flag(name string) (bool, error) {
	v, given := b.Value(name)
	flag, ok := v.(bool)
	if given && !ok {
		return false, fault.Invalid(name, "must be true or false")
	}
	return flag, nil
}

// Whole is a field that must be a whole number where it is given, or nil.
func (b Body) Whole(name string) (*int32, error) {
	v, given := b.Value(name)
	if !given {
		return nil, nil //nolint:nilnil // nil is that it was not given
	}
	n, ok := v.(int32)
	if f, double := v.(float64); double && f == float64(int32(f)) {
		n, ok = int32(f), true
	}
	if !ok {
		return nil, fault.Invalid(name, "must be a whole number")
	}
	return &n, nil
}

// Object is a field that must be an object where it is given, or nil.
func (b Body) Object(name string) (*bson.D, error) {
	v, given := b.Value(name)
	if !given {
		return nil, nil //nolint:nilnil // nil is that it was not given
	}
	object, ok := v.(bson.D)
	if !ok {
		return nil, fault.Invalid(name, "must be an object")
	}
	return &object, nil
}

// Any is a property of a request over a socket as a value to be kept.
func (r Request) Any(name string) (any, error) {
	key, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	d, err := Plain(slices.Concat([]byte("{"), key, []byte(":"), r.Properties[name], []byte("}")))
	if err != nil {
		return nil, err
	}
	return d[0].Value, nil
}
