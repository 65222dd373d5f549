package gate

import "regexp/syntax"

// finding is an Origin that a pattern lets in by mistake.
type finding struct {
	kind   Kind
	origin string
}

// examined is what was found in one pattern.
type examined struct {
	findings []finding
	meant    []site // approved origins that the pattern seems to be written for
}

// examine looks for mistakes in a pattern that compiles. Each search makes
// origins from the pattern and asks the gate. A mistake is one only if the
// pattern as it would be without it, which still approves what is meant,
// refuses the origin: so a wildcard on purpose is none.
func examine(pattern string) examined {
	x := newExaminer(pattern)
	if prog, err := program(pattern); err != nil || !reachable(prog) {
		return examined{findings: []finding{{NoBrowser, x.forPrograms()}}}
	}
	if origin := x.everything(); origin != "" {
		return examined{findings: []finding{{Everything, origin}}}
	}
	var found []finding
	add := func(kind Kind, origin string) {
		if origin != "" {
			found = append(found, finding{kind, origin})
		}
	}
	kind, origin := x.unanchored()
	add(kind, origin)
	add(UnescapedDot, x.bareDot())
	wild := x.wildcardBefore()
	if wild == "" && origin == "" {
		wild = x.wildcardAtEnd()
	}
	add(Wildcard, wild)
	if x.gate.approves("null") {
		add(Null, "null")
	}
	return examined{findings: found, meant: x.meant}
}

// examiner is a pattern under examination. What is meant by it is read from a
// copy in which the usual mistakes are mended, as far as the pattern approves
// it: www.example.com means that host, not wwwxexample.com.
type examiner struct {
	pattern string
	dotted  string   // the pattern with its dots escaped
	samples []string // of that, as short as can be
	gate    solo
	meant   []site
}

func newExaminer(pattern string) examiner {
	x := examiner{pattern: pattern, dotted: escapeDots(pattern), gate: alone(pattern)}
	x.samples = samples(x.dotted, "")
	x.meant = x.gate.approved(samples(cutWildcard(dotWildcards(x.dotted)), ""))
	return x
}

// examinable reports whether a pattern is small enough, program included.
func examinable(pattern string) bool {
	if len(pattern) > maxPattern {
		return false
	}
	prog, err := program(pattern)
	return err == nil && len(prog.Inst) <= maxInstructions
}

func program(pattern string) (*syntax.Prog, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return syntax.Compile(re.Simplify())
}
