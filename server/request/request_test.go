package request

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"gatehouse/events"
	"gatehouse/server/fault"
)

func codeOf(err error) fault.Code {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return ""
}

func TestParse(t *testing.T) {
	for payload, want := range map[string]struct {
		code fault.Code
		kind events.Type
		id   string
	}{
		`{"eventType":10}`:                                                {"", 10, ""},
		` {"eventType" : 1e1 , "requestId":-5.5}`:                         {"", 10, "-5.5"},
		`{"eventType":10.0,"requestId":"a\u0000"}`:                        {"", 10, `"a\u0000"`},
		`{"eventType":9,"eventType":10}`:                                  {"", 10, ""}, // as JSON.parse has it
		`{"EventType":10}`:                                                {fault.InvalidEvent, 0, ""},
		`{"eventType":"10","requestId":1}`:                                {fault.InvalidEvent, 0, "1"},
		`{"eventType":10.5}`:                                              {fault.InvalidEvent, 0, ""},
		`{"eventType":true}`:                                              {fault.InvalidEvent, 0, ""},
		`{"eventType":null}`:                                              {fault.InvalidEvent, 0, ""},
		`{"eventType":{}}`:                                                {fault.InvalidEvent, 0, ""},
		`{"eventType":-1}`:                                                {fault.UnknownEvent, 0, ""},
		`{"eventType":1e400}`:                                             {fault.UnknownEvent, 0, ""},
		`{"eventType":99999999999}`:                                       {fault.UnknownEvent, 0, ""},
		`{"eventType":10,"requestId":{}}`:                                 {fault.InvalidProperty, 0, ""},
		`{"eventType":10,"requestId":null}`:                               {fault.InvalidProperty, 0, ""},
		`{"eventType":10,"requestId":true}`:                               {fault.InvalidProperty, 0, ""},
		`{"eventType":10,"requestId":"` + strings.Repeat("x", 300) + `"}`: {fault.InvalidProperty, 0, ""},
		`{}`:                            {fault.InvalidEvent, 0, ""},
		`[]`:                            {fault.InvalidEvent, 0, ""},
		`null`:                          {fault.InvalidEvent, 0, ""},
		`10`:                            {fault.InvalidEvent, 0, ""},
		`"x"`:                           {fault.InvalidEvent, 0, ""},
		``:                              {fault.InvalidJSON, 0, ""},
		`{"eventType":10`:               {fault.InvalidJSON, 0, ""},
		`{"eventType":10}x`:             {fault.InvalidJSON, 0, ""},
		`{'eventType':10}`:              {fault.InvalidJSON, 0, ""},
		"{\"eventType\":10,\"\xff\":1}": {fault.InvalidJSON, 0, ""},
		strings.Repeat("[", 100_000):    {fault.InvalidJSON, 0, ""},
	} {
		r, err := Parse([]byte(payload))
		if codeOf(err) != want.code || err == nil && r.Type != want.kind || string(r.ID) != want.id {
			t.Errorf("%.60s: %v, type %d, id %s", payload, err, r.Type, r.ID)
		}
	}
}

func TestEchoAndOwn(t *testing.T) {
	for payload, want := range map[string]string{
		`{"eventType":10,"message": {"b" : 1 , "a":9007199254740993}, "requestId":1}`: `{"message":{"b":1,"a":9007199254740993},"requestId":1}`,
		`{"eventType":10,"message":null}`:                                             `{"message":null}`,
		`{"eventType":10}`:                                                            "message: is missing",
	} {
		r, err := Parse([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.Echo()
		if got := string(a.Body); got != want && (err == nil || err.Error() != want) {
			t.Errorf("%s: %s, %v", payload, got, err)
		}
	}
	for payload, want := range map[string]string{
		`{"eventType":1000,"z":1.50,"a":[ 1 ],"username":"george"}`: `{"a":[1],"username":"george","z":1.50}`,
		`{"eventType":1000}`:                 `{}`,
		`{"eventType":1000,"id":"x"}`:        "id: is given by the server",
		`{"eventType":1000,"time":1}`:        "time: is given by the server",
		`{"eventType":1000,"username":null}`: "username: must be a string",
		`{"eventType":1000,"a":1,"b":2}`:     "b: is no property of order-placed (1000); its properties are a, z, username",
		`{"eventType":1000,"requestId":1}`:   "requestId: is no property of order-placed (1000); its properties are a, z, username",
	} {
		r, err := Parse([]byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.Own(orderPlaced)
		if got := string(a.Body); got != want && (err == nil || err.Error() != want) {
			t.Errorf("%s: %s, %v", payload, got, err)
		}
	}
}

// A rule that is about nobody, or gives no properties, has events without them.
func TestOwnOfARuleWithLess(t *testing.T) {
	rule := orderPlaced
	rule.Username = ""
	r, err := Parse([]byte(`{"eventType":1000,"username":"george"}`))
	if err != nil {
		t.Fatal(err)
	}
	for want, properties := range map[string]map[string]string{
		"username: is no property of order-placed (1000); its properties are a, z": rule.Properties,
		"username: events of order-placed (1000) have no properties":               nil,
	} {
		rule.Properties = properties
		if _, err := r.Own(rule); codeOf(err) != fault.InvalidProperty || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

var orderPlaced = events.Rule{
	Number: 1000, Name: "order-placed", Properties: map[string]string{"z": "total", "a": "items"}, Username: "customer.login",
}

// Whatever arrives, parsing ends with an error that has a code, or with an echo
// that is JSON.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"eventType":10,"message":[1,"é",null],"requestId":"x","broadcast":false}`))
	f.Add([]byte(`{"eventType":1000,"username":"g"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := Parse(payload)
		if err != nil {
			if codeOf(err) == "" {
				t.Errorf("%q: %v has no code", payload, err)
			}
			return
		}
		for _, make := range []func() (events.Announcement, error){r.Echo, func() (events.Announcement, error) { return r.Own(orderPlaced) }} {
			a, err := make()
			if err == nil && !json.Valid(a.Body) {
				t.Errorf("%q became %q", payload, a.Body)
			}
		}
	})
}
