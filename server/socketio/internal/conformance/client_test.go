package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// site is a running conformance program.
type site struct {
	t   *testing.T
	url string
}

func start(t *testing.T) *site {
	t.Helper()
	h, end, err := newHandler()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		end()
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &site{t, s.URL}
}

const (
	engineIO = "/engine.io/?EIO=4"
	socketIO = "/socket.io/?EIO=4"
)

// do sends a request and reads the whole answer.
func (s *site) do(method, path, body string) (int, string) {
	s.t.Helper()
	status, answer, err := s.try(s.t.Context(), method, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, answer
}

func (s *site) try(ctx context.Context, method, path, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") == "" {
		s.t.Errorf("%s %s: the answer has no Content-Type", method, path)
	}
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

func (s *site) wants(status int, answer, method, path, body string) {
	s.t.Helper()
	if got, said := s.do(method, path, body); got != status || said != answer {
		s.t.Errorf("%s %s %q: %d %q, want %d %q", method, path, body, got, said, status, answer)
	}
}

// polling begins a session that polls, and returns the path of it.
func (s *site) polling(path string) string {
	s.t.Helper()
	status, hello := s.do("GET", path+"&transport=polling", "")
	_, rest, ok := strings.Cut(hello, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if status != 200 || !ok || hello[0] != '0' {
		s.t.Fatalf("%d %s", status, hello)
	}
	return path + "&transport=polling&sid=" + sid
}

// socket is a WebSocket.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

func (s *site) dial(path string) (*socket, int) {
	s.t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+path, nil)
	if err != nil {
		if res == nil {
			s.t.Fatal(err)
		}
		_ = res.Body.Close()
		return nil, res.StatusCode
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &socket{s.t, conn}, res.StatusCode
}

// webSocket opens a session on a WebSocket, and reads its first packet.
func (s *site) webSocket(path string) *socket {
	s.t.Helper()
	c, status := s.dial(path + "&transport=websocket")
	if c == nil {
		s.t.Fatalf("status %d", status)
	}
	if hello := c.read(); !strings.HasPrefix(hello, `0{"sid":"`) || !strings.Contains(hello, `"upgrades":[]`) {
		s.t.Fatalf("the first packet is %s", hello)
	}
	return c
}

// joined is a WebSocket that has joined the main namespace.
func (s *site) joined() *socket {
	s.t.Helper()
	c := s.webSocket(socketIO)
	c.send("40")
	c.begins(`40{"sid":"`)
	c.hears(`42["auth",{}]`)
	return c
}

func (c *socket) send(text string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *socket) sendBinary(b ...byte) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.BinaryMessage, b); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next message but pings, which it answers.
func (c *socket) next() (int, []byte, error) {
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return 0, nil, err
		}
		kind, b, err := c.conn.ReadMessage()
		if err != nil || kind != websocket.TextMessage || string(b) != "2" {
			return kind, b, err
		}
		if err := c.conn.WriteMessage(websocket.TextMessage, []byte("3")); err != nil {
			return 0, nil, err
		}
	}
}

func (c *socket) read() string {
	c.t.Helper()
	kind, b, err := c.next()
	if err != nil || kind != websocket.TextMessage {
		c.t.Fatalf("%d, %q, %v", kind, b, err)
	}
	return string(b)
}

func (c *socket) hears(want string) {
	c.t.Helper()
	if got := c.read(); got != want {
		c.t.Fatalf("it hears %s, want %s", got, want)
	}
}

func (c *socket) begins(want string) {
	c.t.Helper()
	if got := c.read(); !strings.HasPrefix(got, want) {
		c.t.Fatalf("it hears %s, want %s…", got, want)
	}
}

func (c *socket) hearsBinary(want ...byte) {
	c.t.Helper()
	kind, b, err := c.next()
	if err != nil || kind != websocket.BinaryMessage || !bytes.Equal(b, want) {
		c.t.Fatalf("%d, %v, %v; want %v", kind, b, err, want)
	}
}

// ends expects that the server closes the connection, and nothing before it.
func (c *socket) ends() {
	c.t.Helper()
	if _, b, err := c.next(); err == nil {
		c.t.Fatalf("it hears %q, want the end", b)
	} else if strings.Contains(err.Error(), "timeout") {
		c.t.Fatal("the connection is not closed")
	}
}
