package events

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Rule makes an event of a deployment's own out of changes.
type Rule struct {
	Number     Type   // FirstCustom or more
	Name       string // for people
	Collection string
	Operation  string            // insert, update, delete or any
	Fields     []string          // dotted paths; an update counts if it touched one of them; none: any
	Where      map[string]any    // dotted paths and the JSON values they must have, after (before, for a delete)
	Properties map[string]string // names in the event, and the dotted paths they come from
	Username   string            // dotted path of whom it is about
}

// Rules are the built-in rules and a deployment's own. They do not change.
type Rules struct {
	custom      map[string][]Rule
	declared    map[Type]Rule
	collections []string
}

// NewRules adds a deployment's rules to the built-in ones. Rules that could tell
// a secret of a user are refused.
func NewRules(custom ...Rule) (*Rules, error) {
	r := &Rules{custom: map[string][]Rule{}, declared: map[Type]Rule{}}
	for c := range builtin {
		r.collections = append(r.collections, c)
	}
	for i, c := range custom {
		switch {
		case c.Number < FirstCustom:
			return nil, fmt.Errorf("events.rules[%d].number: %d is below %d, where a deployment's own numbers begin", i, c.Number, FirstCustom)
		case c.Collection == "":
			return nil, fmt.Errorf("events.rules[%d].collection: is empty", i)
		}
		for _, path := range c.paths() {
			top, _, _ := strings.Cut(path, ".")
			if c.Collection == Users && (slices.Contains(secretFields, top) || top == "email") {
				return nil, fmt.Errorf("events.rules[%d]: names %s of users, which no event may tell", i, top)
			}
		}
		r.custom[c.Collection] = append(r.custom[c.Collection], c)
		r.declared[c.Number] = c
		r.collections = append(r.collections, c.Collection)
	}
	slices.Sort(r.collections)
	r.collections = slices.Compact(r.collections)
	return r, nil
}

// paths are all the paths that the rule reads.
func (r Rule) paths() []string {
	paths := append(slices.Clone(r.Fields), r.Username)
	for p := range r.Where {
		paths = append(paths, p)
	}
	for _, p := range r.Properties {
		paths = append(paths, p)
	}
	return paths
}

// Collections are the sorted names of the collections that any rule looks at.
func (r *Rules) Collections() []string { return r.collections }

// Declared reports whether a type is one that this deployment has declared.
func (r *Rules) Declared(t Type) bool {
	_, ok := r.declared[t]
	return ok
}

// Rule is the one that declares a type, and false where none does.
func (r *Rules) Rule(t Type) (Rule, bool) {
	rule, ok := r.declared[t]
	return rule, ok
}

// events are what a change means, in order, with their ids.
func (r *Rules) events(c store.Change) []Event {
	var ds []draft
	if b := builtin[c.Collection]; b != nil {
		ds = b(c)
	}
	for _, rule := range r.custom[c.Collection] {
		if rule.applies(c) {
			ds = append(ds, rule.draft(c))
		}
	}
	if len(ds) == 0 {
		return nil
	}
	es := make([]Event, len(ds))
	for i, d := range ds {
		es[i] = Event{
			Type:     d.kind,
			ID:       place{c.Position, i, i == len(ds)-1}.String(),
			Time:     c.Time,
			Username: d.username,
			Body:     d.body,
		}
	}
	return es
}

// document is the one that a rule looks at.
func document(c store.Change) bson.Raw {
	if c.Op == store.OpDelete {
		return c.Before
	}
	return c.After
}

func (r Rule) applies(c store.Change) bool {
	if r.Operation != "any" && r.Operation != string(c.Op) {
		return false
	}
	if c.Op == store.OpUpdate && len(r.Fields) > 0 && !slices.ContainsFunc(r.Fields, func(f string) bool { return touches(c.Fields, f) }) {
		return false
	}
	doc := document(c)
	for path, want := range r.Where {
		v, err := lookup(doc, path)
		if err != nil {
			if want == nil {
				continue // null stands for absent too, as in a query
			}
			return false
		}
		var got any
		if json.Unmarshal(store.JSONValue(v), &got) != nil || !reflect.DeepEqual(got, number(want)) {
			return false
		}
	}
	return true
}

// touches reports whether a change of these fields concerns what is at path: the
// value itself, a part of it, or a document that holds it.
func touches(fields []string, path string) bool {
	return slices.ContainsFunc(fields, func(f string) bool {
		return f == path || strings.HasPrefix(f, path+".") || strings.HasPrefix(path, f+".")
	})
}

// number gives a number as JSON decodes it, so that it can be compared.
func number(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var n any
	if json.Unmarshal(b, &n) != nil {
		return v
	}
	return n
}

func (r Rule) draft(c store.Change) draft {
	doc := document(c)
	d := draft{kind: r.Number}
	var ps []property
	if r.Username != "" {
		if v, err := lookup(doc, r.Username); err == nil {
			if s, ok := v.StringValueOK(); ok {
				d.username = s
				ps = append(ps, property{"username", s})
			}
		}
	}
	names := make([]string, 0, len(r.Properties))
	for n := range r.Properties {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if v, err := lookup(doc, r.Properties[n]); err == nil {
			ps = append(ps, property{n, store.JSONValue(v)})
		}
	}
	d.body = body(ps...)
	return d
}

func lookup(doc bson.Raw, path string) (bson.RawValue, error) {
	return doc.LookupErr(strings.Split(path, ".")...)
}
