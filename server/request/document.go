package request

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/fault"
	"gatehouse/store"
)

// Document reads a document: a JSON object, in which relaxed Extended JSON stands
// for what JSON lacks. Whole numbers become an int32, or an int64 where they need
// it, all others a double, as MongoDB's own tools have it; a text stays one,
// whatever it looks like.
//
// The driver reads the Extended JSON, value by value: of a whole document it
// neither bounds the depth nor says where something is wrong. Errors are
// INVALID_JSON, and INVALID_PROPERTY for a name or a value that cannot be stored.
func Document(payload []byte) (bson.D, error) {
	doc, err := read(payload, false)
	if err != nil {
		return nil, err
	}
	for _, e := range doc {
		if e.Key == store.VersionField {
			return nil, fault.Invalid(e.Key, "is the server's: it counts the writes of a document there")
		}
	}
	return doc, nil
}

// Plain reads a JSON object as [Document] does, but for Extended JSON, which is
// none here: a name that begins with $ is refused.
func Plain(payload []byte) (bson.D, error) { return read(payload, true) }

func read(payload []byte, plain bool) (bson.D, error) {
	var valid json.RawMessage
	if err := decode(payload, &valid); err != nil {
		return nil, err
	}
	r := documentReader{payload: payload, tokens: json.NewDecoder(bytes.NewReader(payload)), plain: plain}
	r.tokens.UseNumber()
	if first, err := r.tokens.Token(); err != nil || first != json.Delim('{') {
		return nil, fault.New(fault.InvalidJSON, "this is not a JSON object")
	}
	return r.fields(nil, 1)
}

// documentReader walks JSON that is known to be valid.
type documentReader struct {
	payload []byte
	tokens  *json.Decoder
	plain   bool
}

// place is where a value stands. It is a list, so that deep and long names cost
// nothing before somebody asks.
type place struct {
	within *place
	name   string
}

func (p *place) String() string {
	var names []string
	for ; p != nil; p = p.within {
		names = append([]string{p.name}, names...)
	}
	return strings.Join(names, ".")
}

func (p *place) invalid(format string, a ...any) error {
	return fault.Invalid(p.String(), fmt.Sprintf(format, a...))
}

// fields reads an object behind its opening brace.
func (r *documentReader) fields(within *place, depth int) (bson.D, error) {
	doc := bson.D{}
	seen := map[string]bool{}
	for r.tokens.More() {
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		at := &place{within, name}
		switch why := refuseName(name); {
		case why != "":
			return nil, at.invalid("%s", why)
		case seen[name]:
			return nil, at.invalid("is given twice")
		}
		seen[name] = true
		v, err := r.value(at, depth)
		if err != nil {
			return nil, err
		}
		doc = append(doc, bson.E{Key: name, Value: v})
	}
	_, err := r.tokens.Token()
	return doc, err
}

// refuseName says why a field cannot have a name: MongoDB would take it for an
// operator or a path.
func refuseName(name string) string {
	switch {
	case name == "":
		return "a field's name cannot be empty"
	case name[0] == '$':
		return "a field's name cannot begin with $"
	case strings.Contains(name, "."):
		return "a field's name cannot hold a dot; nest objects instead"
	case strings.Contains(name, "\x00"):
		return "a field's name cannot hold a zero byte"
	}
	return ""
}

func (r *documentReader) name() (string, error) {
	token, err := r.tokens.Token()
	name, _ := token.(string)
	return name, err
}

// value reads one value within documents and lists of this depth.
func (r *documentReader) value(at *place, depth int) (any, error) {
	token, err := r.tokens.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Number:
		return number(at, string(t))
	case json.Delim:
		if depth >= store.MaxDocumentDepth {
			return nil, at.invalid("is nested more than %d levels deep", store.MaxDocumentDepth)
		}
		if t == '[' {
			return r.list(at, depth+1)
		}
		if start := r.tokens.InputOffset() - 1; !r.plain && r.extended() {
			return r.special(at, start)
		}
		return r.fields(at, depth+1)
	}
	return token, nil // a string, a bool or nil
}

func (r *documentReader) list(at *place, depth int) (bson.A, error) {
	list := bson.A{}
	for i := 0; r.tokens.More(); i++ {
		v, err := r.value(&place{at, strconv.Itoa(i)}, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.tokens.Token()
	return list, err
}

// extended reports whether the first name of an object, behind its opening
// brace, begins with $.
func (r *documentReader) extended() bool {
	rest := bytes.TrimLeft(r.payload[r.tokens.InputOffset():], " \t\r\n")
	return bytes.HasPrefix(rest, []byte(`"$`)) || bytes.HasPrefix(rest, []byte(`"\u0024`))
}

// special reads what JSON has no way to write, such as {"$date":"…"}, which
// started at this byte.
func (r *documentReader) special(at *place, start int64) (any, error) {
	name, err := r.name()
	if err != nil {
		return nil, err
	}
	for depth := 1; depth > 0; {
		token, err := r.tokens.Token()
		if err != nil {
			return nil, err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxSpecialDepth {
				return nil, at.invalid("is no Extended JSON that can be read: it is nested too deep")
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	var holder bson.D
	raw := r.payload[start:r.tokens.InputOffset()]
	if name == "$numberDecimal" && len(raw) > maxDecimal {
		return nil, at.invalid("has more digits than a $numberDecimal can have")
	}
	if err := bson.UnmarshalExtJSON(append(append([]byte(`{"v":`), raw...), '}'), false, &holder); err != nil {
		return nil, at.invalid("is no Extended JSON that can be read: %.200s", err.Error())
	}
	v := holder[0].Value
	switch v.(type) {
	case bson.D: // the driver takes what it does not know for a document
		return nil, (&place{at, name}).invalid("%s", refuseName(name)+", and this is no Extended JSON that is known")
	case bson.CodeWithScope: // a document that nobody has looked into
		return nil, at.invalid("code with a scope is not taken")
	}
	return v, nil
}

// Extended JSON that can be read is never as deep as this, nor a decimal number,
// which has 34 digits, as long: zeros would keep the driver busy.
const (
	maxSpecialDepth = 4
	maxDecimal      = 256
)

// number reads a number. What an int64 does not hold is a double, rounded.
func number(at *place, digits string) (any, error) {
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && digits != "-0" {
		if n >= math.MinInt32 && n <= math.MaxInt32 {
			return int32(n), nil
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return nil, at.invalid("is too large for a number")
	}
	return f, nil
}
