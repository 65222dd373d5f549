package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// check holds a piece against the schema, notes what does not fit, and takes
// it out of the piece's values, so that the rest can be examined further.
func (p *piece) check(r *report) {
	var invalid *jsonschema.ValidationError
	if errors.As(compiled().Validate(p.values), &invalid) {
		p.note(invalid, r)
	}
	p.spreadShortForms(r)
}

// note walks to the causes of a failed validation, which are its leaves.
func (p *piece) note(e *jsonschema.ValidationError, r *report) {
	path := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			below := append(path[:len(path):len(path)], name)
			r.addAt(p, below, "unknown key"+suggestion(below))
			p.remove(below)
		}
		return
	case *kind.Required:
		for _, name := range k.Missing {
			r.addAt(p, append(path[:len(path):len(path)], name), "is missing")
		}
		return
	}
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			p.note(cause, r)
		}
		return
	}
	r.addAt(p, path, p.message(path, e.ErrorKind))
	p.remove(path)
}

// message puts what the validator found in words. A secret is not quoted.
func (p *piece) message(path []string, k jsonschema.ErrorKind) string {
	value, _ := lookup(p.values, path)
	got := "; got " + show(value, secret(path))
	switch k := k.(type) {
	case *kind.Type:
		return "must be " + typeNames(k.Want) + got
	case *kind.Enum:
		return "must be " + choice(k.Want) + got
	case *kind.Minimum:
		return "must be at least " + number(k.Want) + got
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want) + got
	case *kind.Maximum:
		return "must be at most " + number(k.Want) + got
	case *kind.MinLength:
		return "must not be empty"
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters; got %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d entries; got %d", k.Want, k.Got)
	case *kind.Pattern:
		return "must match " + k.Want + got
	case *kind.Format:
		return k.Err.Error()
	}
	return fmt.Sprintf("does not fit the schema (%s)", strings.Join(k.KeywordPath(), "/"))
}

// secret tells whether the value at a path must not be shown: it is one, or
// stands where a section with one belongs.
func secret(path []string) bool {
	s := schemaAt(path)
	return s != nil && hasSecret(s)
}

func hasSecret(s *jsonschema.Schema) bool {
	for _, below := range s.Properties {
		if hasSecret(below) {
			return true
		}
	}
	return s.WriteOnly
}

// show is a value as a message quotes it.
func show(value any, secret bool) string {
	switch value.(type) {
	case nil:
		return "null (without the key the default holds)"
	case map[string]any:
		return "a section { … }"
	case []any:
		return "a list [ … ]"
	}
	if secret {
		return "something else, not shown since it may be a secret"
	}
	switch v := value.(type) {
	case string:
		return "the text " + strconv.Quote(clip(v))
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(value)
}

// typeNames are the words for the types of JSON.
func typeNames(types []string) string {
	words := map[string]string{
		"object": "a section { … }", "array": "a list [ … ]", "string": "text",
		"integer": "a whole number", "number": "a number", "boolean": "true or false",
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = words[t]
	}
	return strings.Join(names, " or ")
}

// choice is an enum in words.
func choice(want []any) string {
	if len(want) == 1 {
		return fmt.Sprintf("%q", want[0])
	}
	names := make([]string, len(want))
	for i, w := range want {
		names[i] = fmt.Sprintf("%q", w)
	}
	return "one of " + strings.Join(names, ", ")
}

// number is a bound as it is written in the schema.
func number(n *big.Rat) string {
	f, _ := n.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// spreadShortForms moves the short forms of a file to the keys they stand for.
func (p *piece) spreadShortForms(r *report) {
	top, ok := p.values.(map[string]any)
	if !ok {
		p.values = map[string]any{}
		return
	}
	delete(top, "$schema")
	for _, name := range shortForms {
		value, short := top[name]
		if !short {
			continue
		}
		delete(top, name)
		websocket, ok := top["websocket"].(map[string]any)
		if !ok {
			websocket = map[string]any{}
			top["websocket"] = websocket
		}
		if _, long := websocket[name]; long {
			r.addAt(p, []string{name}, "given twice: this is the short form of websocket."+name+"; keep one")
			continue
		}
		websocket[name] = value
	}
}

// lookup is the value at a path.
func lookup(values any, path []string) (any, bool) {
	for _, step := range path {
		switch v := values.(type) {
		case map[string]any:
			below, ok := v[step]
			if !ok {
				return nil, false
			}
			values = below
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			values = v[i]
		default:
			return nil, false
		}
	}
	return values, true
}

// remove takes the value at a path out. In a list it leaves a gap, so that the
// others keep their index.
func (p *piece) remove(path []string) {
	if len(path) == 0 {
		p.values = map[string]any{}
		return
	}
	last := path[len(path)-1]
	above, _ := lookup(p.values, path[:len(path)-1])
	switch v := above.(type) {
	case map[string]any:
		delete(v, last)
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i >= 0 && i < len(v) {
			v[i] = nil
		}
	}
}
