package gate

import (
	"regexp"
	"slices"
	"strings"
)

// token is a piece of a pattern as it was written. Rewriting works on the text
// and not on the parsed pattern, so that an operator knows his own again. It
// need not understand every pattern: what comes out is proposed only after the
// gate has shown that it does what it should.
type token struct {
	kind  tokenKind
	text  string
	depth int // of the groups around it
}

type tokenKind int

const (
	literal  tokenKind = iota // a character, an escape, a class
	dot                       // .
	repeat                    // * + ? {2,3}, lazy or not
	begin                     // ^ \A
	end                       // $ \z
	pipe                      // |
	bracket                   // ( (?: (?P<name> )
	flagging                  // (?i)
)

// lexemes are tried in this order at each place of a pattern.
var lexemes = []struct {
	kind tokenKind
	re   *regexp.Regexp
}{
	{flagging, regexp.MustCompile(`^\(\?[A-Za-z-]+\)`)},
	{bracket, regexp.MustCompile(`^(?:\(\?P?<\w*>|\(\?[A-Za-z-]*:|\(|\))`)},
	{literal, regexp.MustCompile(`^(?s:\\Q.*?(?:\\E|\z))`)},
	{begin, regexp.MustCompile(`^(?:\^|\\A)`)},
	{end, regexp.MustCompile(`^(?:\$|\\z)`)},
	{literal, regexp.MustCompile(`^\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|x[0-9A-Fa-f]{2}|(?s:.))`)},
	{literal, regexp.MustCompile(`^\[\^?\]?(?:\[:\^?\w+:\]|\\(?s:.)|[^\]\\])*\]`)},
	{repeat, regexp.MustCompile(`^(?:[*+?]|\{\d+(?:,\d*)?\})\??`)},
	{dot, regexp.MustCompile(`^\.`)},
	{pipe, regexp.MustCompile(`^\|`)},
	{literal, regexp.MustCompile(`^(?s:.)`)},
}

func tokens(pattern string) []token {
	var all []token
	depth := 0
	for pattern != "" {
		t := next(pattern)
		pattern = pattern[len(t.text):]
		if t.kind == bracket && t.text == ")" {
			depth--
		}
		t.depth = depth
		if t.kind == bracket && t.text != ")" {
			depth++
		}
		all = append(all, t)
	}
	return all
}

func next(pattern string) token {
	for _, l := range lexemes {
		if text := l.re.FindString(pattern); text != "" {
			return token{kind: l.kind, text: text}
		}
	}
	return token{kind: literal, text: pattern}
}

func text(ts []token) string {
	var b strings.Builder
	for _, t := range ts {
		b.WriteString(t.text)
	}
	return b.String()
}

// branches splits a pattern at the alternations that are in no group, and
// returns the flags before it separately.
func branches(pattern string) (flags string, all [][]token) {
	ts := tokens(pattern)
	if len(ts) > 0 && ts[0].kind == flagging {
		flags, ts = ts[0].text, ts[1:]
	}
	from := 0
	for i, t := range ts {
		if t.kind == pipe && t.depth == 0 {
			all = append(all, ts[from:i])
			from = i + 1
		}
	}
	return flags, append(all, ts[from:])
}

// anchor returns an edit that ties a pattern to the beginning or the end of the
// text or both, all its branches alike.
func anchor(atBegin, atEnd bool) func(string) string {
	return func(pattern string) string {
		flags, all := branches(pattern)
		parts := make([]string, len(all))
		for i, ts := range all {
			if atBegin && len(ts) > 0 && ts[0].kind == begin {
				ts = ts[1:]
			}
			if atEnd && len(ts) > 0 && ts[len(ts)-1].kind == end {
				ts = ts[:len(ts)-1]
			}
			parts[i] = text(ts)
		}
		body := strings.Join(parts, "|")
		if len(parts) > 1 {
			body = "(" + body + ")"
		}
		if atBegin {
			body = "^" + body
		}
		if atEnd {
			body += "$"
		}
		return flags + body
	}
}

// maxDots is how many bare dots of a pattern are looked at.
const maxDots = 16

