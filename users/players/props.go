package players

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Prop is something that is known of a player or a channel. Keys that end with []
// may stand several times, once for each value.
type Prop struct {
	Key   string `bson:"key" json:"key"`
	Value string `bson:"value" json:"value"`
}

// PropChange sets a prop, or with a nil value removes it.
type PropChange struct {
	Key   string
	Value *string
}

// Rejected says why a prop was not stored.
type Rejected struct {
	Key     string `json:"key"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

// Bounds of props, in UTF-16 units, and of the values under one key.
const (
	maxPropKey   = 128
	maxPropValue = 512
	maxPropArray = 1000
	maxProps     = 5000 // of one player or channel, each value counted
)

// ErrTooManyProps says that a player or a channel would have more props than it
// can.
var ErrTooManyProps = fmt.Errorf("there can be at most %d props", maxProps)

// reserved is how the keys begin that are not for clients to change.
const reserved = "META_"

// Reserved reports whether a key is not for clients.
func Reserved(key string) bool { return strings.HasPrefix(key, reserved) }

// units is the length of a text as JavaScript has it.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

func isArray(key string) bool { return strings.HasSuffix(key, "[]") }

// checkProps splits changes into those that can be made and those that cannot.
// Those without a key, and reserved ones, are dropped.
func checkProps(all []PropChange, keepReserved bool) (good []PropChange, rejected []Rejected) {
	values := map[string]int{}
	for _, c := range all {
		if isArray(c.Key) && c.Value != nil {
			values[c.Key]++
		}
	}
	refused := map[string]bool{}
	for _, c := range all {
		switch {
		case c.Key == "", keepReserved && Reserved(c.Key):
		case units(c.Key) > maxPropKey:
			rejected = append(rejected, Rejected{c.Key, "PROP_KEY_TOO_LONG", fmt.Sprintf("Prop key length (%d) exceeds %d characters", units(c.Key), maxPropKey)})
		case c.Value != nil && units(*c.Value) > maxPropValue:
			rejected = append(rejected, Rejected{c.Key, "PROP_VALUE_TOO_LONG", fmt.Sprintf("Prop value length (%d) exceeds %d characters", units(*c.Value), maxPropValue)})
		case values[c.Key] > maxPropArray:
			if !refused[c.Key] {
				refused[c.Key] = true
				rejected = append(rejected, Rejected{c.Key, "PROP_ARRAY_TOO_LONG", fmt.Sprintf("Prop array length (%d) for key '%s' exceeds %d items", values[c.Key], c.Key, maxPropArray)})
			}
		default:
			good = append(good, c)
		}
	}
	return good, rejected
}

// changed are props after changes. A key keeps its place; values of a key that
// ends with [] replace all that were there, each once, and null alone removes
// them.
func changed(had []Prop, changes []PropChange) []Prop {
	now := slices.Clone(had)
	if now == nil {
		now = []Prop{}
	}
	values, of := map[string][]string{}, map[string]bool{}
	for _, c := range changes {
		if !isArray(c.Key) {
			now = set(now, c)
			continue
		}
		if values[c.Key] == nil {
			values[c.Key] = []string{}
		}
		if c.Value != nil && !of[c.Key+"\x00"+*c.Value] {
			of[c.Key+"\x00"+*c.Value] = true
			values[c.Key] = append(values[c.Key], *c.Value)
		}
	}
	now = slices.DeleteFunc(now, func(p Prop) bool { return values[p.Key] != nil })
	for _, c := range changes {
		for _, v := range values[c.Key] {
			now = append(now, Prop{c.Key, v})
		}
		delete(values, c.Key)
	}
	return now
}

// set changes one prop that has one value.
func set(props []Prop, c PropChange) []Prop {
	i := slices.IndexFunc(props, func(p Prop) bool { return p.Key == c.Key })
	switch {
	case i < 0 && c.Value != nil:
		return append(props, Prop{c.Key, *c.Value})
	case i >= 0 && c.Value != nil:
		props[i].Value = *c.Value
	case i >= 0:
		return slices.Delete(props, i, i+1)
	}
	return props
}

// valuesOf are the values that changes give a key, each once.
func valuesOf(key string, changes []PropChange) (values []string) {
	for _, c := range changes {
		if c.Key == key && c.Value != nil && !slices.Contains(values, *c.Value) {
			values = append(values, *c.Value)
		}
	}
	return values
}

// HasProp reports whether a channel or player has a prop, of this value where one
// is given.
func HasProp(props []Prop, key, value string) bool {
	return slices.ContainsFunc(props, func(p Prop) bool { return p.Key == key && (value == "" || p.Value == value) })
}
