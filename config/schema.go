package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"sync"

	reflector "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:generate go test -run TestSchemaFile -update .

// source is where the descriptions of the keys are written down, once.
//
//go:embed config.go
var source string

// file is what may stand in a configuration file.
type file struct {
	Schema string `json:"$schema,omitempty" jsonschema_description:"The address of this schema. Editors complete and check the file by it."`
	Config
	Port                  int      `json:"port" jsonschema:"minimum=0,maximum=65535" jsonschema_description:"Short form of websocket.port. Give one of the two."`
	ApprovedSocketDomains []string `json:"approvedSocketDomains" jsonschema:"maxItems=10000,minLength=1,format=re2" jsonschema_description:"Short form of websocket.approvedSocketDomains. Give one of the two."`
}

// shortForms are the keys at the top of a file that stand for one of websocket.
var shortForms = []string{"port", "approvedSocketDomains"}

// Schema is the JSON Schema (draft 2020-12) of the configuration file, as
// indented JSON: every key with its description, default, enum and range, and
// nothing else allowed. Secrets are marked writeOnly. Load enforces it; what ties
// several keys together, and the names in the rules, it checks on top.
func Schema() ([]byte, error) {
	comments, err := fieldComments()
	if err != nil {
		return nil, err
	}
	r := reflector.Reflector{
		Anonymous:                  true,
		DoNotReference:             true,
		RequiredFromJSONSchemaTags: true,
		LookupComment:              func(t reflect.Type, field string) string { return comments[t.Name()+"."+field] },
	}
	root := r.Reflect(file{})
	root.Title = "Gatehouse configuration"
	root.Extras = map[string]any{"allowComments": true, "allowTrailingCommas": true} // as editors of Microsoft's kin know them
	defaults := Default()
	for _, l := range leaves(&defaults) {
		property(root, strings.Split(l.key, ".")).Default = l.value.Interface()
	}
	rule := property(root, []string{"events", "rules"}).Items
	property(rule, []string{"where"}).AdditionalProperties = &reflector.Schema{
		Extras: map[string]any{"type": []string{"string", "number", "boolean"}},
	}
	property(rule, []string{"properties"}).AdditionalProperties.Format = "dotted-path"

	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("config: encode the schema: %w", err)
	}
	return b.Bytes(), nil
}

// property is the schema of the key at a path, which exists.
func property(s *reflector.Schema, path []string) *reflector.Schema {
	for _, step := range path {
		s = s.Properties.Value(step)
	}
	return s
}

// fieldComments are the comments of the struct fields in source, by Type.Field,
// each on one line.
func fieldComments() (map[string]string, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), "config.go", source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("config: read the descriptions: %w", err)
	}
	comments := make(map[string]string)
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if fields, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range fields.Fields.List {
				comments[spec.Name.Name+"."+f.Names[0].Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
		return false
	})
	return comments, nil
}

// compiled is the schema, ready to check with. It depends on nothing but the
// source of this package, so a failure is one of the build.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	text, err := Schema()
	if err != nil {
		panic(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	const name = "config.schema.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, f := range formats {
		c.RegisterFormat(&f)
	}
	if err := c.AddResource(name, document); err != nil {
		panic(err)
	}
	return c.MustCompile(name)
})

// schemaAt is the schema of the key at a path, or nil.
func schemaAt(path []string) *jsonschema.Schema {
	s := compiled()
	for _, step := range path {
		if s == nil {
			return nil
		}
		if s.Items2020 != nil {
			s = s.Items2020
			continue
		}
		s = s.Properties[step]
	}
	return s
}
