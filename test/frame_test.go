package test

import (
	"bytes"
	"encoding/json"
	"testing"
)

// frame is what a socket receives; the fields are there as its eventType has them.
type frame struct {
	EventType int             `json:"eventType"`
	ID        string          `json:"id"`
	Time      string          `json:"time"`
	Message   json.RawMessage `json:"message"`
	RequestID json.RawMessage `json:"requestId"`
	Code      string          `json:"code"`
	Error     string          `json:"error"`
	Oldest    string          `json:"oldest"`
	InDoubt   bool            `json:"inDoubt"`

	raw string
}

func decodeFrame(t *testing.T, raw string) frame {
	t.Helper()
	f := frame{raw: raw}
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		t.Fatalf("a frame that is not what the API describes: %v\n%.500s", err, raw)
	}
	return f
}

// fields are all properties of the frame, each as it was sent.
func (f frame) fields(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(f.raw), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// failure is the one shape of an error over HTTP.
type failure struct {
	Code     string `json:"code"`
	Error    string `json:"error"`
	Property string `json:"property"` // with INVALID_PROPERTY
	Oldest   string `json:"oldest"`   // with HISTORY_LOST
}

func decodeFailure(t *testing.T, body []byte) failure {
	t.Helper()
	var f failure
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil || f.Code == "" || f.Error == "" {
		t.Fatalf(`an error must be {"code":"…","error":"…"}, got %q (%v)`, body, err)
	}
	return f
}

// compact is a JSON value without the white space between its tokens, everything else as it was.
func compact(t *testing.T, value []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		t.Fatalf("no JSON: %v: %.200q", err, value)
	}
	return b.String()
}

// echo is the frame that sends the message, a JSON value, to every approved socket.
func echo(message string) string { return `{"eventType":10,"message":` + message + `}` }
