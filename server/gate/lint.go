package gate

import (
	"fmt"
	"strings"
)

// Kind says what is wrong with a pattern. Kinds are only ever added.
type Kind string

// The kinds of warnings.
const (
	// Everything: it approves any host, at least under one scheme or port.
	Everything Kind = "everything"
	// Unanchored: it is found anywhere in a longer host.
	Unanchored Kind = "unanchored"
	// UnanchoredStart: it is found at the end of a longer host.
	UnanchoredStart Kind = "unanchored-start"
	// UnanchoredEnd: it is found at the beginning of a longer host or port.
	UnanchoredEnd Kind = "unanchored-end"
	// Alternation: ^a|b$ anchors the beginning of a and the end of b.
	Alternation Kind = "alternation"
	// UnescapedDot: a dot of a host name stands for any character.
	UnescapedDot Kind = "unescaped-dot"
	// Wildcard: .* or .+ runs over the border of a domain.
	Wildcard Kind = "wildcard"
	// Null: it approves null, which any page can have sent.
	Null Kind = "null"
	// NoBrowser: it approves nothing that a browser sends.
	NoBrowser Kind = "no-browser"
	// NotExamined: it is too large to be examined in a moment.
	NotExamined Kind = "not-examined"
)

// Warning is one way in which a pattern lets in more, or less, than it seems to.
type Warning struct {
	Index   int    // the place of the pattern in the list, from 0
	Pattern string // as it was written
	Kind    Kind
	// Origin would get in: the gate was asked. Of a NoBrowser it is what a
	// program would have to send, or "" if none was found; of NotExamined "".
	Origin string
	// Remedy is the pattern to write instead, which mends everything that
	// was found in this one; "" if none is known. The gate has shown that it
	// approves the origins that the pattern seems to mean, no Origin that a
	// warning names, and gives no warning itself.
	Remedy  string
	Message string // all of this in a sentence, patterns as in a JSON file
}

// String returns the message.
func (w Warning) String() string { return w.Message }

// The largest pattern that is examined. What people write is far below it.
const (
	maxPattern      = 2048 // bytes
	maxInstructions = 2000 // of its program
)

// Lint examines each pattern for what it approves beyond what it seems to mean,
// and returns the warnings in the order of the patterns, at most one of each
// kind for a pattern. Origins that it names were made from the pattern and then
// approved by a gate of it alone, so each of them really gets in. It does not
// prove that nothing else does, and knows nothing of who owns which name: that
// \.com$ approves half the world is for the operator to see.
//
// It takes a millisecond for a pattern, and a part of a second for the worst
// that it examines: call it when patterns are loaded, not when they are used.
func (g *Gate) Lint() []Warning {
	var all []Warning
	for i, re := range g.patterns {
		for _, w := range lintPattern(re.String()) {
			w.Index, w.Pattern = i, re.String()
			all = append(all, w)
		}
	}
	return all
}

// lintPattern leaves Index and Pattern to its caller.
func lintPattern(pattern string) []Warning {
	if !examinable(pattern) {
		return []Warning{{Kind: NotExamined, Message: fmt.Sprintf(
			"%s is too large to be examined for what else it approves; write several short patterns instead", quote(clip(pattern)))}}
	}
	found := examine(pattern)
	if len(found.findings) == 0 {
		return nil
	}
	remedy := remedyFor(pattern, found)
	var warnings []Warning
	for _, f := range found.findings {
		warnings = append(warnings, Warning{
			Kind: f.kind, Origin: f.origin, Remedy: remedy,
			Message: message(quote(pattern), f, remedy),
		})
	}
	return warnings
}

// phrases gives what is said of each kind, of the quoted pattern and the
// origin; what to do when a remedy is known, which follows; and what to do when
// none is.
var phrases = map[Kind]struct{ what, remedy, without string }{
	Everything: {
		"%s approves any host, %s too", "write",
		`write the hosts that are meant, such as "^example\\.com$"`,
	},
	Unanchored: {"%s also approves %s", "anchor it", "anchor it with ^ and $"},
	UnanchoredStart: {
		"%s also approves %s", "anchor it", "anchor it with ^",
	},
	UnanchoredEnd: {
		"%s also approves %s", "anchor it", "anchor it with $",
	},
	Alternation: {
		"%s also approves %s, as an anchor binds to one branch only", "group the branches",
		"anchor each branch, or write several patterns",
	},
	UnescapedDot: {
		"%s also approves %s, as a bare dot stands for any character", "escape it",
		`escape the dots of names: \\.`,
	},
	Wildcard: {
		"%s also approves %s, as its wildcard runs over the border of a domain", "write",
		`write the hosts that are meant, such as "^example\\.com$"`,
	},
	Null: {
		"%s also approves %s, which any page can send from a sandboxed frame", "write",
		"leave it out, and give programs an access key",
	},
	NoBrowser: {
		"%s approves no browser: %s",
		"write", `write the host alone, such as "^example\\.com$"`,
	},
}

func message(pattern string, f finding, remedy string) string {
	p := phrases[f.kind]
	second := printable(f.origin)
	if f.kind == NoBrowser {
		second = unlikeBrowsers(f.origin)
	}
	said := fmt.Sprintf(p.what, pattern, second)
	if remedy == "" {
		return said + "; " + p.without
	}
	return said + "; " + p.remedy + ": " + pasteable(remedy)
}

// unlikeBrowsers says why no browser sends an Origin, and who would have to.
func unlikeBrowsers(origin string) string {
	if origin == "" {
		return "nothing that one sends matches it"
	}
	u, ok := parse(origin)
	why := "none sends an Origin like that"
	switch _, path, _ := strings.Cut(origin, "://"); {
	case strings.HasPrefix(origin, "ws://"), strings.HasPrefix(origin, "wss://"):
		why = "the Origin of a page is http:// or https://, never ws:// or wss://"
	case strings.Contains(path, "/"):
		why = "an Origin has no path"
	case strings.ToLower(origin) != origin:
		why = "they send hosts in lower case"
	case ok && u.port == defaultPort(u.scheme):
		why = "they leave out the default port of the scheme"
	}
	return why + "; only a program that sends " + printable(origin) + " gets in"
}

// pasteable writes a pattern bare where a JSON file holds it letter by letter,
// and otherwise quoted as it is there, so that nobody copies \. into one.
func pasteable(pattern string) string {
	if q := quote(pattern); q != `"`+pattern+`"` {
		return q
	}
	return pattern
}
