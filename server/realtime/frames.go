package realtime

import (
	"encoding/json"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/resources"
)

// What a client may ask for.
const (
	subscribe   = "subscribe"
	unsubscribe = "unsubscribe"
)

// name is how a client calls a resource.
type name struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// command is a frame of a client.
type command struct {
	action   string
	resource name
}

// parse reads a frame, or says that it is none. Names are compared with their
// case, and of what stands twice the last counts, as JSON.parse has it.
func parse(payload []byte) (command, bool) {
	frame, ok := fields(payload)
	if !ok {
		return command{}, false
	}
	resource, ok := fields(frame["resource"])
	if !ok {
		return command{}, false
	}
	var c command
	for at, raw := range map[*string]json.RawMessage{&c.action: frame["action"], &c.resource.Type: resource["type"], &c.resource.ID: resource["id"]} {
		if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, at) != nil {
			return command{}, false
		}
	}
	return c, c.action == subscribe || c.action == unsubscribe
}

// fields reads a JSON object.
func fields(payload []byte) (map[string]json.RawMessage, bool) {
	var f map[string]json.RawMessage
	err := json.Unmarshal(payload, &f)
	return f, err == nil && f != nil
}

// envelope is what is told of a state of a resource, without whose it is told to:
// one for all its subscribers.
type envelope struct {
	resource []byte // {"type":…,"id":…}
	rest     []byte // the data and the version
}

func newEnvelope(resource []byte, data bson.RawValue, exists bool, v resources.Version) envelope {
	rest := []byte(`,"data":`)
	if exists {
		rest = append(rest, store.JSONValue(data)...)
	} else {
		rest = append(rest, "null"...)
	}
	rest = append(rest, `,"version":"`...)
	rest = append(rest, v.String()...)
	return envelope{resource, append(rest, `"}`...)}
}

// to is the envelope as one user is told it.
func (e envelope) to(userID string) *wsconn.Batch {
	user := quote(userID)
	b := make([]byte, 0, len(`{"userId":,"resource":`)+len(user)+len(e.resource)+len(e.rest))
	b = append(b, `{"userId":`...)
	b = append(b, user...)
	b = append(b, `,"resource":`...)
	b = append(b, e.resource...)
	return frame(append(b, e.rest...))
}

// warnings begin with what a type is called in them.
var titles = map[resources.Type]string{resources.KVStore: "KVStore", resources.Collection: "Collection", resources.LiveConfig: "LiveConfig"}

// warning says that a resource does not exist yet.
func warning(t resources.Type, resource []byte) *wsconn.Batch {
	b := []byte(`{"warning":"resource_not_found","message":"` + titles[t] + ` resource doesn't currently exist, subscription was still made successfully","resource":`)
	return frame(append(append(b, resource...), '}'))
}

// malformed answers every frame that cannot be followed, in exactly these words.
var malformed = frame([]byte(`{"error":"Invalid message format"}`))

// refusal says why a resource cannot be subscribed to.
func refusal(why string, of name) *wsconn.Batch {
	b := append([]byte(`{"error":`), quote(why)...)
	b = append(b, `,"resource":`...)
	return frame(append(append(b, of.json()...), '}'))
}

func (n name) json() []byte {
	b := append([]byte(`{"type":`), quote(n.Type)...)
	b = append(b, `,"id":`...)
	return append(append(b, quote(n.ID)...), '}')
}

func quote(s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // a string: it cannot be
		return strconv.AppendQuote(nil, s)
	}
	return b
}

func frame(payload []byte) *wsconn.Batch { return wsconn.NewBatch(wsconn.TextFrame(payload), "") }
