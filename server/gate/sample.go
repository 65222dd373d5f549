package gate

import (
	"regexp/syntax"
	"strings"
	"unicode"
)

const (
	maxSamples = 12  // of one pattern: enough for its branches and options
	maxSample  = 256 // bytes of one sample; no host is longer
)

// samples returns texts that the pattern was built to match, made by walking
// through it: each branch of an alternation, each option with and without. What
// a repeated wildcard (.*, [^/]+) stands for is the text wild where it may be;
// with "" it is as short as can be. They are proposals: anchors are passed
// over, so whoever uses a sample must see for himself what the gate says of it.
func samples(pattern string, wild string) []string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil
	}
	return sampler{wild: wild}.of(re)
}

type sampler struct {
	wild string
}

// of never returns more than maxSamples texts, none longer than maxSample, and
// visits each node at most once: repetitions are copied, not walked again.
func (s sampler) of(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return bounded([]string{strings.ToLower(string(re.Rune))})
		}
		return bounded([]string{string(re.Rune)})
	case syntax.OpCharClass:
		return typical(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []string{"a"}
	case syntax.OpCapture:
		return s.of(re.Sub[0])
	case syntax.OpStar:
		return s.repeat(re.Sub[0], 0)
	case syntax.OpPlus:
		return s.repeat(re.Sub[0], 1)
	case syntax.OpQuest:
		return bounded(append([]string{""}, s.of(re.Sub[0])...))
	case syntax.OpRepeat:
		return s.repeat(re.Sub[0], re.Min)
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			all = join(all, s.of(sub))
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			all = append(all, s.of(sub)...)
		}
		return bounded(all)
	}
	return []string{""} // what matches no text: anchors, boundaries
}

// repeat returns the shortest repetitions, or wild if sub may be all of it.
func (s sampler) repeat(sub *syntax.Regexp, least int) []string {
	if s.wild != "" && least <= 1 && takes(sub, s.wild) {
		return []string{s.wild}
	}
	if least == 0 {
		return bounded(append([]string{""}, s.of(sub)...))
	}
	once := s.of(sub)
	all := once
	for range least - 1 {
		all = join(all, once[:min(1, len(once))])
	}
	return all
}

// takes reports whether sub, repeated, matches text: whether it is one
// character of any kind that the text has.
func takes(sub *syntax.Regexp, text string) bool {
	switch sub.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCapture:
		return takes(sub.Sub[0], text)
	case syntax.OpCharClass:
		for _, r := range text {
			if !inClass(sub.Rune, r) {
				return false
			}
		}
		return true
	}
	return false
}

// typical picks a member of a class: one that a host may have, if there is one.
func typical(class []rune) []string {
	for _, r := range "a1x0-.:/" {
		if inClass(class, r) {
			return []string{string(r)}
		}
	}
	for i := 0; i+1 < len(class); i += 2 {
		for r := class[i]; r <= class[i+1] && r <= unicode.MaxASCII; r++ {
			if unicode.IsPrint(r) {
				return []string{string(r)}
			}
		}
	}
	if len(class) == 0 {
		return nil
	}
	return []string{string(class[0])}
}

func inClass(class []rune, r rune) bool {
	for i := 0; i+1 < len(class); i += 2 {
		if class[i] <= r && r <= class[i+1] {
			return true
		}
	}
	return false
}

// join puts every tail behind every head.
func join(heads, tails []string) []string {
	var all []string
	for _, h := range heads {
		for _, t := range tails {
			if len(all) == maxSamples {
				return all
			}
			if len(h)+len(t) <= maxSample {
				all = append(all, h+t)
			}
		}
	}
	return all
}

// bounded drops what is too long or too much.
func bounded(all []string) []string {
	kept := all[:0]
	for _, s := range all {
		if len(s) <= maxSample && len(kept) < maxSamples {
			kept = append(kept, s)
		}
	}
	return kept
}
