package gate

import "regexp/syntax"

// browserForms describes, in each form, every Origin that a browser can send:
// no ws or wss, no upper case, no default port, no path; names of extensions
// and of application schemes are among them. It may describe too much, never
// too little, since what is proved from it is that a pattern meets none of it.
const browserForms = `null|file://` +
	`|(?:` + otherScheme + `)://` + anyHost + `(?::` + anyPort + `)?` +
	`|http://` + anyHost + `(?::` + not80 + `)?` +
	`|https://` + anyHost + `(?::` + not443 + `)?` +
	`|` + anyHost + `:` + anyPort +
	`|` + anyName + `|[0-9a-f:.]+`

const (
	anyName = `[a-z0-9._~-]+`
	anyHost = `(?:` + anyName + `|\[[0-9a-f:.]+\])`
	anyPort = `[1-9][0-9]{0,4}`
	not80   = `(?:[1-9]|[1-79][0-9]|8[1-9]|[1-9][0-9]{2,4})`
	not443  = `(?:[1-9][0-9]?|[1-35-9][0-9]{2}|4[0-35-9][0-9]|44[0-24-9]|[1-9][0-9]{3,4})`

	// otherScheme is any but http, https, ws and wss, told by the first
	// character that differs.
	schemeChars = `[a-z0-9+.-]*`
	otherScheme = `[a-gi-vx-z]` + schemeChars +
		`|h(?:[a-su-z0-9+.-]` + schemeChars + `)?` +
		`|ht(?:[a-su-z0-9+.-]` + schemeChars + `)?` +
		`|htt(?:[a-oq-z0-9+.-]` + schemeChars + `)?` +
		`|http[a-rt-z0-9+.-]` + schemeChars +
		`|https[a-z0-9+.-]` + schemeChars +
		`|w(?:[a-rt-z0-9+.-]` + schemeChars + `)?` +
		`|ws[a-rt-z0-9+.-]` + schemeChars +
		`|wss[a-z0-9+.-]` + schemeChars
)

var browserProg = func() *syntax.Prog {
	re, err := syntax.Parse(browserForms, syntax.Perl)
	if err != nil {
		panic(err) // a constant
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		panic(err)
	}
	return prog
}()

// maxStates bounds the search of reachable, to some ten milliseconds.
const maxStates = 1 << 17

// reachable reports whether a text exists which the pattern is found in and
// which is a form of an Origin that a browser can send. It walks through both
// expressions at once, in all the pairs of places that the same text can lead
// to: so false is a proof. If the search becomes too large the answer is true,
// which claims nothing.
func reachable(pattern *syntax.Prog) bool {
	w := &walk{pattern: pattern, seen: map[pair]bool{}}
	w.visit(pair{p: before, b: browserProg.Start, prev: edge, next: anything})
	for len(w.todo) > 0 && len(w.seen) < maxStates {
		at := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if w.step(at) {
			return true
		}
	}
	return len(w.seen) >= maxStates
}

// Places in a pattern beside those of its program.
const (
	before = -1 // it has not begun: what comes is passed over
	after  = -2 // it has matched: what comes makes no difference
)

// class is a set of kinds of what stands at one side of a place, as far as
// anchors and word boundaries tell them apart.
type class uint8

const (
	edge     class = 1 << iota // the beginning or the end of the text
	word                       // a letter, a digit, _
	other                      // any other character
	anything = edge | word | other
)

// pair is a place in the pattern and one in the browser's language, with the
// kind of the last character and the kinds that the next may be of.
type pair struct {
	p, b       int
	prev, next class
}

type walk struct {
	pattern *syntax.Prog
	seen    map[pair]bool
	todo    []pair
}

func (w *walk) visit(s pair) {
	if s.next != 0 && !w.seen[s] {
		w.seen[s] = true
		w.todo = append(w.todo, s)
	}
}

// step goes on from one pair, and reports whether it is the end of both.
func (w *walk) step(s pair) bool {
	if s.p == before {
		w.visit(pair{w.pattern.Start, s.b, s.prev, s.next})
	}
	var in *syntax.Inst
	if s.p >= 0 {
		in = &w.pattern.Inst[s.p]
		if w.pass(s, in) {
			return false
		}
	}
	switch b := &browserProg.Inst[s.b]; b.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		w.visit(pair{s.p, int(b.Out), s.prev, s.next})
		w.visit(pair{s.p, int(b.Arg), s.prev, s.next})
	case syntax.InstNop, syntax.InstCapture:
		w.visit(pair{s.p, int(b.Out), s.prev, s.next})
	case syntax.InstMatch:
		return s.p == after && s.next&edge != 0
	case syntax.InstRune, syntax.InstRune1:
		w.read(s, in, b)
	}
	return false
}

// pass follows an instruction of the pattern that reads nothing; it returns
// false for one that reads.
func (w *walk) pass(s pair, in *syntax.Inst) bool {
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		w.visit(pair{int(in.Out), s.b, s.prev, s.next})
		w.visit(pair{int(in.Arg), s.b, s.prev, s.next})
	case syntax.InstNop, syntax.InstCapture:
		w.visit(pair{int(in.Out), s.b, s.prev, s.next})
	case syntax.InstEmptyWidth:
		w.visit(pair{int(in.Out), s.b, s.prev, s.next & follow(syntax.EmptyOp(in.Arg), s.prev)})
	case syntax.InstMatch:
		w.visit(pair{after, s.b, s.prev, s.next})
	case syntax.InstFail:
	default:
		return false
	}
	return true
}

// read goes over every character that both sides can read next. Only its class
// matters to what follows, so one of each is enough.
func (w *walk) read(s pair, in, b *syntax.Inst) {
	done := class(0)
	for c := '!'; c <= '~' && done != word|other; c++ {
		kind := other
		if syntax.IsWordChar(c) {
			kind = word
		}
		if done&kind != 0 || s.next&kind == 0 || !b.MatchRune(c) {
			continue
		}
		if s.p < 0 {
			w.visit(pair{s.p, int(b.Out), kind, anything})
		} else if in.MatchRune(c) {
			w.visit(pair{int(in.Out), int(b.Out), kind, anything})
		} else {
			continue
		}
		done |= kind
	}
}

// follow returns what may come next where these assertions hold. There are no
// line breaks in an Origin, so lines are texts.
func follow(ops syntax.EmptyOp, prev class) class {
	next := anything
	if ops&(syntax.EmptyBeginText|syntax.EmptyBeginLine) != 0 && prev != edge {
		next = 0
	}
	if ops&(syntax.EmptyEndText|syntax.EmptyEndLine) != 0 {
		next &= edge
	}
	boundary, inside := word, edge|other
	if prev == word {
		boundary, inside = edge|other, word
	}
	if ops&syntax.EmptyWordBoundary != 0 {
		next &= boundary
	}
	if ops&syntax.EmptyNoWordBoundary != 0 {
		next &= inside
	}
	return next
}
