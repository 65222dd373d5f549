package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// decodedAsync is the document without any meaning.
func decodedAsync(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(Async("1.2.3"), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestAsync(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.2.3", `dev "x"`} {
		var doc struct {
			AsyncAPI string
			Info     struct{ Version string }
		}
		if err := json.Unmarshal(Async(version), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.AsyncAPI != "3.0.0" || doc.Info.Version != version {
			t.Errorf("AsyncAPI %s, version %q, want 3.0.0 and %q", doc.AsyncAPI, doc.Info.Version, version)
		}
	}
	if n := bytes.Count(async, []byte(versionMark)); n != 1 {
		t.Errorf("%s stands in asyncapi.json %d times, want once", versionMark, n)
	}
	for _, problem := range asyncProblems(t, decodedAsync(t)) {
		t.Error(problem)
	}
}

// A test that accepts everything says nothing.
func TestAsyncMistakesAreFound(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct {
		path  []string
		value any
		want  string
	}{
		"a reference to nothing":        {[]string{"components", "messages", "RealtimeError", "payload", "$ref"}, "#/components/schemas/None", "leads nowhere"},
		"what nobody refers to":         {[]string{"components", "schemas", "None"}, map[string]any{}, "nothing refers to"},
		"a message of another channel":  {[]string{"operations", "tell", "channel", "$ref"}, "#/channels/users", "is no message of"},
		"a message that is none":        {[]string{"channels", "realtime", "messages", "RealtimeError", "$ref"}, "#/components/schemas/RealtimeError", "is no message"},
		"an action that there is not":   {[]string{"operations", "tell", "action"}, "publish", "the action"},
		"a message that no one sends":   {[]string{"operations", "tell", "messages"}, []any{}, "no operation has"},
		"a path that opens no socket":   {[]string{"channels", "realtime", "address"}, "/events", "no socket"},
		"a socket that is not told of":  {[]string{"channels", "users"}, nil, "the socket at / has 1 channels"},
		"a frame of players":            {[]string{"components", "messages", "PlayerLeft", "examples"}, []any{map[string]any{"payload": map[string]any{"res": "v1.channels.player-left", "data": map[string]any{}}}}, "PlayerLeft"},
		"a message that is left out":    {[]string{"components", "schemas", "PlayersMessage", "oneOf"}, []any{map[string]any{"$ref": "#/components/schemas/PlayersFailure"}}, "schemas/PlayersMessage"},
		"a request that is left out":    {[]string{"components", "schemas", "PlayersRequest", "oneOf"}, []any{map[string]any{"$ref": "#/components/schemas/SayInChannel"}}, "schemas/PlayersRequest"},
		"a message without its data":    {[]string{"components", "schemas", "ChannelDeleted", "required"}, []any{"res"}, "takes a frame without data"},
		"a shape that is told twice":    {[]string{"components", "schemas", "PlayerPresence", "description"}, "something else", "stands otherwise in openapi.json"},
		"an example of a frame":         {[]string{"components", "messages", "RealtimeEnvelope", "examples"}, []any{map[string]any{"payload": map[string]any{"userId": "george"}}}, "does not fit"},
		"no example of a frame":         {[]string{"components", "messages", "RealtimeEnvelope", "examples"}, []any{}, "has no example"},
		"an example of a header":        {[]string{"components", "channelBindings", "realtime", "ws", "headers", "properties", "x-m2-world", "examples"}, []any{""}, "does not fit"},
		"a schema that is none":         {[]string{"components", "schemas", "RealtimeError", "required"}, "error", "schema"},
		"another event than over HTTP":  {[]string{"components", "messages", "UsersEvent", "examples"}, []any{map[string]any{"payload": map[string]any{"eventType": 1, "id": "A", "time": "2026-01-31T12:00:00.000Z"}}}, "openapi.json"},
		"a code that there is not":      {[]string{"components", "messages", "UsersReply", "examples"}, []any{map[string]any{"payload": map[string]any{"eventType": 9, "code": 5}}}, "does not fit"},
		"a type that is told otherwise": {[]string{"components", "schemas", "UsersRequest", "oneOf"}, []any{map[string]any{"properties": map[string]any{"eventType": map[string]any{"const": 11}}}}, "does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := decodedAsync(t)
			into := doc
			for _, step := range at.path[:len(at.path)-1] {
				var ok bool
				if into, ok = into[step].(map[string]any); !ok {
					t.Fatalf("there is no %s in %s", step, strings.Join(at.path, " "))
				}
			}
			last := at.path[len(at.path)-1]
			if into[last] = at.value; at.value == nil {
				delete(into, last)
			}
			problems := strings.Join(asyncProblems(t, doc), "\n")
			if !strings.Contains(problems, at.want) {
				t.Errorf("%q was not found, but: %s", at.want, problems)
			}
		})
	}
}

// asyncChecker collects what is wrong with a document.
type asyncChecker struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	referred map[string]bool
	problems []string
}

