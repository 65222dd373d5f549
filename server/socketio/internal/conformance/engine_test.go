package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, hello := s.do("GET", engineIO+"&transport=polling", "")
	for _, piece := range []string{`0{"sid":"`, `"upgrades":["websocket"]`, `"pingInterval":300`, `"pingTimeout":200`, `"maxPayload":1000000`} {
		if !strings.Contains(hello, piece) {
			t.Errorf("%s lacks %s", hello, piece)
		}
	}
	s.webSocket(engineIO)
	for query, answer := range map[string]string{
		"?transport=polling":               `{"code":5,"message":"Unsupported protocol version"}`,
		"?EIO=abc&transport=polling":       `{"code":5,"message":"Unsupported protocol version"}`,
		"?EIO=3&transport=polling":         `{"code":5,"message":"Unsupported protocol version"}`,
		"?EIO=4":                           `{"code":0,"message":"Transport unknown"}`,
		"?EIO=4&transport=abc":             `{"code":0,"message":"Transport unknown"}`,
		"?EIO=4&transport=polling&sid=abc": `{"code":1,"message":"Session ID unknown"}`,
	} {
		s.wants(400, answer, "GET", "/engine.io/"+query, "")
	}
	s.wants(400, `{"code":2,"message":"Bad handshake method"}`, "POST", engineIO+"&transport=polling", "4x")
	s.wants(400, `{"code":3,"message":"Bad request"}`, "PUT", s.polling(engineIO), "4x")
	for _, query := range []string{"?transport=websocket", "?EIO=abc&transport=websocket", "?EIO=4", "?EIO=4&transport=abc", "?EIO=4&transport=websocket&sid=abc"} {
		if c, status := s.dial("/engine.io/" + query); c != nil || status != 400 {
			t.Errorf("a WebSocket with %s: %d", query, status)
		}
	}
	if status, _ := s.do("GET", engineIO+"&transport=websocket", ""); status != 400 {
		t.Errorf("a WebSocket that is none: %d", status)
	}
}

func TestMessagesByPolling(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	s.wants(200, "ok", "POST", at, "4hello")
	s.wants(200, "4hello", "GET", at, "")
	s.wants(200, "ok", "POST", at, "4one\x1e4two\x1ebAQIDBA==")
	var all string
	for strings.Count(all, "\x1e") < 2 {
		_, more := s.do("GET", at, "")
		if all != "" {
			all += "\x1e"
		}
		all += more
	}
	if all != "4one\x1e4two\x1ebAQIDBA==" {
		t.Errorf("%q", all)
	}
}

func TestWrongPacketsEndTheSession(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, body := range []string{"abc", "", "b!", "4good\x1ex", "2", "0", "\xff", "4\xff"} {
		at := s.polling(engineIO)
		if status, answer := s.do("POST", at, body); status != 400 {
			t.Errorf("%q: %d %s", body, status, answer)
		}
		s.wants(400, `{"code":1,"message":"Session ID unknown"}`, "GET", at, "")
	}
	at := s.polling(engineIO)
	for deadline := time.Now().Add(patience); ; at = s.polling(engineIO) {
		status, _ := s.do("POST", at, "4"+strings.Repeat("x", maxPayload))
		if status == 413 {
			break
		}
		if time.Now().After(deadline) { // where this machine is slow a ping may have been too late
			t.Fatalf("too much: %d", status)
		}
	}
	if status, _ := s.do("GET", at, ""); status != 400 {
		t.Errorf("after it: %d", status)
	}
	for _, text := range []string{"abc", "b!", "bAQID", "2"} {
		c := s.webSocket(engineIO)
		c.send(text)
		c.ends()
	}
}

// Two polls at once are one too many: the first is told that the session ends.
func TestOverlappingPolls(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	var first sync.WaitGroup
	first.Go(func() {
		if status, answer, err := s.try(context.Background(), "GET", at, ""); err != nil || status != 200 || answer != "1" {
			t.Errorf("the first: %d %q, %v", status, answer, err)
		}
	})
	<-time.After(50 * time.Millisecond)
	if status, answer := s.do("GET", at, ""); status != 400 {
		t.Errorf("the second: %d %s", status, answer)
	}
	first.Wait()
	s.wants(400, `{"code":1,"message":"Session ID unknown"}`, "GET", at, "")
}

func TestPollThatIsGivenUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := s.try(ctx, "GET", at, ""); err == nil {
		t.Error("it was answered")
	}
	deadline := time.Now().Add(patience)
	for {
		if status, _ := s.do("POST", at, "3"); status == 400 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the session goes on")
		}
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	for range 3 {
		s.wants(200, "2", "GET", at, "")
		s.wants(200, "ok", "POST", at, "3")
	}
	silent := s.polling(engineIO)
	c := s.webSocket(engineIO)
	<-time.After(pingInterval + pingTimeout + 200*time.Millisecond)
	if status, _ := s.do("GET", silent, ""); status != 400 {
		t.Errorf("a session that does not poll: %d", status)
	}
	deadline := time.Now().Add(patience)
	for {
		_, b, err := c.conn.ReadMessage()
		if err != nil {
			break
		}
		if string(b) != "2" || time.Now().After(deadline) {
			t.Fatalf("%q", b)
		}
	}
}

func TestClientCloses(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	var poll sync.WaitGroup
	poll.Go(func() {
		if status, answer, err := s.try(context.Background(), "GET", at, ""); err != nil || status != 200 || answer != "6" {
			t.Errorf("the poll: %d %q, %v", status, answer, err)
		}
	})
	<-time.After(50 * time.Millisecond)
	s.wants(200, "ok", "POST", at, "1")
	poll.Wait()
	s.wants(400, `{"code":1,"message":"Session ID unknown"}`, "GET", at, "")
	c := s.webSocket(engineIO)
	c.send("1")
	c.ends()
}

func TestWebSocketEchoes(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := s.webSocket(engineIO)
	c.send("4hello €")
	c.hears("4hello €")
	c.sendBinary(0, 1, 255)
	c.hearsBinary(0, 1, 255)
}

// upgraded is a session that began by polling.
func (s *site) upgraded(at string) *socket {
	s.t.Helper()
	c, status := s.dial(strings.Replace(at, "transport=polling", "transport=websocket", 1))
	if c == nil {
		s.t.Fatalf("status %d", status)
	}
	c.send("2probe")
	c.hears("3probe")
	c.send("5")
	return c
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	c := s.upgraded(at)
	c.send("4hello")
	c.hears("4hello")
	s.wants(400, `{"code":3,"message":"Bad request"}`, "GET", at, "")
	s.wants(400, `{"code":3,"message":"Bad request"}`, "POST", at, "4x")
	if other, status := s.dial(strings.Replace(at, "transport=polling", "transport=websocket", 1)); other != nil || status != 400 {
		t.Errorf("another WebSocket: %d", status)
	}
	c.send("4again")
	c.hears("4again")
}

// What waits when the transports change is neither lost nor doubled, and a poll
// that waits is let go.
func TestUpgradeKeepsTheOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	at := s.polling(engineIO)
	var polled []string
	var polls sync.WaitGroup
	polls.Go(func() {
		for {
			status, answer, err := s.try(context.Background(), "GET", at, "")
			if err != nil || status != 200 {
				return
			}
			for p := range strings.SplitSeq(answer, "\x1e") {
				if p[0] == '4' {
					polled = append(polled, p)
				}
			}
			if strings.Contains(answer, "6") {
				return // the client goes on by the WebSocket
			}
		}
	})
	c, _ := s.dial(strings.Replace(at, "transport=polling", "transport=websocket", 1))
	for i := range 5 {
		s.wants(200, "ok", "POST", at, "4"+string(rune('a'+i)))
	}
	c.send("2probe")
	c.hears("3probe")
	polls.Wait()
	for i := range 3 {
		s.wants(200, "ok", "POST", at, "4"+string(rune('f'+i)))
	}
	c.send("5")
	c.send("4i")
	all := strings.Join(polled, "")
	for len(all) < 18 {
		all += c.read()
	}
	if all != "4a4b4c4d4e4f4g4h4i" {
		t.Errorf("%s", all)
	}
}
