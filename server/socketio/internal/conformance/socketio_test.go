package main

import (
	"strings"
	"testing"
	"time"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	s := start(t)
	for sent, want := range map[string][2]string{
		"40":                        {`40{"sid":"`, `42["auth",{}]`},
		`40{"token":"123"}`:         {`40{"sid":"`, `42["auth",{"token":"123"}]`},
		"40/custom,":                {`40/custom,{"sid":"`, `42/custom,["auth",{}]`},
		"40/custom":                 {`40/custom,{"sid":"`, `42/custom,["auth",{}]`},
		`40/custom,{"token":"abc"}`: {`40/custom,{"sid":"`, `42/custom,["auth",{"token":"abc"}]`},
	} {
		c := s.webSocket(socketIO)
		c.send(sent)
		c.begins(want[0])
		c.hears(want[1])
	}
	c := s.webSocket(socketIO)
	c.send("40/random")
	c.hears(`44/random,{"message":"Invalid namespace"}`)
}

// Who joins nothing is let go.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.webSocket(socketIO)
	c.ends()
	at := s.polling(socketIO)
	for {
		status, answer := s.do("GET", at, "")
		if status == 400 || strings.Contains(answer, "1") {
			break
		}
		if answer == "2" {
			s.do("POST", at, "3") // it may come too late
		}
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.joined()
	c.send("40/custom")
	c.begins(`40/custom,{"sid":"`)
	c.hears(`42/custom,["auth",{}]`)
	c.send("41/custom")
	c.send(`42["message","still here"]`)
	c.hears(`42["message-back","still here"]`)
	c.send(`42/custom,["message","not here"]`)
	c.ends()

	c = s.joined()
	c.send("41")
	c.send("40")
	c.begins(`40{"sid":"`)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.joined()
	c.send(`42["message",1,"2",{"3":[true]}]`)
	c.hears(`42["message-back",1,"2",{"3":[true]}]`)
	c.send(`42["message"]`)
	c.hears(`42["message-back"]`)
	c.send(`42["unknown",1]`)
	c.send(`42456["message-with-ack",1,"2",{"3":[false]}]`)
	c.hears(`43456[1,"2",{"3":[false]}]`)

	c.send(`452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	c.sendBinary(1, 2, 3)
	c.sendBinary(4, 5, 6)
	c.hears(`452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	c.hearsBinary(1, 2, 3)
	c.hearsBinary(4, 5, 6)
	c.send(`452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	c.sendBinary(1)
	c.sendBinary()
	c.hears(`462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	c.hearsBinary(1)
	c.hearsBinary()
}

func TestEventsByPolling(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(socketIO)
	s.wants(200, "ok", "POST", at, "40")
	_, all := s.do("GET", at, "")
	if !strings.HasPrefix(all, `40{"sid":"`) {
		t.Fatal(all)
	}
	if !strings.Contains(all, "auth") {
		s.wants(200, `42["auth",{}]`, "GET", at, "")
	}
	s.wants(200, "ok", "POST", at, "451-[\"message\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID")
	s.wants(200, "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]\x1ebAQID", "GET", at, "")
}

func TestWhatIsNoPacket(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, frames := range map[string][]string{
		"no type":               {"4abc"},
		"an unknown type":       {"47"},
		"no name":               {"42[]"},
		"no list":               {`42{"a":1}`},
		"no JSON":               {`42["message"`},
		"null for a name":       {`42[null]`},
		"a name of the library": {`42["connect"]`},
		"no data":               {"42"},
		"an ack without id":     {"43[1]"},
		"twice":                 {"40"},
		"a refusal":             {`44{"message":"x"}`},
		"data of a disconnect":  {`41{"a":1}`},
		"no attachments":        {`450-["message"]`},
		"many attachments":      {`4565535-["message"]`},
		"text for attachments":  {`451-["message",1]`, `42["message"]`},
		"a huge id":             {`4299999999999999999999["message"]`},
		"auth that is a list":   {"40/custom,[1]"},
		"another namespace":     {`42/custom,["message"]`},
		"a namespace of nobody": {`42/nobody,["message"]`},
	} {
		c := s.joined()
		for _, f := range frames {
			c.send(f)
		}
		if _, b, err := c.next(); err == nil {
			t.Errorf("%s: it hears %q, want the end", name, b)
		}
	}
	c := s.joined()
	c.sendBinary(1)
	c.ends()
	early := s.webSocket(socketIO)
	early.send(`42["message"]`)
	early.ends()
}

// Some clients go over to a WebSocket without naming the session that polls, and
// forget that one: it is let go, and the other stays.
func TestFreshWebSocketBesidePolls(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(socketIO)
	c := s.joined()
	deadline := time.Now().Add(patience)
	for {
		if status, _ := s.do("POST", at, "3"); status == 400 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the session that polled is still there")
		}
		c.send(`42["message"]`)
		c.hears(`42["message-back"]`)
	}
	c.send(`42["message","still here"]`)
	c.hears(`42["message-back","still here"]`)
}
