package socketio_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gatehouse/server/socketio"
)

// A socket that leaves while Connected is at work is told of in that order.
func TestLeavesWhileConnecting(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, what)
	}
	left := make(chan struct{})
	var io *socketio.Server
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		io = s
		n := s.Of("/")
		n.Connected = func(s *socketio.Socket) {
			note("comes")
			s.Close()
			note("came")
		}
		n.Disconnected = func(_ *socketio.Socket, reason string) {
			note("left: " + reason)
			close(left)
		}
	})
	join(t, at, "40")
	select {
	case <-left:
	case <-time.After(patience):
		t.Fatal("it is still there")
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(told, ", "); got != "comes, came, left: forced close" {
		t.Error(got)
	}
	if n := io.Of("/").Count(); n != 0 {
		t.Errorf("%d are there", n)
	}
}

// What is sent to a socket before its client knows that it has joined comes
// behind that, and to one that is refused never.
func TestSentBeforeItJoined(t *testing.T) {
	t.Parallel()
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		s.Of("/").Authorize = func(s *socketio.Socket, auth json.RawMessage) error {
			_ = s.Emit("early", 1)
			_ = s.Emit("early", 2)
			if auth == nil {
				return socketio.ErrGone
			}
			return nil
		}
	})
	p := join(t, at, "40")
	p.hears(`44{"message":"the socket has left"}`)
	p.send("40{}")
	if got := p.read(); !strings.HasPrefix(got, `40{"sid":"`) {
		t.Fatal(got)
	}
	p.hears(`42["early",1]`)
	p.hears(`42["early",2]`)
}

// Who has been told that it joined misses nothing from then on.
func TestJoinedHearsAll(t *testing.T) {
	t.Parallel()
	var io *socketio.Server
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		io = s
		s.Of("/")
	})
	for range 100 {
		p := join(t, at, "40")
		p.read()
		_ = io.Of("/").Emit("x")
		p.hears(`42["x"]`)
		_ = p.conn.Close()
	}
}

// Placeholders of data that are not there end the connection of who sends them:
// those they were passed on to would hang up.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	events := make(chan socketio.Event, 1)
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		s.Of("/").Event = func(_ *socketio.Socket, e socketio.Event) { events <- e }
	})
	for data, right := range map[string]bool{
		`["a",{"_placeholder":true,"num":0}]`:                true,
		`["a",{"b":[{"_placeholder":true,"num":0}]}]`:        true,
		`["a",{"_placeholder":1,"num":7}]`:                   true,
		`["a",{"_placeholder":true,"num":1}]`:                false,
		`["a",{"_placeholder":true,"num":-1}]`:               false,
		`["a",{"_placeholder":true,"num":0.5}]`:              false,
		`["a",{"_placeholder":true}]`:                        false,
		`["a",[[{"x":{"\u005fplaceholder":true,"num":9}}]]]`: false,
	} {
		p := join(t, at, "40")
		p.read()
		p.send("451-" + data)
		if err := p.conn.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
			t.Fatal(err)
		}
		if right {
			select {
			case <-events:
			case <-time.After(patience):
				t.Errorf("%s: not heard", data)
			}
			continue
		}
		_ = p.conn.SetReadDeadline(time.Now().Add(patience))
		if _, b, err := p.conn.ReadMessage(); !websocket.IsCloseError(err, 1008) {
			t.Errorf("%s: %q, %v", data, b, err)
		}
	}
	of := json.RawMessage(`{"_placeholder":true,"num":1}`)
	if _, err := socketio.NewValues([]byte{1}, of); err == nil {
		t.Error("a placeholder of a client's was taken for one of ours")
	}
	if _, err := socketio.NewValues(of); err != nil {
		t.Errorf("without binary data it means nothing: %v", err)
	}
}
