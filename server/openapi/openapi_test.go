package openapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// load reads a document as any program does that makes a client of it. Each
// reference in it that leads nowhere is an error.
func load(t *testing.T, text []byte) (*openapi3.T, error) {
	t.Helper()
	loader := openapi3.NewLoader()
	loader.Context = t.Context()
	return loader.LoadFromData(text)
}

// valid is what the library has against a document, the examples of bodies and
// parameters included.
func valid(t *testing.T, text []byte) error {
	t.Helper()
	doc, err := load(t, text)
	if err != nil {
		return err
	}
	return doc.Validate(t.Context(), openapi3.EnableSchemaFormatValidation(), openapi3.EnableMultiError())
}

// decoded is the document without any meaning.
func decoded(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(Document("1.2.3"), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocument(t *testing.T) {
	for _, version := range []string{"1.2.3", `dev "x"`} {
		doc, err := load(t, Document(version))
		if err != nil {
			t.Fatal(err)
		}
		if doc.Info.Version != version || !strings.HasPrefix(doc.OpenAPI, "3.1.") {
			t.Errorf("OpenAPI %s, version %q, want 3.1 and %q", doc.OpenAPI, doc.Info.Version, version)
		}
	}
	if bytes.Count(document, []byte(versionMark)) != 1 {
		t.Errorf("%s must stand in openapi.json once", versionMark)
	}
	if err := valid(t, Document("1.2.3")); err != nil {
		t.Error(err)
	}
}

// The library finds what can go wrong: a test that accepts everything says
// nothing.
func TestMistakesAreFound(t *testing.T) {
	for name, at := range map[string]struct {
		path  []string
		value any
	}{
		"a reference to nothing":           {[]string{"paths", "/events", "get", "responses", "400", "$ref"}, "#/components/responses/None"},
		"no description of an answer":      {[]string{"components", "responses", "Internal", "description"}, nil},
		"an unknown field":                 {[]string{"paths", "/events", "get", "remark"}, "no such field"},
		"a bound as 3.0 writes it":         {[]string{"components", "schemas", "User", "properties", "username", "exclusiveMinimum"}, true},
		"a parameter that the path lacks":  {[]string{"components", "parameters", "User", "name"}, "somebody"},
		"a parameter that stands nowhere":  {[]string{"components", "parameters", "Since", "in"}, "body"},
		"an id twice":                      {[]string{"paths", "/events", "get", "operationId"}, "publishEvent"},
		"a scheme that nobody knows":       {[]string{"paths", "/events", "post", "security"}, []any{map[string]any{"password": []any{}}}},
		"an example of a body":             {[]string{"paths", "/users", "post", "requestBody", "content", "application/json", "example", "password"}, "short"},
		"an example of an answer":          {[]string{"paths", "/users/{user}", "get", "responses", "200", "content", "application/json", "example", "activated"}, "yes"},
		"an example of an error":           {[]string{"components", "responses", "NotFound", "content", "application/json", "examples", "NOT_FOUND", "value", "code"}, "TAKEN"},
		"an example of a parameter":        {[]string{"components", "parameters", "Events", "example"}, "one"},
		"an example of what an event says": {[]string{"paths", "/events", "get", "responses", "200", "content", "application/json", "example", "events"}, []any{map[string]any{"eventType": 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := decoded(t)
			paths := doc["paths"].(map[string]any)
			maps.DeleteFunc(paths, func(path string, _ any) bool { return strings.HasPrefix(path, "/v1/") }) // which take long, and were seen to be valid
			into := doc
			for _, step := range at.path[:len(at.path)-1] {
				var ok bool
				if into, ok = into[step].(map[string]any); !ok {
					t.Fatalf("there is no %s in %s", step, strings.Join(at.path, " "))
				}
			}
			last := at.path[len(at.path)-1]
			if into[last] = at.value; at.value == nil {
				delete(into, last)
			}
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(t, text); err == nil {
				t.Error("nothing was found")
			}
		})
	}
}

// The library does not look into extensions, and takes what nobody refers to.
func TestReferences(t *testing.T) {
	doc := decoded(t)
	referred := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for name, e := range v {
				to, ok := e.(string)
				if name != "$ref" || !ok {
					walk(e)
					continue
				}
				if referred[to] = true; !resolves(doc, to) {
					t.Errorf("%s leads nowhere", to)
				}
			}
		}
	}
	walk(doc)
	for kind, components := range doc["components"].(map[string]any) {
		for name := range components.(map[string]any) {
			if kind != "securitySchemes" && !referred["#/components/"+kind+"/"+name] {
				t.Errorf("nothing refers to %s of %s", name, kind)
			}
		}
	}
}

func resolves(doc map[string]any, reference string) bool {
	path, local := strings.CutPrefix(reference, "#/")
	var at any = doc
	for step := range strings.SplitSeq(path, "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at, ok = object[step]; !ok {
			return false
		}
	}
	return local
}

func TestOperations(t *testing.T) {
	doc, err := load(t, Document("1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, tag := range doc.Tags {
		known[tag.Name] = false
	}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			if o.OperationID == "" || o.Summary == "" || o.Description == "" || o.Security == nil {
				t.Errorf("%s %s lacks one of operationId, summary, description and security", method, path)
			}
			if len(o.Tags) == 0 {
				t.Errorf("%s %s has no tag", method, path)
			}
			for _, tag := range o.Tags {
				if _, ok := known[tag]; !ok {
					t.Errorf("%s %s: the tag %s is not described", method, path, tag)
				}
				known[tag] = true
			}
			checkAnswers(t, method+" "+path, o)
		}
	}
	for tag, used := range known {
		if !used {
			t.Errorf("nothing has the tag %s", tag)
		}
	}
}

// The library leaves out the examples of headers.
func TestExamplesOfHeaders(t *testing.T) {
	doc, err := load(t, Document("1.2.3"))
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range doc.Components.Headers {
		if header.Value.Example == nil {
			continue
		}
		if err := header.Value.Schema.Value.VisitJSON(header.Value.Example, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// checkAnswers wants an answer where all is well, and errors that are told apart
// by their codes.
func checkAnswers(t *testing.T, name string, o *openapi3.Operation) {
	t.Helper()
	good, bad := 0, 0
	for status, answer := range o.Responses.Map() {
		n, err := strconv.Atoi(status)
		switch {
		case err != nil:
			t.Errorf("%s: the status %s is not a number", name, status)
		case n < http.StatusBadRequest:
			good++
			for media, content := range answer.Value.Content {
				if media == "application/json" && content.Example == nil && content.Examples == nil && name != "GET /openapi.json" && name != "GET /asyncapi.json" {
					t.Errorf("%s: %s has no example", name, status)
				}
			}
		default:
			bad++
			checkError(t, name+": "+status, answer.Value)
		}
	}
	if good == 0 || bad == 0 {
		t.Errorf("%s: %d good answers and %d errors are described, want some of each", name, good, bad)
	}
}
