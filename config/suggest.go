package config

import "strings"

// suggestion names the key that was probably meant by an unknown one: one
// beside it that is written nearly the same, or else the one key of that very
// name in another section. It is empty where there is none.
func suggestion(path []string) string {
	last := path[len(path)-1]
	if above := schemaAt(path[:len(path)-1]); above != nil {
		var beside []string
		for name := range above.Properties {
			beside = append(beside, name)
		}
		if name := nearest(last, beside); name != "" {
			return "; did you mean " + name + "?"
		}
	}
	defaults := Default()
	elsewhere := ""
	for _, l := range leaves(&defaults) {
		if name := l.key[strings.LastIndexByte(l.key, '.')+1:]; strings.EqualFold(name, last) {
			if elsewhere != "" {
				return "" // of two, neither is the likely one
			}
			elsewhere = "; did you mean " + l.key + "?"
		}
	}
	return elsewhere
}

// nearest is the candidate that differs from the name in the fewest letters,
// without regard to case, and in a third of them at most; or "".
func nearest(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	best, least := "", max(1, len(name)/3)+1
	for _, c := range candidates {
		d := distance(strings.ToLower(name), strings.ToLower(c))
		if d < least || d == least && best != "" && c < best {
			best, least = c, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out, exchanged, or swapped
// with their neighbour to make one text of the other.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			exchange := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				exchange++
			}
			d[i][j] = min(exchange, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