// bareDots returns the places of the dots that stand for one character.
func bareDots(ts []token) []int {
	var at []int
	for i, t := range ts {
		if t.kind == dot && (i+1 == len(ts) || ts[i+1].kind != repeat) && len(at) < maxDots {
			at = append(at, i)
		}
	}
	return at
}

// marker stands for a dot in a sample: a character that no pattern holds.
const marker = "\uE000"

// mark returns samples of a pattern with the marker in the place of one bare
// dot, the others being taken for dots.
func mark(ts []token, place int) []string {
	marked := slices.Clone(ts)
	for _, i := range bareDots(ts) {
		marked[i].text = `\.`
	}
	marked[place].text = marker
	var all []string
	for _, s := range samples(text(marked), "") {
		if strings.Contains(s, marker) {
			all = append(all, s)
		}
	}
	return all
}

// escapeDots escapes the bare dots that are between the labels of a name. One
// that is next to an escaped dot, as in node.\.example, is meant to be any
// character.
func escapeDots(pattern string) string {
	ts := tokens(pattern)
	escaped := slices.Clone(ts)
	for _, i := range bareDots(ts) {
		if slices.ContainsFunc(mark(ts, i), func(s string) bool {
			return len(suggests(strings.ReplaceAll(s, marker, "."))) > 0
		}) {
			escaped[i].text = `\.`
		}
	}
	return text(escaped)
}

// isWildcard reports whether a character of some kind is repeated at a place:
// .* or [^/]+.
func isWildcard(ts []token, i int) bool {
	if i+1 >= len(ts) || ts[i+1].kind != repeat || !strings.ContainsAny(ts[i+1].text[:1], "*+") {
		return false
	}
	return ts[i].kind == dot || strings.HasPrefix(ts[i].text, "[") || ts[i].text == `\S` || ts[i].text == `\w`
}

// dotWildcards makes a wildcard before a name stand for whole labels:
// .*example becomes (.+\.)?example.
func dotWildcards(pattern string) string {
	ts := tokens(pattern)
	for i := range ts {
		if !isWildcard(ts, i) || i+2 == len(ts) || ts[i+2].kind != literal {
			continue
		}
		if c := ts[i+2].text[0]; !isLetter(c) && !isDigit(c) {
			continue
		}
		labels := ts[i].text + `+\.`
		if ts[i+1].text[0] == '*' {
			labels = "(" + labels + ")?"
		}
		ts[i].text, ts[i+1].text = labels, ""
	}
	return text(ts)
}

// cutWildcard drops a wildcard at the end of a pattern.
func cutWildcard(pattern string) string {
	ts := tokens(pattern)
	tail := len(ts)
	for tail > 0 && ts[tail-1].kind == end {
		tail--
	}
	if tail < 2 || !isWildcard(ts, tail-2) {
		return pattern
	}
	return text(ts[:tail-2]) + text(ts[tail:])
}

// cutPath drops what follows the host: an Origin has no path.
func cutPath(pattern string) string {
	ts := tokens(pattern)
	for i, t := range ts {
		slash := t.kind == literal && (t.text == "/" || t.text == `\/`)
		if !slash || i > 0 && strings.ContainsAny(ts[i-1].text, ":/") || t.depth > 0 {
			continue
		}
		tail := ""
		if ts[len(ts)-1].kind == end {
			tail = ts[len(ts)-1].text
		}
		return text(ts[:i]) + tail
	}
	return pattern
}

var webSchemes = strings.NewReplacer("wss?://", "https?://", "ws://", "https?://", "wss://", "https://")

// cutDefaultPort drops a port that browsers leave out.
func cutDefaultPort(pattern string) string {
	for _, port := range []string{":443", ":80"} {
		if head, ok := strings.CutSuffix(strings.TrimSuffix(pattern, "$"), port); ok {
			return head + pattern[len(head)+len(port):]
		}
	}
	return pattern
}

// foldCase makes a pattern match without regard to case.
func foldCase(pattern string) string {
	if strings.HasPrefix(pattern, "(?i)") {
		return pattern
	}
	return "(?i)" + pattern
}
