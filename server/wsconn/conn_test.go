package wsconn

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a handler that answers each message with its own bytes.
type recorder struct {
	mu      sync.Mutex
	drained int
	causes  []Cause
	onConn  func(*Conn)
}

func (h *recorder) Message(c *Conn, p []byte, _ bool) {
	c.Send(NewBatch(TextFrame(bytes.Clone(p)), ""))
}

func (h *recorder) Drained(*Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drained++
}

func (h *recorder) Closed(_ *Conn, cause Cause) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.causes = append(h.causes, cause)
}

func (h *recorder) waitClosed(t *testing.T, want Cause) {
	t.Helper()
	eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.causes) > 0
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.causes) != 1 || h.causes[0] != want {
		t.Fatalf("closed with %q, want one %q", h.causes, want)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	end, again := time.After(15*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-end:
			t.Fatal("did not come to pass")
		}
	}
}

// start serves connections with h over plain TCP or TLS, and returns the URL.
func start(t *testing.T, o Options, h *recorder, secure bool) (*Server, string) {
	t.Helper()
	if o.Limits.MaxMessageBytes == 0 {
		o.Limits.MaxMessageBytes = 1 << 20
	}
	if o.Limits.QueueBytes == 0 {
		o.Limits.QueueBytes = 1 << 20
	}
	o.Refuse = func(w http.ResponseWriter, reason error) {
		http.Error(w, reason.Error(), http.StatusServiceUnavailable)
	}
	s, err := NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.Upgrade(w, r, netip.MustParseAddrPort(r.RemoteAddr).Addr(), h)
		if err != nil {
			return
		}
		c.Start()
		if h.onConn != nil {
			h.onConn(c)
		}
	}))
	if secure {
		ts.StartTLS()
	} else {
		ts.Start()
	}
	t.Cleanup(func() {
		ts.Close()
		s.Close()
	})
	return s, "ws" + strings.TrimPrefix(ts.URL, "http")
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{TLSClientConfig: insecure()}
	c, r, err := d.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// each runs a test over both kinds of sockets.
func each(t *testing.T, f func(t *testing.T, secure bool)) {
	t.Run("readiness", func(t *testing.T) { f(t, false) })
	t.Run("goroutine", func(t *testing.T) { f(t, true) })
}

func TestMessagesArriveWholeAndInOrder(t *testing.T) {
	each(t, func(t *testing.T, secure bool) {
		h := &recorder{}
		_, url := start(t, Options{}, h, secure)
		c := dial(t, url)
		go func() {
			for i := range 1000 {
				if c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "message %d", i)) != nil {
					return
				}
			}
			_ = c.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte("x"), 300_000))
		}()
		for i := range 1000 {
			_, p, err := c.ReadMessage()
			if err != nil || string(p) != fmt.Sprintf("message %d", i) {
				t.Fatalf("message %d: %q, %v", i, p, err)
			}
		}
		if _, p, err := c.ReadMessage(); err != nil || len(p) != 300_000 {
			t.Fatalf("%d bytes, %v", len(p), err)
		}
		if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4321, ""), time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 4321) {
			t.Fatal(err)
		}
		h.waitClosed(t, CauseClient)
		eventually(t, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.drained > 0 })
	})
}

// clientFrame makes a masked frame.
func clientFrame(b0 byte, payload []byte) []byte {
	f := frame(b0&0x0f, payload)
	f[0] = b0
	head := len(f) - len(payload)
	var key [4]byte
	_, _ = rand.Read(key[:])
	masked := bytes.Clone(payload)
	unmask(key, masked)
	f[1] |= maskBit
	return append(append(f[:head:head], key[:]...), masked...)
}

