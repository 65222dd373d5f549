package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Reason is the code of a verdict, as it is sent in answers, counted and
// logged. Codes are only ever added.
type Reason string

// The reasons. The first two approve.
const (
	// OriginApproved: a pattern matches the Origin.
	OriginApproved Reason = "APPROVED"
	// MissingAllowed: no Origin was sent, and none is needed here.
	MissingAllowed Reason = "MISSING_ALLOWED"
	// OriginMissing: no Origin was sent, and one is needed here.
	OriginMissing Reason = "ORIGIN_MISSING"
	// OriginNotApproved: no pattern matches any form of the Origin.
	OriginNotApproved Reason = "ORIGIN_NOT_APPROVED"
	// OriginNull: the Origin is null (a sandboxed frame, a file, a redirect),
	// and no pattern approves that.
	OriginNull Reason = "ORIGIN_NULL"
	// SeveralOrigins: there is more than one Origin header, which no browser
	// sends, and no pattern approves exactly these.
	SeveralOrigins Reason = "SEVERAL_ORIGINS"
	// OriginMalformed: the Origin is longer than MaxOrigin, is not UTF-8 or
	// holds control characters, and was compared with no pattern.
	OriginMalformed Reason = "ORIGIN_MALFORMED"
)

// Verdict is a decision of the gate, with what led to it.
type Verdict struct {
	Approved bool
	Reason   Reason
	Origin   string // as sent, at most MaxOrigin bytes of it; "" if missing. Quote it where it is logged.
	Pattern  string // the pattern that approved it; "" if none did
	Index    int    // the place of Pattern in the list, from 0; -1 if none approved it
	Form     Form   // the form that matched; NoForm if none did
	Matched  string // the Origin in that form

	patterns int // how many were tried
}

func approve(origin string, re *regexp.Regexp, index int, form Form, text string) Verdict {
	return Verdict{
		Approved: true, Reason: OriginApproved, Origin: origin,
		Pattern: re.String(), Index: index, Form: form, Matched: text,
	}
}

// refuse cuts the Origin so that no request can make a log line of a megabyte.
func refuse(reason Reason, origin string, patterns int) Verdict {
	return Verdict{Reason: reason, Origin: origin[:min(len(origin), MaxOrigin)], Index: -1, patterns: patterns}
}

// String explains the verdict to a person, in one line that is safe to log and
// to show in a terminal. Patterns are written as in a JSON file and counted
// from 1.
func (v Verdict) String() string {
	origin := printable(v.Origin)
	switch v.Reason {
	case OriginApproved:
		return fmt.Sprintf("%s is approved by %s (pattern %d), which matches %s",
			origin, quote(clip(v.Pattern)), v.Index+1, describe(FormText{v.Form, v.Matched}))
	case MissingAllowed:
		return "no Origin was sent, and a missing one is allowed here"
	case OriginMissing:
		return "no Origin was sent, and one is needed here"
	case SeveralOrigins:
		return fmt.Sprintf("several Origin headers were sent (%s), and no pattern approves exactly these", origin)
	case OriginMalformed:
		return fmt.Sprintf("%s is refused: an Origin is UTF-8 without control characters, of at most %d bytes", origin, MaxOrigin)
	}
	if v.patterns == 0 {
		return origin + " is not approved: the list of approved origins is empty"
	}
	return fmt.Sprintf("%s is not approved: %s", origin, v.tried())
}

// tried says what was compared in vain.
func (v Verdict) tried() string {
	forms := Forms(v.Origin)
	if len(forms) == 1 {
		return "no pattern matches it as sent, and in no other form is it tried, not being of the shape scheme://host[:port]"
	}
	texts := make([]string, len(forms))
	for i, f := range forms {
		texts[i] = describe(f)
	}
	last := len(texts) - 1
	return "no pattern matches " + strings.Join(texts[:last], ", ") + " or " + texts[last]
}

func describe(f FormText) string {
	if f.Form == AsSent {
		return "it as sent"
	}
	return fmt.Sprintf("its %s %s", f.Form, quote(clip(f.Text)))
}

// printable returns an Origin as it is where that can mislead nobody, and
// quoted where it could.
func printable(origin string) string {
	odd := func(r rune) bool { return r == ' ' || r == '"' || r > unicode.MaxASCII || !unicode.IsPrint(r) }
	if short := clip(origin); short != origin || origin == "" || strings.ContainsFunc(origin, odd) {
		return fmt.Sprintf("%+q", short)
	}
	return origin
}

// clip shortens what is too long for a message.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// quote writes a text as a JSON file holds it, so that it can be copied from a
// message into one.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // (?P<name>…) stays readable
	if err := enc.Encode(s); err != nil {
		return fmt.Sprintf("%+q", s) // strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}