func (c *asyncChecker) fail(format string, a ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, a...))
}

// asyncProblems is what is wrong with a document.
func asyncProblems(t *testing.T, doc map[string]any) []string {
	t.Helper()
	c := &asyncChecker{compiler: jsonschema.NewCompiler(), referred: map[string]bool{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	for name, text := range map[string]any{"asyncapi.json": doc, "openapi.json": decoded(t)} {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b)) // which keeps numbers as they are
		if err != nil {
			t.Fatal(err)
		}
		if err := c.compiler.AddResource(name, value); err != nil {
			t.Fatal(err)
		}
		if name == "asyncapi.json" {
			doc = value.(map[string]any)
		}
	}
	c.doc = doc
	c.walk(doc, "#")
	for kind, components := range doc["components"].(map[string]any) {
		for name := range components.(map[string]any) {
			if at := "#/components/" + kind + "/" + name; !c.referred[at] {
				c.fail("nothing refers to %s", at)
			}
		}
	}
	for name := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := c.compiler.Compile("asyncapi.json#/components/schemas/" + name); err != nil {
			c.fail("the schema %s: %v", name, err)
		}
	}
	c.operations()
	c.sockets(decoded(t)["paths"].(map[string]any))
	c.users()
	c.players()
	c.shared(decoded(t)["components"].(map[string]any)["schemas"].(map[string]any))
	return c.problems
}

// walk looks at each reference and at each example.
func (c *asyncChecker) walk(v any, at string) {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			c.walk(e, at+"/"+strconv.Itoa(i))
		}
	case map[string]any:
		if to, ok := v["$ref"].(string); ok {
			if c.referred[to] = true; !resolves(c.doc, to) {
				c.fail("%s: %s leads nowhere", at, to)
			}
		}
		examples, given := v["examples"].([]any)
		switch _, message := v["payload"]; {
		case message && len(examples) == 0:
			c.fail("%s has no example", at)
		case message:
			for _, e := range examples {
				c.fits(e.(map[string]any)["payload"], "asyncapi.json"+at+"/payload")
			}
		case given:
			for _, e := range examples {
				c.fits(e, "asyncapi.json"+at)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "examples" {
				c.walk(v[name], at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
			}
		}
	}
}

// fits compares an example with a schema.
func (c *asyncChecker) fits(example any, schema string) {
	s, err := c.compiler.Compile(schema)
	if err == nil {
		err = s.Validate(example)
	}
	if err != nil {
		c.fail("%v does not fit %s: %v", example, schema, err)
	}
}