func TestFragmentsWithPingBetweenInPieces(t *testing.T) {
	each(t, func(t *testing.T, secure bool) {
		_, url := start(t, Options{}, &recorder{}, secure)
		c := dial(t, url)
		pong := make(chan string, 1)
		c.SetPongHandler(func(s string) error { pong <- s; return nil })
		var raw []byte
		raw = append(raw, clientFrame(0x01, []byte("one "))...)
		raw = append(raw, clientFrame(0x89, []byte("are you there"))...)
		raw = append(raw, clientFrame(0x00, []byte("two "))...)
		raw = append(raw, clientFrame(0x80, []byte("three"))...)
		for _, b := range raw { // byte by byte
			if _, err := c.NetConn().Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		_, p, err := c.ReadMessage()
		if err != nil || string(p) != "one two three" {
			t.Fatalf("%q, %v", p, err)
		}
		if got := <-pong; got != "are you there" {
			t.Fatalf("pong %q", got)
		}
	})
}

func TestBrokenFramesAreAnsweredWithTheirCode(t *testing.T) {
	masked := func(b0 byte, p string) []byte { return clientFrame(b0, []byte(p)) }
	for name, tc := range map[string]struct {
		raw  []byte
		code int
	}{
		"unmasked":              {TextFrame([]byte("hello")), CloseProtocolError},
		"unmasked ping":         {frame(opPing, nil), CloseProtocolError},
		"reserved opcode":       {masked(0x83, "x"), CloseProtocolError},
		"reserved control":      {masked(0x8B, "x"), CloseProtocolError},
		"reserved bits":         {masked(0xC1, "x"), CloseProtocolError},
		"fragmented ping":       {masked(0x09, "x"), CloseProtocolError},
		"long ping":             {masked(0x89, strings.Repeat("x", 126)), CloseProtocolError},
		"continuation of none":  {masked(0x80, "x"), CloseProtocolError},
		"text within a message": {append(masked(0x01, "x"), masked(0x81, "x")...), CloseProtocolError},
		"close of one byte":     {masked(0x88, "x"), CloseProtocolError},
		"close with 1005":       {masked(0x88, "\x03\xed"), CloseProtocolError},
		"close not UTF-8":       {masked(0x88, "\x03\xe8\xff"), CloseInvalidText},
		"text not UTF-8":        {masked(0x81, "\xff\xfe"), CloseInvalidText},
		"too large":             {masked(0x81, strings.Repeat("x", 5000)), CloseTooBig},
		"too large in pieces":   {append(masked(0x01, strings.Repeat("x", 3000)), masked(0x80, strings.Repeat("x", 3000))...), CloseTooBig},
		"length of 2^64-1":      {[]byte{0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4}, CloseTooBig},
		"plain close":           {masked(0x88, ""), websocket.CloseNormalClosure},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, secure bool) {
				_, url := start(t, Options{Limits: Limits{MaxMessageBytes: 4096}}, &recorder{}, secure)
				c := dial(t, url)
				if _, err := c.NetConn().Write(tc.raw); err != nil {
					t.Fatal(err)
				}
				_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
				_, _, err := c.ReadMessage()
				if !websocket.IsCloseError(err, tc.code) {
					t.Fatalf("%v, want %d", err, tc.code)
				}
			})
		})
	}
}

func TestEarlyFramesAreNotLost(t *testing.T) {
	_, url := start(t, Options{}, &recorder{}, false)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := conn.Write(append([]byte(req), clientFrame(0x81, []byte("early"))...)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for !bytes.Contains(got, []byte("early")) {
		p := make([]byte, 1000)
		n, err := conn.Read(p)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, p[:n]...)
	}
}

func TestSlowClientIsToldItsLastID(t *testing.T) {
	each(t, func(t *testing.T, secure bool) {
		conns := make(chan *Conn, 1)
		h := &recorder{onConn: func(c *Conn) { conns <- c }}
		s, url := start(t, Options{Limits: Limits{QueueBytes: 100_000}}, h, secure)
		client := dial(t, url)
		c := <-conns
		payload := bytes.Repeat([]byte("x"), 8000)
		sent := 0
		for c.Send(NewBatch(TextFrame(payload), fmt.Sprint(sent))) {
			if sent++; sent > 100_000 {
				t.Fatal("never too slow")
			}
		}
		h.waitClosed(t, CauseSlow)
		got := -1
		for {
			_, p, err := client.ReadMessage()
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				if closed.Code != CloseTooSlow || closed.Text != fmt.Sprint(got) {
					t.Fatalf("closed %d %q after event %d", closed.Code, closed.Text, got)
				}
				break
			}
			if err != nil || len(p) != len(payload) {
				t.Fatalf("%d bytes, %v", len(p), err)
			}
			got++
		}
		_ = client.Close()
		eventually(t, func() bool { return s.Count() == 0 })
	})
}

