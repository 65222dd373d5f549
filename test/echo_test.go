package test

import (
	"strconv"
	"testing"
	"time"
)

// An echo is sent by one socket and received by all, the sender too.

func TestEchoReachesItsSender(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	got := connect(t, srv.ws).ask(`{"eventType":10,"message":"Hello world?"}`)
	if got.EventType != 10 || string(got.Message) != `"Hello world?"` {
		t.Errorf("got %s", got.raw)
	}
}

func TestBroadcastReachesEverySocket(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	sender, other := connect(t, srv.ws), connect(t, srv.ws)

	for _, send := range []string{
		`{"eventType":10,"message":"to all"}`,
		`{"eventType":10,"message":"to all","broadcast":true}`,
	} {
		atSender := sender.ask(send)
		atOther := other.next()
		if atSender.EventType != 10 || string(atSender.Message) != `"to all"` {
			t.Errorf("the sender got %s", atSender.raw)
		}
		// The same bytes, so the same id too: it is one event.
		if atOther.raw != atSender.raw {
			t.Errorf("the sender got %s, the other %s", atSender.raw, atOther.raw)
		}
	}
}

func TestEchoWithoutBroadcastReachesOnlyItsSender(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	sender, other := connect(t, srv.ws), connect(t, srv.ws)

	reply := sender.ask(`{"eventType":10,"message":"to me","broadcast":false}`)
	if reply.EventType != 10 || string(reply.Message) != `"to me"` {
		t.Errorf("the sender got %s", reply.raw)
	}
	if reply.ID != "" {
		t.Errorf("a reply is no event and has no id: %s", reply.raw)
	}
	// Had it been sent to the other too, it would come before what is sent next.
	sender.ask(`{"eventType":10,"message":"to all"}`)
	if got := other.next(); string(got.Message) != `"to all"` {
		t.Errorf("the other got %s", got.raw)
	}
}

func TestEventCarriesIDAndTime(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	first, second := c.ask(echo("1")), c.ask(echo("2"))
	if first.ID == "" || first.ID == second.ID {
		t.Errorf("each event has an id of its own: %q, %q", first.ID, second.ID)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", first.Time); err != nil {
		t.Errorf("the time is RFC 3339 in UTC with milliseconds: %v", err)
	}
	for name := range first.fields(t) {
		switch name {
		case "eventType", "id", "time", "message":
		default:
			t.Errorf("an echo has no %s: %s", name, first.raw)
		}
	}
}

func TestRequestIDComesBack(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	for _, id := range []string{`"a-1"`, `7`, `9007199254740993`, `""`, `"ключ"`} {
		for what, send := range map[string]string{
			"an echo's event":  `{"eventType":10,"message":0,"requestId":` + id + `}`,
			"an echo's reply":  `{"eventType":10,"message":0,"broadcast":false,"requestId":` + id + `}`,
			"an unknown event": `{"eventType":99,"requestId":` + id + `}`,
			"a wrong property": `{"eventType":10,"requestId":` + id + `}`,
			"a wrong type":     `{"eventType":"10","requestId":` + id + `}`,
		} {
			if got := c.ask(send); string(got.RequestID) != id {
				t.Errorf("%s, requestId %s: got %s", what, id, got.raw)
			}
		}
	}
}

// A socket is subscribed before it is told that it is open: nothing committed after that is missed.
func TestNothingIsMissedAfterOpen(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	sender := connect(t, srv.ws)

	for range 50 {
		c := connect(t, srv.ws)
		sent := sender.ask(echo(`"after open"`))
		if got := c.next(); got.ID != sent.ID {
			t.Fatalf("want the event %s, got %s", sent.raw, got.raw)
		}
	}
}

// Echoes of one socket keep their order, however fast they come.
func TestEchoesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	srv := startApart(t, nil)
	sender, other := connect(t, srv.ws), connect(t, srv.ws)

	const count = 2000
	for n := range count {
		sender.send(echo(strconv.Itoa(n)))
	}
	for n := range count {
		for who, c := range map[string]*client{"the sender": sender, "the other": other} {
			if got := c.next(); string(got.Message) != strconv.Itoa(n) {
				t.Fatalf("%s: want number %d, got %s", who, n, got.raw)
			}
		}
	}
}
