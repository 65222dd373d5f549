package request_test

import (
	"errors"
	"testing"

	"gatehouse/server/fault"
	"gatehouse/server/request"
)

func TestBody(t *testing.T) {
	t.Parallel()
	known := []string{"text", "flag", "whole", "object", "any"}
	read := func(field string) func(b request.Body) error {
		return func(b request.Body) error {
			var err error
			switch field {
			case "text":
				_, err = b.Texts("text")
			case "optional":
				_, err = b.OptionalText("text")
			case "flag":
				_, err = b.Flag("flag")
			case "whole":
				_, err = b.Whole("whole")
			case "object":
				_, err = b.Object("object")
			}
			return err
		}
	}
	for _, c := range []struct {
		body, field string
		code        fault.Code
		property    string
	}{
		{`{"text":"x"}`, "text", "", ""},
		{`{"text":""}`, "text", "", ""},
		{`{}`, "text", fault.InvalidProperty, "text"},
		{`{"text":null}`, "text", fault.InvalidProperty, "text"},
		{`{"text":5}`, "optional", fault.InvalidProperty, "text"},
		{`{}`, "optional", "", ""},
		{`{"Text":"x"}`, "text", fault.InvalidProperty, "Text"},
		{`{"text":"x","text":"y"}`, "text", fault.InvalidProperty, "text"},
		{`{"more":1}`, "text", fault.InvalidProperty, "more"},
		{`{"flag":true}`, "flag", "", ""},
		{`{}`, "flag", "", ""},
		{`{"flag":"true"}`, "flag", fault.InvalidProperty, "flag"},
		{`{"flag":null}`, "flag", fault.InvalidProperty, "flag"},
		{`{"whole":2}`, "whole", "", ""},
		{`{"whole":2.0}`, "whole", "", ""},
		{`{"whole":2.5}`, "whole", fault.InvalidProperty, "whole"},
		{`{"whole":1e99}`, "whole", fault.InvalidProperty, "whole"},
		{`{"whole":99999999999}`, "whole", fault.InvalidProperty, "whole"},
		{`{"object":{}}`, "object", "", ""},
		{`{"object":[]}`, "object", fault.InvalidProperty, "object"},
		{`{"object":{"$date":"2026-01-31T12:00:00Z"}}`, "object", fault.InvalidProperty, "object.$date"},
		{`{"object":{"a":{"b.c":1}}}`, "object", fault.InvalidProperty, "object.a.b.c"},
		{``, "text", fault.InvalidJSON, ""},
		{`[]`, "text", fault.InvalidJSON, ""},
		{`null`, "text", fault.InvalidJSON, ""},
		{`{"text":"x"} {}`, "text", fault.InvalidJSON, ""},
		{"{\"text\":\"\xff\"}", "text", fault.InvalidJSON, ""},
	} {
		b, err := request.ParseBody([]byte(c.body), known...)
		if err == nil {
			err = read(c.field)(b)
		}
		var f *fault.Error
		if errors.As(err, &f); c.code == "" && err != nil || c.code != "" && (f == nil || f.Code != c.code || f.Property != c.property) {
			t.Errorf("%s: %s: %v, want %s of %q", c.body, c.field, err, c.code, c.property)
		}
	}
}

// A value that a socket sends is read in the same way.
func TestAnyValue(t *testing.T) {
	t.Parallel()
	r, err := request.Parse([]byte(`{"eventType":9,"val":[1,{"a":null}],"bad":{"$x":1},"null":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := r.Any("val"); err != nil || v == nil {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := r.Any("null"); err != nil || v != nil {
		t.Errorf("%v, %v", v, err)
	}
	var f *fault.Error
	if _, err := r.Any("bad"); !errors.As(err, &f) || f.Property != "bad.$x" {
		t.Errorf("%v", err)
	}
}