func TestLimits(t *testing.T) {
	s, url := start(t, Options{Limits: Limits{MaxConnections: 2, MaxConnectionsPerAddr: 1}}, &recorder{}, false)
	c := dial(t, url)
	_, r, err := websocket.DefaultDialer.Dial(url, nil)
	if err == nil || r.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a second connection of one address: %v", err)
	}
	_ = r.Body.Close()
	_ = c.Close()
	eventually(t, func() bool { return s.Count() == 0 })
	dial(t, url)
}

func TestSilentClientIsEnded(t *testing.T) {
	h := &recorder{}
	_, url := start(t, Options{PingEvery: slots * time.Millisecond}, h, false)
	dial(t, url) // it never reads, so it never answers a ping
	h.waitClosed(t, CauseSilent)
}

func TestPingedClientStays(t *testing.T) {
	h := &recorder{}
	_, url := start(t, Options{PingEvery: slots * time.Millisecond}, h, false)
	c := dial(t, url)
	pings := 0
	c.SetPingHandler(func(string) error {
		if pings++; pings == 6 {
			return errors.New("enough")
		}
		return c.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
	})
	if _, _, err := c.ReadMessage(); err == nil || pings != 6 {
		t.Fatalf("%d pings, %v", pings, err)
	}
}

// A client that reads slowly has no time to be silent: it has not been asked.
func TestSlowReaderIsNotSilent(t *testing.T) {
	conns := make(chan *Conn, 1)
	h := &recorder{onConn: func(c *Conn) { conns <- c }}
	s, url := start(t, Options{Limits: Limits{QueueBytes: 1 << 30}, PingEvery: time.Hour}, h, false)
	dial(t, url) // it never reads
	c := <-conns
	for range 400 { // more than the kernel takes
		c.Send(NewBatch(TextFrame(make([]byte, 64_000)), ""))
	}
	for range 10 {
		c.ask()
	}
	if s.Count() != 1 {
		t.Fatal("it was ended")
	}
}

func TestDrainTellsAllToGo(t *testing.T) {
	each(t, func(t *testing.T, secure bool) {
		s, url := start(t, Options{}, &recorder{}, secure)
		var wg sync.WaitGroup
		for range 20 {
			c := dial(t, url)
			wg.Go(func() {
				if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, CloseGoingAway) {
					t.Error(err)
				}
				_ = c.Close()
			})
		}
		eventually(t, func() bool { return len(s.wheel.all()) == 20 })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if left := s.Drain(ctx, 100*time.Millisecond); left != 0 {
			t.Fatalf("%d are left", left)
		}
		wg.Wait()
		if _, r, err := websocket.DefaultDialer.Dial(url, nil); err == nil {
			t.Fatal("a draining server took a connection")
		} else if r != nil {
			_ = r.Body.Close()
		}
	})
}

func TestClosedConnectionsLeaveNothing(t *testing.T) {
	h := &recorder{}
	s, url := start(t, Options{}, h, false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				c, r, err := websocket.DefaultDialer.Dial(url, nil)
				if err != nil {
					t.Error(err)
					return
				}
				_ = r.Body.Close()
				_ = c.WriteMessage(websocket.TextMessage, []byte("hello"))
				_ = c.Close() // without a word
			}
		})
	}
	wg.Wait()
	eventually(t, func() bool { return s.Count() == 0 })
	eventually(t, func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.causes) == 400 })
	s.poller.mu.RLock()
	defer s.poller.mu.RUnlock()
	for fd, c := range s.poller.conns {
		if c != nil {
			t.Errorf("descriptor %d still known", fd)
		}
	}
	if len(s.watched) != 0 || len(s.perAddr) != 0 {
		t.Errorf("%d watched, %d addresses", len(s.watched), len(s.perAddr))
	}
}
