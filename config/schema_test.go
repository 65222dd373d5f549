package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tailscale/hujson"
)

var update = flag.Bool("update", false, "rewrite docs/config.schema.json")

const schemaFile = "../docs/config.schema.json"

func TestSchemaFile(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what Schema gives; run go generate ./config", schemaFile)
	}
}

// Any validator can use the published file, not only ours with its formats.
func TestSamplesFitTheSchemaFile(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, fits := range map[string]bool{
		"../config.json": true, "testdata/seed.json": true, "testdata/full.json": true, "": false,
	} {
		text := []byte(`{"websocket": {"port": "8080"}}`)
		if name != "" {
			if text, err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
		standard, err := hujson.Standardize(text)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(standard))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); (err == nil) != fits {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	var check func(path string, s *jsonschema.Schema)
	check = func(path string, s *jsonschema.Schema) {
		if s.Description == "" && path != "" {
			t.Errorf("%s has no description", path)
		}
		for name, below := range s.Properties {
			check(path+"."+name, below)
		}
		if s.Items2020 != nil {
			for name, below := range s.Items2020.Properties {
				check(path+"[]."+name, below)
			}
		}
	}
	check("", compiled())
	for _, path := range [][]string{{"mongodb", "uri"}, {"mail", "password"}} {
		if !schemaAt(path).WriteOnly {
			t.Errorf("%s is not marked as a secret", strings.Join(path, "."))
		}
	}
}

// The reference has a row for every key, with its default and whether it is live.
func TestReferenceIsComplete(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-zA-Z.]+)` \\| `(.*?)` \\|[^|]*\\| ([^|]*?) ?\\|")
	documented := make(map[string][]string)
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = []string{m[2], m[3]}
	}
	defaults := Default()
	for _, l := range leaves(&defaults) {
		value, err := json.Marshal(l.value.Interface())
		if err != nil {
			t.Fatal(err)
		}
		live := ""
		if l.live {
			live = "**live**"
		}
		got := documented[l.key]
		if len(got) != 2 || got[0] != string(value) || got[1] != live {
			t.Errorf("%s: documented as %q, want default %s, %q", l.key, got, value, live)
		}
		delete(documented, l.key)
	}
	for key := range documented {
		t.Errorf("%s is documented and does not exist", key)
	}
	for name := range schemaAt([]string{"events", "rules", "0"}).Properties {
		if !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("the rule's key %s is not documented", name)
		}
	}
}
