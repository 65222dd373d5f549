package test

import (
	"strings"
	"testing"
)

// POST /events publishes for whoever has a key, and needs no socket.

func bearer(key string) map[string]string { return map[string]string{"authorization": "Bearer " + key} }

func TestPublishReachesSockets(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	key := srv.key(t, "write:events,read:events")
	c := connect(t, srv.ws)

	for name, headers := range map[string]map[string]string{
		"bearer":                   bearer(key),
		"users-api-key":            {"users-api-key": key},
		"with an approved origin":  {"authorization": "Bearer " + key, "origin": "trusted-host"},
		"with a scheme in capital": {"authorization": "BEARER " + key},
	} {
		status, answer := srv.do(t, "POST", "/events", echo(`9007199254740993`), headers)
		if status < 200 || status > 299 {
			t.Errorf("%s: status %d: %s", name, status, answer)
			continue
		}
		if got := c.next(); got.EventType != 10 || string(got.Message) != `9007199254740993` {
			t.Errorf("%s: got %s", name, got.raw)
		}
	}
}

func TestPublishNeedsAKey(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	reader, writer := srv.key(t, "read:events"), srv.key(t, "write:events")
	c := connect(t, srv.ws)

	for name, want := range map[string]struct {
		headers map[string]string
		status  int
	}{
		"no key":                 {nil, 401},
		"an approved origin":     {trusted, 401},
		"a wrong key":            {bearer("wrong"), 401},
		"a key cut off":          {bearer(writer[:len(writer)-1]), 401},
		"a key made longer":      {bearer(writer + "A"), 401},
		"basic authentication":   {map[string]string{"authorization": "Basic " + writer}, 401},
		"a key of another scope": {bearer(reader), 403},
		"an origin not approved": {map[string]string{"authorization": "Bearer " + writer, "origin": "https://evil.example"}, 403},
	} {
		status, answer := srv.do(t, "POST", "/events", echo("1"), want.headers)
		if status != want.status {
			t.Errorf("%s: status %d, want %d", name, status, want.status)
		}
		if said := decodeFailure(t, answer); strings.Contains(said.Error, writer) {
			t.Errorf("%s: the answer repeats the key: %s", name, said.Error)
		}
	}
	c.alive() // and nothing was published
}

func TestPublishOfWhatIsWrong(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	key := srv.key(t, "write:events")

	for body, want := range map[string]struct {
		status int
		code   string
	}{
		``:  {400, "INVALID_JSON"},
		`{`: {400, "INVALID_JSON"},
		"{\"eventType\":10,\"message\":\"\xff\"}":    {400, "INVALID_JSON"},
		echo(strings.Repeat("[", 20_000)):            {400, "INVALID_JSON"},
		`[]`:                                         {400, "INVALID_EVENT"},
		`{"message":1}`:                              {400, "INVALID_EVENT"},
		`{"eventType":99}`:                           {400, "UNKNOWN_EVENT"},
		`{"eventType":1,"username":"x"}`:             {400, "NOT_ACCEPTED"},
		`{"eventType":10}`:                           {400, "INVALID_PROPERTY"},
		echo(`"` + strings.Repeat("x", 1<<20) + `"`): {413, "TOO_LARGE"},
	} {
		status, answer := srv.do(t, "POST", "/events", body, bearer(key))
		if got := decodeFailure(t, answer); status != want.status || got.Code != want.code {
			t.Errorf("%.100q: status %d with %s, want %d with %s", body, status, got.Code, want.status, want.code)
		}
	}
}
