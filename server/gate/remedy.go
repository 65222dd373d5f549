package gate

import (
	"slices"
)

// An edit rewrites a pattern, or returns it as it is.
type edit func(pattern string) string

// What can be done to a pattern that approves too much, or no browser. They are
// tried in every combination, fewest first.
var (
	anchors   = []edit{anchor(true, true), anchor(false, true), anchor(true, false)}
	narrowing = []edit{escapeDots, dotWildcards, cutWildcard}
	widening  = []edit{webSchemes.Replace, cutPath, cutDefaultPort, foldCase, escapeDots}
)

// maxRemedied is the length of the longest pattern that a remedy is sought for.
const maxRemedied = 256

// remedyFor returns the least change of a pattern that keeps the origins which
// are meant, refuses those that were found, and has nothing wrong with it; ""
// if there is none.
func remedyFor(pattern string, found examined) string {
	if len(pattern) > maxRemedied {
		return ""
	}
	edits := narrowing
	if found.findings[0].kind == NoBrowser {
		edits = widening
	} else if len(found.meant) == 0 {
		return "" // nothing would tell a remedy from a ban
	}
	tried := map[string]bool{pattern: true}
	for _, combination := range combinations(edits) {
		remedy := pattern
		for _, e := range combination {
			remedy = e(remedy)
		}
		if tried[remedy] {
			continue
		}
		tried[remedy] = true
		if mends(remedy, found) {
			return remedy
		}
	}
	return ""
}

// combinations lists the ways to take some of the edits and at most one way of
// anchoring, fewest edits first.
func combinations(edits []edit) [][]edit {
	var all [][]edit
	for set := range uint(1) << len(edits) {
		var chosen []edit
		for i, e := range edits {
			if set&(1<<i) != 0 {
				chosen = append(chosen, e)
			}
		}
		all = append(all, chosen)
		for _, a := range anchors {
			all = append(all, append(slices.Clone(chosen), a))
		}
	}
	slices.SortStableFunc(all, func(a, b []edit) int { return len(a) - len(b) })
	return all
}

// mends asks the gate, the cheaper questions first.
func mends(remedy string, found examined) bool {
	if !examinable(remedy) {
		return false
	}
	gate := alone(remedy)
	for _, s := range found.meant {
		if !gate.approves(s.String()) {
			return false
		}
	}
	for _, f := range found.findings {
		if f.kind != NoBrowser && gate.approves(f.origin) {
			return false
		}
	}
	return len(examine(remedy).findings) == 0
}
