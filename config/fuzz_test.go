package config

import (
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sound checks what holds for any file: a configuration or problems, never
// both, never a panic; and what was accepted keeps the bounds of the schema.
func sound(t interface{ Fatalf(string, ...any) }, content []byte) {
	c, err := Source{Path: "config.json"}.build(content, nil)
	if err != nil {
		var all *Error
		if c != nil || !errors.As(err, &all) || len(all.Problems) == 0 || strings.ContainsRune(err.Error(), 0) {
			t.Fatalf("%q: got %v and %v", content, c, err)
		}
		return
	}
	w := c.Websocket
	if w.Port < 0 || w.Port > 65535 || w.QueueBytes < 4096 || w.PingSeconds < 0 || c.Store.Kind != "embedded" || c.Store.Path == "" {
		t.Fatalf("%q was accepted as %+v", content, c)
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"../config.json", "testdata/seed.json", "testdata/full.json"} {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	for _, content := range []string{"", "{", `{"port":"1"}`, `{"port":1e999,"port":null}`, `{"events":{"rules":[{}, 1]}}`, "[[[", "\xff"} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) { sound(t, content) })
}

func TestAnyBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { sound(t, rapid.SliceOf(rapid.Byte()).Draw(t, "content")) })
}

// JSON that is nearly right reaches further than bytes do.
func TestAnyValues(t *testing.T) {
	keys := []string{"$schema", "port", "approvedSocketDomains", "missing", "", "number", "where", "uri", "a.b"}
	defaults := Default()
	for _, l := range leaves(&defaults) {
		keys = append(keys, strings.Split(l.key, ".")...)
	}
	name := rapid.SampledFrom(keys)
	scalar := rapid.SampledFrom([]string{"null", "true", "0", "-1", "1.5", "1e400", "1000", `"("`, `"embedded"`, `""`, "{}", "[]"})
	var value func(depth int) *rapid.Generator[string]
	value = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			shape := rapid.IntRange(0, 2).Draw(t, "shape")
			if depth == 0 || shape == 0 {
				return scalar.Draw(t, "scalar")
			}
			below := rapid.SliceOfN(value(depth-1), 0, 4).Draw(t, "below")
			if shape == 1 {
				return "[" + strings.Join(below, ",") + "]"
			}
			for i := range below {
				below[i] = `"` + name.Draw(t, "name") + `": ` + below[i]
			}
			return "{" + strings.Join(below, ",") + "}"
		})
	}
	rapid.Check(t, func(t *rapid.T) { sound(t, []byte(value(4).Draw(t, "content"))) })
}
