package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Key is the path of the key, such as websocket.approvedSocketDomains[2].
	// It is empty where the whole is meant.
	Key string
	// Message says what is wrong and what to do, in a few words for people.
	Message string
	// Place is where it was written: config.json:4:13 (line and column, from 1),
	// the name of a variable, "command line". It may be empty.
	Place string
}

// String is the problem in one line: place, key and message.
func (p Problem) String() string {
	parts := slices.DeleteFunc([]string{p.Place, p.Key, p.Message}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// Error is everything that is wrong with a configuration: at least one
// problem, in the order of their places, the file's before the environment's
// before the flags'. Beyond a thousand they are only counted, in a last one.
type Error struct {
	Problems []Problem
}

// Error lists the problems, one to a line.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// layer tells where a piece of configuration came from. Later ones prevail.
type layer int

const (
	fromFile layer = iota
	fromEnvironment
	fromFlags
)

// maxProblems bounds what is gathered: somebody who feeds us another kind of
// file is not helped by more.
const maxProblems = 1000

// report gathers problems until all have been found.
type report struct {
	entries []entry
	dropped int // how many came after maxProblems
}

// entry is a problem with what it is sorted by.
type entry struct {
	Problem
	layer  layer
	source string
	offset int
}

// add notes a problem that belongs to no piece, since the piece could not be
// had: an unreadable file, an unknown variable.
func (r *report) add(l layer, source, key, message string) {
	r.note(entry{Problem: Problem{key, message, source}, layer: l, source: source})
}

// addAt notes a problem with the value that stands at the path in p.
func (r *report) addAt(p *piece, path []string, message string) {
	spot := p.find(path)
	r.addTo(p, spot.offset, spot.key, message)
}

// addTo notes a problem at an offset in p.
func (r *report) addTo(p *piece, offset int, key, message string) {
	if len(r.entries) >= maxProblems {
		r.dropped++ // before place, which costs a look through the text
		return
	}
	r.note(entry{
		Problem: Problem{key, message, p.place(offset)},
		layer:   p.layer, source: p.source, offset: offset,
	})
}

func (r *report) note(e entry) {
	if len(r.entries) >= maxProblems {
		r.dropped++
		return
	}
	r.entries = append(r.entries, e)
}

// under tells whether a problem with the key, or with one below it, is noted.
func (r *report) under(key string) bool {
	return slices.ContainsFunc(r.entries, func(e entry) bool {
		rest, ok := strings.CutPrefix(e.Key, key)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// err is the *Error of what was noted, or nil.
func (r *report) err() error {
	if len(r.entries) == 0 {
		return nil
	}
	slices.SortStableFunc(r.entries, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(a.layer, b.layer), cmp.Compare(a.source, b.source),
			cmp.Compare(a.offset, b.offset), cmp.Compare(a.Key, b.Key),
		)
	})
	e := &Error{Problems: make([]Problem, len(r.entries))}
	for i, entry := range r.entries {
		e.Problems[i] = entry.Problem
	}
	if r.dropped > 0 {
		e.Problems = append(e.Problems, Problem{Message: fmt.Sprintf("and %d more problems", r.dropped)})
	}
	return e
}
