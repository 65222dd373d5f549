package gate

import (
	"net/netip"
	"slices"
	"strings"
)

// forPrograms returns what a program would have to send.
func (x examiner) forPrograms() string {
	for _, text := range x.samples {
		if x.gate.approves(text) {
			return text
		}
	}
	return ""
}

// everything probes with hosts that have nothing in common. Where a sample is
// only a port, it is put behind them.
func (x examiner) everything() string {
	probes := [][]string{
		{"https://evil.example", "http://203.0.113.7", "https://attacker.invalid:8443"},
		{"https://evil.example", "https://203.0.113.7:8443"},
		{"http://evil.example", "http://203.0.113.7:8080"},
	}
	for _, text := range x.samples {
		if strings.HasPrefix(text, ":") {
			probes = append(probes, []string{"https://evil.example" + text, "http://203.0.113.7" + text})
		}
	}
	for _, p := range probes {
		if _, ok := siteOf(p[0]); ok && x.gate.approvesAll(p...) {
			return p[0]
		}
	}
	return ""
}

// unanchored puts something before and behind each host that is meant, and
// compares with the pattern anchored there.
func (x examiner) unanchored() (Kind, string) {
	start := x.beyond(alone(anchor(true, false)(x.pattern)), longerAtStart)
	end := x.beyond(alone(anchor(false, true)(x.pattern)), longerAtEnd)
	switch {
	case start == "" && end == "":
		return "", ""
	case halfAnchored(x.pattern) && end != "":
		return Alternation, end
	case halfAnchored(x.pattern):
		return Alternation, start
	case start == "":
		return UnanchoredEnd, end
	case end == "":
		return UnanchoredStart, start
	}
	return Unanchored, end
}

// beyond returns an origin that the pattern approves and the stricter one does
// not, though it approves what is meant.
func (x examiner) beyond(stricter solo, longer func(site) []site) string {
	for _, at := range x.meant {
		if !stricter.approves(at.String()) {
			continue
		}
		for _, s := range longer(at) {
			origin := s.String()
			if _, ok := siteOf(origin); ok && x.gate.approves(origin) && !stricter.approves(origin) {
				return origin
			}
		}
	}
	return ""
}

// halfAnchored reports whether a branch of an alternation has an anchor that
// its reader may take for one of all branches.
func halfAnchored(pattern string) bool {
	_, all := branches(pattern)
	for _, ts := range all {
		if len(all) > 1 && len(ts) > 0 && (ts[0].kind == begin || ts[len(ts)-1].kind == end) {
			return true
		}
	}
	return false
}

func longerAtEnd(s site) []site {
	var all []site
	with := func(host, port string) { all = append(all, site{s.scheme, host, port}) }
	if a, ok := ipv6(s.host); ok {
		with("["+a+":bad]", s.port)
		with("["+a+"1]", s.port)
	} else {
		with(s.host+".evil.example", s.port)
		with(s.host+".attacker.invalid", s.port)
		with(s.host+"-evil.example", s.port)
		with(s.host+"evil.example", s.port)
	}
	with(s.host, s.port+"80")
	with(s.host, s.port+"0")
	return all
}

func longerAtStart(s site) []site {
	var all []site
	with := func(host string) { all = append(all, site{s.scheme, host, s.port}) }
	if a, ok := ipv6(s.host); ok {
		with("[2001:db8" + a + "]")
		with("[1" + a + "]")
		return all
	}
	with("evil" + s.host)
	with("evil-" + s.host)
	with("attacker" + s.host)
	with("1" + s.host) // of an IPv4 address
	with("2" + s.host)
	return all
}

func ipv6(host string) (string, bool) {
	text := strings.Trim(host, "[]")
	a, err := netip.ParseAddr(text)
	return text, err == nil && a.Is6()
}

// bareDot puts something else in the place of each dot that is not escaped,
// where a dot would do.
func (x examiner) bareDot() string {
	escaped := alone(x.dotted)
	ts := tokens(x.pattern)
	for _, i := range bareDots(ts) {
		for _, sample := range mark(ts, i) {
			if len(x.gate.approved([]string{strings.ReplaceAll(sample, marker, ".")})) == 0 {
				continue
			}
			for _, instead := range []string{"x", "a", "1"} {
				for _, s := range x.gate.approved([]string{strings.ReplaceAll(sample, marker, instead)}) {
					if origin := s.String(); !escaped.approves(origin) {
						return origin
					}
				}
			}
		}
	}
	return ""
}

// wildcardBefore puts a word before a name that has a wildcard before it, as in
// .*example, without the dot that would make it a subdomain.
func (x examiner) wildcardBefore() string {
	mended := dotWildcards(x.dotted)
	if mended == x.dotted {
		return ""
	}
	strict := alone(anchor(true, true)(mended))
	if !slices.ContainsFunc(x.meant, func(s site) bool { return strict.approves(s.String()) }) {
		return ""
	}
	for _, s := range x.gate.approved(samples(x.dotted, "evil")) {
		// A longer name is likely in the domain of the same owner.
		if strings.Count(s.host, ".") <= 1 && !strict.approves(s.String()) {
			return s.String()
		}
	}
	return ""
}

// wildcardAtEnd looks for a pattern that leaves the end of the host open: it
// approves a host under one domain and, made alike, under another.
func (x examiner) wildcardAtEnd() string {
	for _, before := range []string{".", ""} {
		evil := append(samples(x.dotted, before+"evil.example"), behind(x.samples, "evil.example")...)
		for _, s := range x.gate.approved(evil) {
			twin := site{s.scheme, strings.TrimSuffix(s.host, "evil.example") + "attacker.invalid", s.port}
			if strings.HasSuffix(s.host, "evil.example") && x.gate.approves(twin.String()) {
				return s.String()
			}
		}
	}
	return ""
}

func behind(texts []string, tail string) []string {
	var all []string
	for _, t := range texts {
		all = append(all, t+tail)
	}
	return all
}
