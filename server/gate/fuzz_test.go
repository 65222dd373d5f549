package gate_test

import (
	"testing"

	"gatehouse/server/gate"
)

func FuzzJudge(f *testing.F) {
	for _, p := range seed {
		f.Add(p, "https://example.com", "")
	}
	f.Add("localhost", "https://localhost@evil.example", "null")
	f.Add("^::1$", "http://[::1]:80", "\xff")
	f.Fuzz(func(t *testing.T, pattern, first, second string) {
		g, err := gate.New([]string{pattern})
		if err != nil {
			_ = err.Error()
			return
		}
		for _, origins := range [][]string{nil, {first}, {first, second}} {
			v := g.Judge(origins, gate.RejectMissing)
			if v.String() == "" {
				t.Error("a verdict without words")
			}
			if len(origins) == 1 {
				checkVerdict(t, v, []string{pattern})
			}
		}
	})
}

func FuzzLint(f *testing.F) {
	for _, p := range seed {
		f.Add(p)
	}
	for _, p := range []string{
		`.*`, ``, `[`, `(?i)Example.com|b$`, `\Qa.b`, `[]a.]`, `[^]]+`, `a{2,}?`, `\x{41}`, `\pL+`, `^.*example\.com$`, `(?P<n>a)|`, `a^b`, `::1`, `(?:)`, `\C`,
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, pattern string) { checkWarnings(t, pattern) })
}
