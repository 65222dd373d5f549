package test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What the server says of the frames of its sockets at /asyncapi.json is compared with each frame of a resource that
// a test is told.

var frames struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler // nil: the description was not read
	schemas  map[string]*jsonschema.Schema
}

// describeFrames reads the description, unless it was read before.
func (s *server) describeFrames(t *testing.T) {
	t.Helper()
	frames.mu.Lock()
	defer frames.mu.Unlock()
	if frames.compiler != nil {
		return
	}
	status, body := s.get(t, "/asyncapi.json", nil)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil || status != 200 {
		t.Fatalf("GET /asyncapi.json: status %d, %v", status, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("asyncapi.json", value); err != nil {
		t.Fatal(err)
	}
	frames.compiler, frames.schemas = c, map[string]*jsonschema.Schema{}
}

// conformsFrame compares a frame of a resource with what the description says of the message that it is.
func conformsFrame(t *testing.T, frame string) {
	t.Helper()
	if len(frame) > 64<<10 {
		return // it is one of a small one's kind, and takes long
	}
	name := "RealtimeEnvelope"
	switch {
	case strings.HasPrefix(frame, `{"warning":`):
		name = "RealtimeWarning"
	case strings.HasPrefix(frame, `{"error":`):
		name = "RealtimeError"
	}
	conformsTo(t, name, frame)
}

// conformsTo compares a frame with a schema of the description.
func conformsTo(t *testing.T, name, frame string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(frame))
	if err != nil {
		t.Errorf("no JSON: %v: %.300s", err, frame)
		return
	}
	frames.mu.Lock()
	defer frames.mu.Unlock()
	schema := frames.schemas[name]
	if schema == nil {
		if schema, err = frames.compiler.Compile("asyncapi.json#/components/schemas/" + name); err != nil {
			t.Fatal(err)
		}
		frames.schemas[name] = schema
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("this is not what /asyncapi.json says of %s: %v\n%.500s", name, err, frame)
	}
}
