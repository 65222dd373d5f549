package openapi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkError wants each code of an error described, and shown in an example. Some
// routes have errors of other shapes too, which say why in a number, or in a
// status.
func checkError(t *testing.T, name string, answer *openapi3.Response) {
	t.Helper()
	content := answer.Content["application/json"]
	if content == nil {
		if plain := answer.Content["text/plain"]; plain == nil || plain.Example == nil {
			t.Errorf("%s: this has neither JSON nor a text with an example", name)
		}
		return
	}
	alternatives := content.Schema.Value.OneOf
	if alternatives == nil {
		alternatives = openapi3.SchemaRefs{content.Schema}
	}
	var codes, shown []string
	for _, one := range alternatives {
		codes = append(codes, codesOf(t, name, one, *answer.Description)...)
	}
	for _, example := range content.Examples {
		if text := shownBy(example.Value.Value.(map[string]any), codes); !slices.Contains(shown, text) {
			shown = append(shown, text)
		}
	}
	slices.Sort(codes)
	slices.Sort(shown)
	if len(codes) == 0 || !slices.Equal(codes, shown) {
		t.Errorf("%s: the codes are %q, the examples show %q", name, codes, shown)
	}
}

// shownBy is which of the codes an example shows.
func shownBy(example map[string]any, codes []string) string {
	for _, name := range []string{"statusCode", "status", "code", "message"} {
		code, ok := example[name]
		if !ok {
			continue
		}
		text := fmt.Sprint(code)
		for _, c := range codes {
			if pattern, ok := strings.CutPrefix(c, "pattern "); ok && regexp.MustCompile(pattern).MatchString(text) {
				return c
			}
		}
		return text
	}
	if _, ok := example["rejectedProps"]; ok {
		return "rejectedProps"
	}
	if _, ok := example["errors"]; ok {
		return "errors"
	}
	return ""
}

// codesOf are the codes that one shape of an error is narrowed to; of one that has
// only words, the words, or a pattern of them.
func codesOf(t *testing.T, name string, one *openapi3.SchemaRef, description string) (codes []string) {
	t.Helper()
	shape := one.Value
	switch one.Ref { // those say in each example something else
	case "#/components/schemas/PlayersProblems":
		return []string{"errors"}
	case "#/components/schemas/PropsRefused":
		return []string{"rejectedProps"}
	}
	if len(shape.AllOf) != 2 {
		t.Errorf("%s: this is not an error that is narrowed", name)
		return nil
	}
	narrowed := shape.AllOf[1].Value.Properties
	switch shape.AllOf[0].Ref {
	case "#/components/schemas/Error", "#/components/schemas/SocketIOError":
		for _, code := range narrowed["code"].Value.Enum {
			codes = append(codes, fmt.Sprint(code))
			if !strings.Contains(description, "`"+fmt.Sprint(code)+"`") {
				t.Errorf("%s: the description does not name %v", name, code)
			}
		}
	case "#/components/schemas/CharacterError":
		status := fmt.Sprint(narrowed["statusCode"].Value.Const)
		if !strings.HasSuffix(name, ": "+status) {
			t.Errorf("%s: the error says the status %s", name, status)
		}
		codes = append(codes, status)
	case "#/components/schemas/PlayersError":
		words := narrowed["message"].Value
		if words.Pattern != "" {
			return []string{"pattern " + words.Pattern}
		}
		for _, text := range words.Enum {
			codes = append(codes, fmt.Sprint(text))
			if !strings.Contains(description, "`"+fmt.Sprint(text)+"`") {
				t.Errorf("%s: the description does not name %v", name, text)
			}
		}
	case "#/components/schemas/RealtimeStatus":
		status := fmt.Sprint(narrowed["status"].Value.Const)
		if !strings.Contains(description, "`"+status+"`") {
			t.Errorf("%s: the description does not name %s", name, status)
		}
		codes = append(codes, status)
	default:
		t.Errorf("%s: this is no shape of an error", name)
	}
	return codes
}
