package test

import (
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"
)

// client is one socket of npm's ws, held by the Node process.
type client struct {
	t     *testing.T
	id    int
	inbox *inbox
}

// trusted are the headers of the seed's snippet.
var trusted = map[string]string{"origin": "trusted-host"}

// connect opens a socket from the origin trusted-host and waits until it is open.
func connect(t *testing.T, url string) *client {
	t.Helper()
	return connectWith(t, url, trusted)
}

func connectWith(t *testing.T, url string, headers map[string]string, protocols ...string) *client {
	t.Helper()
	c := dial(t, url, headers, protocols...)
	if event := c.event(); event.Event != "open" {
		t.Fatalf("opening %s with %v: %s", url, headers, describe(event))
	}
	return c
}

// refused opens a socket that must not open, and returns the answer to its request.
func refused(t *testing.T, url string, headers map[string]string, protocols ...string) (status int, answer failure) {
	t.Helper()
	event := dial(t, url, headers, protocols...).event()
	if event.Event != "unexpected-response" {
		t.Fatalf("opening %s with %v must be refused: %s", url, headers, describe(event))
	}
	return event.Status, decodeFailure(t, []byte(event.Data))
}

// dial begins to open a socket; its first event says how that went. Where protocols are offered it opens only if the
// server takes one of them.
func dial(t *testing.T, url string, headers map[string]string, protocols ...string) *client {
	t.Helper()
	c := &client{t: t, inbox: newInbox()}
	c.id = node.add(c)
	t.Cleanup(func() {
		c.do(nodeCommand{Do: "terminate"})
		node.remove(c.id)
	})
	c.do(nodeCommand{Do: "open", URL: url, Headers: headers, Protocols: protocols})
	return c
}

func (c *client) do(command nodeCommand) {
	c.t.Helper()
	command.ID = c.id
	if err := node.do(command); err != nil {
		c.t.Errorf("the Node process takes no command: %v", err)
	}
}

// send sends a text frame.
func (c *client) send(json string) {
	c.t.Helper()
	c.do(nodeCommand{Do: "send", Data: []byte(json)})
}

// sendBinary sends a binary frame.
func (c *client) sendBinary(data []byte) {
	c.t.Helper()
	c.do(nodeCommand{Do: "send", Data: data, Binary: true})
}

// pause stops reading from the network, resume goes on.
func (c *client) pause()  { c.do(nodeCommand{Do: "pause"}) }
func (c *client) resume() { c.do(nodeCommand{Do: "resume"}) }

// leave closes the socket as a client does, and waits until it is closed.
func (c *client) leave() {
	c.t.Helper()
	c.do(nodeCommand{Do: "close", Code: 1000})
	c.closed()
}

// event waits for whatever happens next to the socket.
func (c *client) event() nodeEvent {
	c.t.Helper()
	event, ok := c.inbox.take(patience)
	if !ok {
		c.t.Fatalf("socket %d: nothing came within %v", c.id, patience)
	}
	return event
}

// next waits for the next frame; any other event fails the test.
func (c *client) next() frame {
	c.t.Helper()
	event := c.event()
	if event.Event != "message" {
		c.t.Fatalf("socket %d: want a frame, got: %s", c.id, describe(event))
	}
	if event.Binary {
		c.t.Errorf("socket %d: a binary frame; every frame of this API is text", c.id)
	}
	return decodeFrame(c.t, event.Data)
}

// ask sends a frame and waits for the next one.
func (c *client) ask(json string) frame {
	c.t.Helper()
	c.send(json)
	return c.next()
}

// closed waits until the socket is closed, and returns the frames that came before.
func (c *client) closed() (code int, reason string, before []frame) {
	c.t.Helper()
	for {
		switch event := c.event(); event.Event {
		case "message":
			before = append(before, decodeFrame(c.t, event.Data))
		case "close":
			return event.Code, event.Reason, before
		}
	}
}

// alive proves that the socket is served: an echo to itself alone comes back.
func (c *client) alive() {
	c.t.Helper()
	got := c.ask(`{"eventType":10,"message":"alive?","broadcast":false}`)
	if got.EventType != 10 || string(got.Message) != `"alive?"` {
		c.t.Fatalf("socket %d: want its own echo, got %s", c.id, got.raw)
	}
}

// pingPong proves that the connection is answered, without a word to the API.
func (c *client) pingPong() {
	c.t.Helper()
	c.do(nodeCommand{Do: "ping", Data: []byte("there?")})
	if event := c.event(); event.Event != "pong" {
		c.t.Fatalf("socket %d: want a pong, got: %s", c.id, describe(event))
	}
}

func describe(event nodeEvent) string {
	line, err := json.Marshal(event)
	if err != nil {
		return event.Event
	}
	return string(line)
}

// inbox holds what came for a client until the test asks for it. It is without bound: a test that does not
// ask must not hold up the others.
type inbox struct {
	mu      sync.Mutex
	events  []nodeEvent
	arrived chan struct{} // holds one token while events may be there
}

func newInbox() *inbox { return &inbox{arrived: make(chan struct{}, 1)} }

func (i *inbox) put(event nodeEvent) {
	i.mu.Lock()
	i.events = append(i.events, event)
	i.mu.Unlock()
	select {
	case i.arrived <- struct{}{}:
	default:
	}
}

func (i *inbox) take(within time.Duration) (nodeEvent, bool) {
	deadline := time.After(within)
	for {
		i.mu.Lock()
		if len(i.events) > 0 {
			event := i.events[0]
			i.events = i.events[1:]
			i.mu.Unlock()
			return event, true
		}
		i.mu.Unlock()
		select {
		case <-i.arrived:
		case <-deadline:
			return nodeEvent{}, false
		}
	}
}

// has tells whether such an event has come and was not taken yet.
func (i *inbox) has(event string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(i.events, func(e nodeEvent) bool { return e.Event == event })
}
