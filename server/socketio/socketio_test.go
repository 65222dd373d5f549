package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"gatehouse/server/socketio"
	"gatehouse/server/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// serve runs a server, and returns where its WebSockets are.
func serve(t testing.TB, o socketio.Options, declare func(*socketio.Server)) string {
	t.Helper()
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: 1 << 20, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Sockets = sockets
	io := socketio.New(o)
	declare(io)
	s := httptest.NewServer(io)
	t.Cleanup(func() {
		io.Close()
		sockets.Close()
		s.Close()
	})
	return "ws" + strings.TrimPrefix(s.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
}

type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

// join opens a WebSocket and joins a namespace with these data.
func join(t *testing.T, at, packet string) *peer {
	t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), at, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	p := &peer{t, conn}
	p.read()
	p.send(packet)
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	_, b, err := p.conn.ReadMessage()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *peer) hears(want string) {
	p.t.Helper()
	if got := p.read(); got != want {
		p.t.Fatalf("it hears %s, want %s", got, want)
	}
}

// Whom Authorize refuses hears why, and can try again.
func TestAuthorize(t *testing.T) {
	t.Parallel()
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		s.Of("/").Authorize = func(_ *socketio.Socket, auth json.RawMessage) error {
			if string(auth) != `{"token":"right"}` {
				return errors.New("not you")
			}
			return nil
		}
	})
	p := join(t, at, `40{"token":"wrong"}`)
	p.hears(`44{"message":"not you"}`)
	p.send(`40{"token":"right"}`)
	if got := p.read(); !strings.HasPrefix(got, `40{"sid":"`) {
		t.Error(got)
	}
}

// An event to all reaches all who joined, and nobody else.
func TestEmitToAll(t *testing.T) {
	t.Parallel()
	var io *socketio.Server
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		io = s
		s.Of("/a")
		s.Of("/b")
	})
	var as []*peer
	for range 3 {
		p := join(t, at, "40/a")
		p.read()
		as = append(as, p)
	}
	b := join(t, at, "40/b")
	b.read()
	if n := io.Of("/a").Count(); n != 3 {
		t.Errorf("%d have joined", n)
	}
	if err := io.Of("/a").Emit("news", 1, "two"); err != nil {
		t.Fatal(err)
	}
	if err := io.Of("/b").Emit("other"); err != nil {
		t.Fatal(err)
	}
	for _, p := range as {
		p.hears(`42/a,["news",1,"two"]`)
	}
	b.hears(`42/b,["other"]`)
}

// The server asks, and the client answers, once; what comes late is ignored, and
// who leaves answers nothing.
func TestAsk(t *testing.T) {
	t.Parallel()
	sockets := make(chan *socketio.Socket, 1)
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		s.Of("/").Connected = func(s *socketio.Socket) { sockets <- s }
	})
	p := join(t, at, "40")
	p.read()
	s := <-sockets
	var all sync.WaitGroup
	all.Go(func() {
		v, err := s.Ask(context.Background(), "how", "are you")
		if err != nil || len(v.Args) != 1 || string(v.Args[0]) != `"well"` {
			t.Errorf("%s, %v", v.Args, err)
		}
	})
	p.hears(`420["how","are you"]`)
	p.send(`430["well"]`)
	all.Wait()

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Ask(ctx, "late"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	p.hears(`421["late"]`)
	p.send(`431[]`)
	p.send(`4399[]`)

	all.Go(func() {
		if _, err := s.Ask(context.Background(), "never"); !errors.Is(err, socketio.ErrGone) {
			t.Errorf("%v", err)
		}
	})
	p.hears(`422["never"]`)
	_ = p.conn.Close()
	all.Wait()
	if err := s.Emit("after"); !errors.Is(err, socketio.ErrGone) {
		t.Errorf("%v", err)
	}
}

// Each that joined leaves once, whoever ends it.
func TestLeaving(t *testing.T) {
	t.Parallel()
	joined, left := make(chan *socketio.Socket, 10), make(chan string, 10)
	var io *socketio.Server
	at := serve(t, socketio.Options{}, func(s *socketio.Server) {
		io = s
		n := s.Of("/")
		n.Connected = func(s *socketio.Socket) { joined <- s }
		n.Disconnected = func(_ *socketio.Socket, reason string) { left <- reason }
	})
	for reason, end := range map[string]func(p *peer, s *socketio.Socket){
		"client namespace disconnect": func(p *peer, _ *socketio.Socket) { p.send("41") },
		"server namespace disconnect": func(p *peer, s *socketio.Socket) { s.Disconnect(); p.hears("41") },
		"transport close":             func(p *peer, _ *socketio.Socket) { _ = p.conn.Close() },
		"forced close":                func(_ *peer, s *socketio.Socket) { s.Close(); s.Close(); s.Disconnect() },
		"parse error":                 func(p *peer, _ *socketio.Socket) { p.send("nonsense") },
	} {
		p := join(t, at, "40")
		p.read()
		end(p, <-joined)
		select {
		case got := <-left:
			if got != reason {
				t.Errorf("%s, want %s", got, reason)
			}
		case <-time.After(patience):
			t.Fatalf("nobody left: %s", reason)
		}
	}
	if n := io.Of("/").Count(); n != 0 || len(left) != 0 {
		t.Errorf("%d are there, %d left twice", n, len(left))
	}
}

// A client that does not read, by a WebSocket or by not polling, does not grow
// the server.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	left := make(chan string, 10)
	var io *socketio.Server
	at := serve(t, socketio.Options{QueueBytes: 100_000}, func(s *socketio.Server) {
		io = s
		s.Of("/").Disconnected = func(_ *socketio.Socket, reason string) { left <- reason }
	})
	polling := strings.Replace(strings.Replace(at, "ws://", "http://", 1), "websocket", "polling", 1)
	res, err := http.Get(polling)
	if err != nil {
		t.Fatal(err)
	}
	var hello [200]byte
	n, _ := res.Body.Read(hello[:])
	_ = res.Body.Close()
	_, rest, _ := strings.Cut(string(hello[:n]), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if res, err = http.Post(polling+"&sid="+sid, "text/plain", strings.NewReader("40")); err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	for range 200 {
		if err := io.Of("/").Emit("x", strings.Repeat("y", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case reason := <-left:
		if reason != "too slow" {
			t.Error(reason)
		}
	case <-time.After(patience):
		t.Fatal("it is still there")
	}
}

func Example() {
	sockets, err := wsconn.NewServer(wsconn.Options{Limits: wsconn.Limits{MaxMessageBytes: 1 << 20, QueueBytes: 1 << 20}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sockets.Close()
	io := socketio.New(socketio.Options{Sockets: sockets})
	defer io.Close()
	chat := io.Of("/chat")
	chat.Event = func(s *socketio.Socket, e socketio.Event) {
		if e.Name == "say" && len(e.Args) == 1 {
			_ = chat.Emit("said", s.ID(), e.Args[0])
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io) // to be served
	fmt.Println(chat.Count())
	// Output: 0
}