// operations holds each of them to the messages of its channel, and wants each
// message sent or received.
func (c *asyncChecker) operations() {
	used := map[string]bool{}
	for name, o := range c.doc["operations"].(map[string]any) {
		o := o.(map[string]any)
		if action := o["action"]; action != "send" && action != "receive" {
			c.fail("%s: the action %v is neither send nor receive", name, action)
		}
		reply, _ := o["reply"].(map[string]any)
		for _, part := range []map[string]any{o, reply} {
			list, _ := part["messages"].([]any)
			for _, m := range list {
				to := m.(map[string]any)["$ref"].(string)
				if within := part["channel"].(map[string]any)["$ref"].(string) + "/messages/"; !strings.HasPrefix(to, within) {
					c.fail("%s: %s is no message of its channel", name, to)
				}
				if part["action"] != nil { // what is only a reply to something is missing where all that is sent stands
					used[to] = true
				}
			}
		}
	}
	for name, channel := range c.doc["channels"].(map[string]any) {
		for message, m := range channel.(map[string]any)["messages"].(map[string]any) {
			if to := m.(map[string]any)["$ref"]; to != "#/components/messages/"+message {
				c.fail("%s: %v is no message %s", name, to, message)
			}
			if to := "#/channels/" + name + "/messages/" + message; !used[to] {
				c.fail("no operation has %s", to)
			}
		}
	}
}

// sockets compares the channels with the paths where sockets open.
func (c *asyncChecker) sockets(paths map[string]any) {
	open := map[string]int{}
	for path, item := range paths {
		get, _ := item.(map[string]any)["get"].(map[string]any)
		answers, _ := get["responses"].(map[string]any)
		if _, ok := answers["101"]; ok {
			open[path] = 0
		}
	}
	for name, channel := range c.doc["channels"].(map[string]any) {
		address := channel.(map[string]any)["address"].(string)
		if _, ok := open[address]; !ok {
			c.fail("%s: no socket opens at %s", name, address)
		}
		open[address]++
	}
	for path, want := range map[string]int{"/": 2, "/socket": 1, "/realtime": 1, "/api/realtime/": 1} { // what /socket.io/ has is Socket.IO
		if open[path] != want {
			c.fail("the socket at %s has %d channels, want %d", path, open[path], want)
		}
	}
}

// users compares the frames of the users socket with what openapi.json says of
// them, which says more.
func (c *asyncChecker) users() {
	messages := c.doc["components"].(map[string]any)["messages"].(map[string]any)
	for name, there := range map[string]string{"UsersRequest": "SocketRequest", "UsersEvent": "Event", "UsersReply": "Reply"} {
		for _, e := range messages[name].(map[string]any)["examples"].([]any) {
			c.fits(e.(map[string]any)["payload"], "openapi.json#/components/schemas/"+there)
		}
	}
}

// players holds what is sent and received on the socket of players against the
// schemas of all of it, which others compare frames with.
func (c *asyncChecker) players() {
	for name, o := range c.doc["operations"].(map[string]any) {
		o := o.(map[string]any)
		if o["channel"].(map[string]any)["$ref"] != "#/channels/players" {
			continue
		}
		schema := "asyncapi.json#/components/schemas/PlayersMessage"
		if o["action"] == "receive" {
			schema = "asyncapi.json#/components/schemas/PlayersRequest"
		}
		for _, m := range o["messages"].([]any) {
			to := m.(map[string]any)["$ref"].(string)
			message, _ := c.doc["components"].(map[string]any)["messages"].(map[string]any)[to[strings.LastIndex(to, "/")+1:]].(map[string]any)
			if message["contentType"] != "application/json" {
				continue
			}
			for _, e := range message["examples"].([]any) {
				frame, _ := e.(map[string]any)["payload"].(map[string]any)
				c.fits(frame, schema)
				bare := maps.Clone(frame)
				delete(bare, "data")
				if s, err := c.compiler.Compile(schema); err == nil && s.Validate(bare) == nil {
					c.fail("%s: %s takes a frame without data: %v", name, schema, bare)
				}
			}
		}
	}
}

// shared wants a shape of the same name to be the same in both documents.
func (c *asyncChecker) shared(there map[string]any) {
	for name, schema := range c.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		other, ok := there[name]
		if !ok {
			continue
		}
		a, err := json.Marshal(schema)
		b, err2 := json.Marshal(other)
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			c.fail("the schema %s stands otherwise in openapi.json", name)
		}
	}
}
