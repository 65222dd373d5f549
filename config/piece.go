package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// piece is a part of the configuration as somebody wrote it: the file, one
// variable, or one flag. It remembers where its values stand, so that a problem
// that is found later can be shown there.
type piece struct {
	layer  layer
	source string   // for people: the file's path, the variable's name
	at     []string // the key it is the value of; none for the file
	text   []byte
	root   *node
	values any // what the text says, nested from the top of the configuration
}

// node is where one value stands, and where those in it do.
type node struct {
	offset   int
	list     bool             // children are named by their index
	children map[string]*node // of a section or a list
}

// newPiece parses a text. It notes what is wrong and returns nil when nothing
// can be made of it.
func newPiece(l layer, source string, at []string, text []byte, r *report) *piece {
	p := &piece{layer: l, source: source, at: at, text: text}
	key := ""
	for _, step := range at {
		key = join(key, step)
	}
	tree, offset, message := parse(text)
	if message != "" {
		r.addTo(p, offset, key, message)
		return nil
	}
	var value any
	p.root, value = p.read(&tree, key, 0, r)
	for i := len(at) - 1; i >= 0; i-- {
		value = map[string]any{at[i]: value}
	}
	p.values = value
	return p
}

// maxDepth is how deep values may be nested. The configuration needs six.
const maxDepth = 32

// read takes a syntax tree apart into places and values: map[string]any,
// []any, string, bool, nil, int64 for a whole number and float64 for another.
func (p *piece) read(v *hujson.Value, key string, depth int, r *report) (*node, any) {
	n := &node{offset: v.StartOffset}
	if depth > maxDepth {
		r.addTo(p, n.offset, key, fmt.Sprintf("nested more than %d deep", maxDepth))
		return n, nil
	}
	switch v := v.Value.(type) {
	case *hujson.Object:
		n.children = make(map[string]*node, len(v.Members))
		values := make(map[string]any, len(v.Members))
		for i := range v.Members {
			m := &v.Members[i]
			name := m.Name.Value.(hujson.Literal).String()
			below := join(key, name)
			if n.children[name] != nil {
				r.addTo(p, m.Name.StartOffset, below, "given twice; keep one")
			}
			n.children[name], values[name] = p.read(&m.Value, below, depth+1, r)
			n.children[name].offset = m.Name.StartOffset
		}
		return n, values
	case *hujson.Array:
		n.list = true
		n.children = make(map[string]*node, len(v.Elements))
		values := make([]any, len(v.Elements))
		for i := range v.Elements {
			index := strconv.Itoa(i)
			n.children[index], values[i] = p.read(&v.Elements[i], key+"["+index+"]", depth+1, r)
		}
		return n, values
	case hujson.Literal:
		value, err := literal(v)
		if err != nil {
			r.addTo(p, n.offset, key, "the number is too large")
		}
		return n, value
	}
	return n, nil
}

// literal is the value of a literal. Its error is a number beyond float64.
func literal(l hujson.Literal) (any, error) {
	switch l.Kind() {
	case '"':
		return l.String(), nil
	case 't', 'f':
		return l.Bool(), nil
	case '0':
		if n, err := strconv.ParseInt(string(l), 10, 64); err == nil {
			return n, nil
		}
		f, err := strconv.ParseFloat(string(l), 64)
		if err != nil {
			return int64(0), err
		}
		if -1<<53 < f && f < 1<<53 && f == float64(int64(f)) {
			return int64(f), nil // 1e3 is a whole number too
		}
		return f, nil
	}
	return nil, nil
}

// spot is the place of a key in a piece.
type spot struct {
	key    string // the path, for people
	offset int    // of the key, or of the nearest section around it
	depth  int    // how many steps of the path the piece has
}

// find walks a path as far as the piece has it.
func (p *piece) find(path []string) spot {
	s := spot{offset: p.root.offset}
	at := p.root
	for i, step := range path {
		if i < len(p.at) {
			s.key = join(s.key, step)
			if step != p.at[i] {
				at = nil
			} else if at != nil {
				s.depth++
			}
			continue
		}
		if at != nil && at.list {
			s.key += "[" + step + "]"
		} else {
			s.key = join(s.key, step)
		}
		if at != nil {
			at = at.children[step]
		}
		if at != nil {
			s.offset = at.offset
			s.depth++
		}
	}
	return s
}

// place is the offset in words. Only the file has lines to speak of.
func (p *piece) place(offset int) string {
	if p.layer != fromFile {
		return p.source
	}
	before := p.text[:offset]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fmt.Sprintf("%s:%d:%d", p.source, line, column)
}

// join appends a step to a key path.
func join(key, step string) string {
	step = printable(step)
	if key == "" {
		return step
	}
	return key + "." + step
}

// printable is a name from outside, cut and quoted where it is not plain, so
// that it can neither flood nor garble a message.
func printable(name string) string {
	short := clip(name)
	if quoted := strconv.Quote(short); short == "" || quoted != `"`+short+`"` || strings.ContainsAny(short, " .[]") {
		return quoted
	}
	return short
}

// clip cuts a text that is too long for a message.
func clip(text string) string {
	const most = 64
	runes := 0
	for i := range text {
		if runes++; runes > most {
			return text[:i] + "…"
		}
	}
	return text
}
