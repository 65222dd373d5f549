package test

import (
	"strings"
	"testing"
)

// What is wrong with a frame is answered to its sender, with a code and words; the socket stays open and
// nobody else hears of it.

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c, other := connect(t, srv.ws), connect(t, srv.ws)

	for code, frames := range map[string][]string{
		"INVALID_JSON": {
			``, ` `, `hello`, `{`, `{"eventType":10,"message":`, `{"eventType":10,"message":NaN}`,
			`{"eventType":10,"message":1}}`, `{"eventType":10,"message":1} {"eventType":10,"message":2}`,
			`{'eventType':10}`, `{"eventType":10,"message":01}`, "{\"eventType\":10,\"message\":\"a\nb\"}", `{"eventType":10,}`,
			"\ufeff" + `{"eventType":10,"message":1}`,
		},
		"INVALID_EVENT": {
			`null`, `true`, `10`, `"10"`, `[]`, `[{"eventType":10}]`, `{}`, `{"message":"x"}`, `{"EventType":10,"message":1}`,
			`{"eventType":null}`, `{"eventType":"10","message":1}`, `{"eventType":10.5,"message":1}`, `{"eventType":[10]}`,
			`{"eventType":true}`, `{"eventType":{}}`,
		},
		"UNKNOWN_EVENT": {`{"eventType":14}`, `{"eventType":999}`, `{"eventType":1000}`, `{"eventType":-1}`},
		"NOT_ACCEPTED": {
			`{"eventType":0,"code":"X","error":"x"}`, `{"eventType":1,"username":"george"}`, `{"eventType":2,"username":"george"}`,
			`{"eventType":3,"username":"george"}`, `{"eventType":4,"username":"george"}`, `{"eventType":5,"username":"george"}`,
			`{"eventType":6}`, `{"eventType":7}`, `{"eventType":8}`, `{"eventType":11,"username":"george"}`, `{"eventType":12}`,
			`{"eventType":13}`,
		},
		"INVALID_PROPERTY": {
			`{"eventType":10}`, `{"eventType":10,"message":1,"broadcast":"no"}`, `{"eventType":10,"message":1,"broadcast":0}`,
			`{"eventType":10,"message":1,"requestId":{}}`, `{"eventType":10,"message":1,"requestId":[1]}`,
		},
	} {
		t.Run(code, func(t *testing.T) {
			for _, send := range frames {
				got := c.ask(send)
				if got.EventType != 0 || got.Code != code {
					t.Errorf("%q: want eventType 0 with %s, got %s", send, code, got.raw)
				}
				if got.Error == "" || strings.Contains(got.Error, "json:") || strings.Contains(got.Error, "Go ") {
					t.Errorf("%q: the error must be words for a person: %q", send, got.Error)
				}
			}
		})
	}

	sent := c.ask(echo(`"still open"`))
	if got := other.next(); got.raw != sent.raw {
		t.Errorf("the other socket heard of errors that were not its own: %s", got.raw)
	}
}

func TestInvalidPropertySaysWhich(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	for property, send := range map[string]string{
		"message":   `{"eventType":10}`,
		"broadcast": `{"eventType":10,"message":1,"broadcast":"no"}`,
		"requestId": `{"eventType":10,"message":1,"requestId":{}}`,
	} {
		if got := c.ask(send); !strings.Contains(got.Error, property) {
			t.Errorf("%s: the error must name %s: %s", send, property, got.raw)
		}
	}
}

// Without a key or a session nobody reads a user's meta, and the answer does not tell whether the user exists.
func TestMetaWithoutKeyIsForbidden(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	for _, send := range []string{
		`{"eventType":9,"username":"nobody"}`,
		`{"eventType":9,"username":"nobody","property":"p"}`,
		`{"eventType":9,"username":"nobody","property":"p","val":1}`,
		`{"eventType":9,"username":"nobody","val":{}}`,
	} {
		if got := c.ask(send); got.EventType != 0 || got.Code != "FORBIDDEN" {
			t.Errorf("%s: want eventType 0 with FORBIDDEN, got %s", send, got.raw)
		}
	}
}

// A broadcast can be made to need a scope; an echo to oneself never does.
func TestPublishScope(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.publishScope": "write:events"})
	publisher, reader := srv.key(t, "write:events"), srv.key(t, "read:events")
	other := connect(t, srv.ws)

	for name, headers := range map[string]map[string]string{
		"no key":                 {"origin": "trusted-host"},
		"a key of another scope": {"origin": "trusted-host", "authorization": "Bearer " + reader},
	} {
		c := connectWith(t, srv.ws, headers)
		if got := c.ask(`{"eventType":10,"message":1,"requestId":"r"}`); got.Code != "FORBIDDEN" || string(got.RequestID) != `"r"` {
			t.Errorf("%s: want FORBIDDEN, got %s", name, got.raw)
		}
		c.alive()
	}
	for name, headers := range map[string]map[string]string{
		"bearer":        {"origin": "trusted-host", "authorization": "Bearer " + publisher},
		"users-api-key": {"origin": "trusted-host", "users-api-key": publisher},
	} {
		sent := connectWith(t, srv.ws, headers).ask(echo(`"` + name + `"`))
		if got := other.next(); got.raw != sent.raw || string(got.Message) != `"`+name+`"` {
			t.Errorf("%s: the sender got %s, the other %s", name, sent.raw, got.raw)
		}
	}
}

// Over the limit of frames a second a frame is refused, not the socket.
func TestRateLimited(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.messagesPerSecond": 1})
	c, other := connect(t, srv.ws), connect(t, srv.ws)

	const count = 50
	for range count {
		c.send(`{"eventType":10,"message":1,"broadcast":false,"requestId":1}`)
	}
	limited := 0
	for range count {
		if got := c.next(); got.EventType == 0 {
			limited++
			if got.Code != "RATE_LIMITED" {
				t.Errorf("want RATE_LIMITED, got %s", got.raw)
			}
		}
	}
	if limited == 0 || limited == count {
		t.Errorf("%d of %d frames at once were limited; some must be, and the first not", limited, count)
	}
	other.alive() // the limit is each socket's own
	eventually(t, "the limited socket to be served again", func() bool {
		return c.ask(`{"eventType":10,"message":1,"broadcast":false}`).EventType == 10
	})
}
