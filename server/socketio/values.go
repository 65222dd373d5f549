package socketio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Values are the arguments of an event or of an answer. Binary data do not stand
// in JSON: where one belongs there is {"_placeholder":true,"num":N}, and it is
// the Nth of the attachments.
type Values struct {
	Args        []json.RawMessage
	Attachments [][]byte
}

// NewValues makes values of what can be JSON. An argument that is a []byte is
// binary; one within another is Base64, as encoding/json has it.
func NewValues(args ...any) (Values, error) {
	var v Values
	for i, arg := range args {
		if data, ok := arg.([]byte); ok {
			v.Args = append(v.Args, placeholder(len(v.Attachments)))
			v.Attachments = append(v.Attachments, data)
			continue
		}
		b, err := json.Marshal(arg)
		if err != nil {
			return Values{}, fmt.Errorf("argument %d cannot be JSON: %w", i, err)
		}
		v.Args = append(v.Args, b)
	}
	if n := len(v.Attachments); n > 0 && !placed(v.list(""), n) {
		return Values{}, errPlaceholder
	}
	return v, nil
}

// errPlaceholder: clients hang up where they are sent such a packet, so nobody
// may have it sent to others.
var errPlaceholder = errors.New("an argument has a placeholder of its own, for data that are not there")

// placed reports whether each placeholder in data is for one of n attachments.
func placed(data json.RawMessage, n int) bool {
	var v any
	return json.Unmarshal(data, &v) == nil && placedIn(v, n)
}

func placedIn(v any, n int) bool {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			if !placedIn(one, n) {
				return false
			}
		}
	case map[string]any:
		if v["_placeholder"] == true {
			num, ok := v["num"].(float64)
			return ok && num >= 0 && num < float64(n) && num == math.Trunc(num)
		}
		for _, one := range v {
			if !placedIn(one, n) {
				return false
			}
		}
	}
	return true
}

func placeholder(n int) json.RawMessage {
	return json.RawMessage(`{"_placeholder":true,"num":` + strconv.Itoa(n) + `}`)
}

// Binary is the argument at i, where it is binary.
func (v Values) Binary(i int) ([]byte, bool) {
	var p struct {
		Placeholder bool `json:"_placeholder"`
		Num         *int `json:"num"`
	}
	if i >= len(v.Args) || json.Unmarshal(v.Args[i], &p) != nil || !p.Placeholder || p.Num == nil || *p.Num < 0 || *p.Num >= len(v.Attachments) {
		return nil, false
	}
	return v.Attachments[*p.Num], true
}

// list is the values as the data of a packet, behind an event's name if there
// is one.
func (v Values) list(name string) json.RawMessage {
	b := []byte{'['}
	if name != "" {
		q, _ := json.Marshal(name) // a text: it cannot fail
		b = append(b, q...)
	}
	for _, arg := range v.Args {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, arg...)
	}
	return append(b, ']')
}
