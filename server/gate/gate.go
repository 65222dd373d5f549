package gate

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Gate approves the origins that its patterns match. It is immutable; make one
// with [New].
type Gate struct {
	patterns []*regexp.Regexp
}

// PatternError says which pattern does not compile, and why.
type PatternError struct {
	Index   int    // its place in the list, from 0
	Pattern string // as it was written
	Err     error  // what regexp says of it
}

// Error names the pattern by its place, counted from 1 as people do.
func (e *PatternError) Error() string {
	return fmt.Sprintf("pattern %d, %s, is not a regular expression: %v", e.Index+1, quote(clip(e.Pattern)), e.Err)
}

// Unwrap returns the error of package regexp/syntax.
func (e *PatternError) Unwrap() error { return e.Err }

// New compiles patterns, regular expressions in the syntax of Go (RE2), each of
// which is searched for in an Origin: one that is to match all of it says so
// with ^ and $. No patterns at all make a gate that approves nothing.
//
// The error joins a [*PatternError] for each pattern that does not compile, and
// the Gate is nil then.
func New(patterns []string) (*Gate, error) {
	g := &Gate{patterns: make([]*regexp.Regexp, 0, len(patterns))}
	var errs []error
	for i, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			errs = append(errs, &PatternError{Index: i, Pattern: p, Err: err})
			continue
		}
		g.patterns = append(g.patterns, re)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return g, nil
}

// Missing says what becomes of a request that carries no Origin.
type Missing bool

// What becomes of a request without an Origin.
const (
	// RejectMissing refuses it: only browsers, and programs that name an
	// origin, get in.
	RejectMissing Missing = false
	// AllowMissing admits it, whatever the patterns are: for what is
	// authenticated in another way.
	AllowMissing Missing = true
)

// Judge decides on the values of a request's Origin headers, as they were
// received. Each pattern is tried in the order of the list, on each form in
// the order of [Forms]; the first match approves.
//
// An empty value counts as none. No value at all is judged by missing alone.
// Several values are joined by ", ", as a proxy would join them, and approved
// only by a pattern that matches this text from its beginning to its end. null,
// which a browser sends for a page whose origin is nobody's business, is
// approved by a pattern that matches these four letters.
func (g *Gate) Judge(origins []string, missing Missing) Verdict {
	origin, several := single(origins)
	switch {
	case origin == "" && missing == AllowMissing:
		return Verdict{Approved: true, Reason: MissingAllowed, Index: -1}
	case origin == "":
		return Verdict{Reason: OriginMissing, Index: -1}
	case several:
		return g.judgeSeveral(origin)
	case malformed(origin):
		return refuse(OriginMalformed, origin, len(g.patterns))
	}
	if v, ok := g.match(origin); ok {
		return v
	}
	if origin == "null" {
		return refuse(OriginNull, origin, len(g.patterns))
	}
	return refuse(OriginNotApproved, origin, len(g.patterns))
}

// single returns the one value that is not empty; where there are several it
// returns all of them, joined.
func single(origins []string) (origin string, several bool) {
	for i, o := range origins {
		if o == "" {
			continue
		}
		if origin != "" {
			return strings.Join(origins, ", "), true
		}
		origin = origins[i]
	}
	return origin, false
}

// match tries every pattern on every form. The second form is the only one
// that may cost an allocation, so it is made when it is needed.
func (g *Gate) match(origin string) (Verdict, bool) {
	u, parsed := parse(origin)
	host, hostPort := "", ""
	if parsed {
		host = u.name()
	}
	for i, re := range g.patterns {
		if re.MatchString(origin) {
			return approve(origin, re, i, AsSent, origin), true
		}
		if !parsed {
			continue
		}
		if u.port != "" {
			if hostPort == "" {
				hostPort = u.hostPort()
			}
			if re.MatchString(hostPort) {
				return approve(origin, re, i, HostPort, hostPort), true
			}
		}
		if re.MatchString(host) {
			return approve(origin, re, i, Host, host), true
		}
	}
	return Verdict{}, false
}

// judgeSeveral asks for a pattern that means the whole text: searching in it
// would approve the company that an approved origin keeps.
func (g *Gate) judgeSeveral(joined string) Verdict {
	if !malformed(joined) {
		for i, re := range g.patterns {
			at := re.FindStringIndex(joined)
			if at != nil && at[0] == 0 && at[1] == len(joined) {
				return approve(joined, re, i, AsSent, joined)
			}
		}
	}
	return refuse(SeveralOrigins, joined, len(g.patterns))
}
