package test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What the server says of its own API at /openapi.json is compared with every answer that a test gets: whoever
// changes one of them hears of the other.

// description is the server's OpenAPI document. All servers of a run are of the same binary: the first that answers
// is asked.
type description struct {
	mu       sync.Mutex
	asked    bool
	document map[string]any // nil: none was read
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // compiled, by where they stand
}

var described description

// describe reads the description, unless a server was asked before. One that does not answer, as its test may want
// it, leaves it to the next.
func (s *server) describe(t *testing.T) {
	t.Helper()
	described.mu.Lock()
	defer described.mu.Unlock()
	if described.asked {
		return
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	described.asked = true
	if response.StatusCode != http.StatusOK {
		t.Errorf("GET /openapi.json: status %d: %.300s", response.StatusCode, body)
		return
	}
	if err := described.read(body); err != nil {
		t.Errorf("GET /openapi.json: %v", err)
	}
}

func (d *description) read(text []byte) error {
	const url = "openapi.json"
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	document, ok := value.(map[string]any)
	if paths, _ := document["paths"].(map[string]any); !ok || len(paths) == 0 {
		return fmt.Errorf("no path is described: %.300s", text)
	}
	d.compiler, d.schemas = jsonschema.NewCompiler(), map[string]*jsonschema.Schema{}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	d.document = document
	return d.compiler.AddResource(url, document)
}

// conforms compares an answer with what the description says: the status, the headers and the body. What is no
// described route is left alone: that there is none is another test's business.
func conforms(t *testing.T, method, path string, status int, header http.Header, body []byte) {
	t.Helper()
	described.mu.Lock()
	defer described.mu.Unlock()
	d := &described
	if d.document == nil || status == http.StatusRequestHeaderFieldsTooLarge { // net/http says so before there is a route
		return
	}
	operation := d.operation(method, path)
	if operation == "" {
		return
	}
	for _, problem := range d.compare(operation, status, header, body) {
		t.Errorf("%s %s: this is not what /openapi.json says: %s\nstatus %d, headers %v: %.1000s", method, path, problem, status, header, body)
	}
}

// operation is where the operation stands, or "". Of two paths that fit, the one with fewer parameters is meant.
func (d *description) operation(method, path string) string {
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	found, fewest := "", len(segments)+1
	for template := range d.document["paths"].(map[string]any) {
		steps := strings.Split(template, "/")
		parameters := 0
		fits := slices.EqualFunc(steps, segments, func(step, segment string) bool {
			if strings.HasPrefix(step, "{") {
				parameters++
				return segment != ""
			}
			return step == segment
		})
		if fits && parameters < fewest {
			found, fewest = template, parameters
		}
	}
	place := pointer("paths", found, strings.ToLower(method))
	if found == "" || d.at(place) == nil {
		return ""
	}
	return place
}

// compare returns what is wrong with an answer.
func (d *description) compare(operation string, status int, header http.Header, body []byte) (problems []string) {
	place := d.resolved(operation + pointer("responses", strconv.Itoa(status)))
	answer := d.at(place)
	if answer == nil {
		return []string{"this status is not described"}
	}
	headers, _ := answer["headers"].(map[string]any)
	for name := range headers {
		problems = append(problems, d.compareHeader(d.resolved(place+pointer("headers", name)), name, header)...)
	}
	content, _ := answer["content"].(map[string]any)
	if len(content) == 0 {
		if len(body) > 0 {
			problems = append(problems, "there is no body")
		}
		return problems
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if _, ok := content[media]; !ok || err != nil {
		return append(problems, fmt.Sprintf("the Content-Type %q is not described", header.Get("Content-Type")))
	}
	if media != "application/json" {
		return problems
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = d.validate(place+pointer("content", media, "schema"), value)
	}
	if err != nil {
		problems = append(problems, err.Error())
	}
	return problems
}

// compareHeader returns what is wrong with a header that is described here.
func (d *description) compareHeader(place, name string, header http.Header) (problems []string) {
	values := header.Values(name)
	if required, _ := d.at(place)["required"].(bool); required && len(values) == 0 {
		return []string{"there is a header " + name}
	}
	for _, value := range values {
		if err := d.validate(place+pointer("schema"), value); err != nil {
			problems = append(problems, "the header "+name+": "+err.Error())
		}
	}
	return problems
}

// validate compares a value with the schema that stands here.
func (d *description) validate(place string, value any) error {
	schema, err := d.schemas[place], error(nil)
	if schema == nil {
		if schema, err = d.compiler.Compile("openapi.json#" + place); err != nil {
			return err
		}
		d.schemas[place] = schema
	}
	return schema.Validate(value)
}

// at is the object that stands here, or nil.
func (d *description) at(place string) map[string]any {
	object := d.document
	for step := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		object, _ = object[unescaped.Replace(step)].(map[string]any)
	}
	return object
}

// resolved is where that stands which stands here by reference.
func (d *description) resolved(place string) string {
	if to, ok := d.at(place)["$ref"].(string); ok {
		return strings.TrimPrefix(to, "#")
	}
	return place
}

var (
	escaped   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaped = strings.NewReplacer("~1", "/", "~0", "~")
)

// pointer is a JSON Pointer.
func pointer(steps ...string) string {
	b := ""
	for _, step := range steps {
		b += "/" + escaped.Replace(step)
	}
	return b
}
