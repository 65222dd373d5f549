package engine

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gatehouse/server/wsconn"
)

// A session that begins while the server goes down is told so, and counted once.
func TestBeginsWhileStopping(t *testing.T) {
	t.Parallel()
	var w *world
	w = newWorld(t, Options{Open: func(*Session, *http.Request) Receiver { w.Close(); return nil }}, wsconn.Limits{})
	s, e := w.polling(t)
	s.Close()
	if got := e.ends(); len(got) != 1 {
		t.Errorf("it was closed %d times", len(got))
	}
	if n, m := w.Count(), w.sockets.Count(); n != 0 || m != 0 {
		t.Errorf("%d sessions, %d counted", n, m)
	}
}

// A session that is closed before it is known is told so, and forgotten.
func TestClosedByOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Open: func(s *Session, _ *http.Request) Receiver { s.Close(); return nil }}, wsconn.Limits{})
	_, polls := w.polling(t)
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(w.url, "http", "ws", 1)+"websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	for err == nil {
		_, _, err = conn.ReadMessage()
	}
	_ = conn.Close()
	w.mu.Lock()
	frames := w.ears[1]
	w.mu.Unlock()
	if n, m := len(polls.ends()), len(frames.ends()); n != 1 || m != 1 || w.Count() != 0 {
		t.Errorf("closed %d and %d times, %d sessions", n, m, w.Count())
	}
	eventually(t, "they are counted", func() bool { return w.sockets.Count() == 0 })
}

// Nothing counts behind a goodbye.
func TestPacketsBehindAClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, e := w.polling(t)
	r := httptest.NewRecorder()
	s.post(r, request("POST", "4a\x1e1\x1e4b"))
	if r.Code != 200 || strings.Join(e.heard, "") != "a" || len(e.ends()) != 1 {
		t.Errorf("%d, %q, %q", r.Code, e.heard, e.ends())
	}
}

// A payload of very many packets takes little more than its bytes.
func TestManyPackets(t *testing.T) { // not parallel: it reads what the process has allocated
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, _ := w.polling(t)
	body := strings.Repeat("6\x1e", 499_999) + "6"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := httptest.NewRecorder()
	s.post(r, request("POST", body))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; r.Code != 200 || n > 10<<20 {
		t.Errorf("%d, %d bytes allocated", r.Code, n)
	}
}

// A WebSocket that does not take over makes room for another.
func TestUpgradeTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Upgrade: 20 * time.Millisecond}, wsconn.Limits{})
	s, e := w.polling(t)
	if _, _, err := w.probe(t, s).ReadMessage(); !websocket.IsCloseError(err, wsconn.ClosePolicy) {
		t.Errorf("%v", err)
	}
	eventually(t, "no other may come", s.probable)
	if got := e.ends(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// What a poll could leave waiting is not too much for the WebSocket that takes
// over, even where that one is slow at first.
func TestUpgradeOfALongQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{QueueBytes: 64 << 20}, wsconn.Limits{MaxMessageBytes: 1 << 20, QueueBytes: 1000})
	s, e := w.polling(t)
	const many, size = 2000, 16_000
	m := NewMessage(bytes.Repeat([]byte("x"), size))
	for range many {
		s.Send(m)
	}
	conn := w.probe(t, s)
	if err := conn.WriteMessage(websocket.TextMessage, []byte("5")); err != nil {
		t.Fatal(err)
	}
	<-time.After(100 * time.Millisecond)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for i := range many {
		if _, b, err := conn.ReadMessage(); err != nil || len(b) != size+1 {
			t.Fatalf("the %dth: %d bytes, %v, %q", i, len(b), err, e.ends())
		}
	}
}

// A client that has said that it moves does not poll again: where its WebSocket
// ends then, so does the session.
func TestEndsWhileMoving(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, e := w.polling(t)
	conn := w.probe(t, s)
	eventually(t, "no probe", func() bool { return !s.probable() })
	s.mu.Lock()
	s.probe.moving = true
	s.mu.Unlock()
	_ = conn.Close()
	eventually(t, "it goes on", func() bool { return len(e.ends()) == 1 })
}

// breaking is a response that cannot be written.
type breaking struct{ *httptest.ResponseRecorder }

func (breaking) FlushError() error { return errors.New("broken pipe") }

// wrapped is around a response, and flushes it without saying how that went.
type wrapped struct{ http.ResponseWriter }

func (wrapped) Flush()                        {}
func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A poll's answer that does not go out is lost, and so is the session.
func TestAnswerThatIsLost(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, get := range map[string]func(s *Session){
		"broken": func(s *Session) { s.get(wrapped{breaking{httptest.NewRecorder()}}, request("GET", "")) },
		"gone":   func(s *Session) { s.get(httptest.NewRecorder(), request("GET", "").WithContext(gone)) },
	} {
		w := newWorld(t, Options{}, wsconn.Limits{})
		s, e := w.polling(t)
		s.Send(NewMessage([]byte("x")))
		get(s)
		if got := e.ends(); len(got) != 1 || got[0] != ReasonClient {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// hasty is a response whose client posts again as soon as it has it.
type hasty struct {
	*httptest.ResponseRecorder
	next func()
}

func (h hasty) FlushError() error { h.next(); return nil }

func TestPostsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, e := w.polling(t)
	second := httptest.NewRecorder()
	s.post(hasty{httptest.NewRecorder(), func() { s.post(second, request("POST", "4b")) }}, request("POST", "4a"))
	if second.Code != 200 || strings.Join(e.heard, "") != "ab" {
		t.Errorf("%d, %q, %q", second.Code, e.heard, e.ends())
	}
}

// timed is a response that notes until when the request may be read.
type timed struct {
	*httptest.ResponseRecorder
	until *[]time.Time
}

func (t timed) SetReadDeadline(u time.Time) error { *t.until = append(*t.until, u); return nil }

func TestPostHasADeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, _ := w.polling(t)
	var until []time.Time
	s.post(timed{httptest.NewRecorder(), &until}, request("POST", "4a"))
	if len(until) != 2 || time.Until(until[0]) > requestTimeout || until[0].IsZero() || !until[1].IsZero() {
		t.Errorf("%v", until)
	}
}

// Small messages that wait are counted for what they take, and one message always
// fits.
func TestQueueBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{QueueBytes: 10_000}, wsconn.Limits{})
	s, e := w.polling(t)
	n := 0
	for s.Send(NewMessage(nil)) && n < 10_000 {
		n++
	}
	if n < 10 || n > 100 || len(e.ends()) != 1 || e.ends()[0] != ReasonSlow {
		t.Errorf("%d wait, %q", n, e.ends())
	}
	s, e = w.polling(t)
	if !s.Send(NewMessage(make([]byte, 20_000))) || s.Send(NewMessage(nil)) || len(e.ends()) != 1 {
		t.Errorf("%q", e.ends())
	}
}

// A session whose pong is late is over, whether or not its timer was on time.
func TestPollOfALateSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, e := w.polling(t)
	s.mu.Lock()
	s.awaiting, s.due = true, w.now()
	s.mu.Unlock()
	r := httptest.NewRecorder()
	s.get(r, request("GET", ""))
	if got := e.ends(); r.Code != 400 || len(got) != 1 || got[0] != ReasonTimeout {
		t.Errorf("%d, %q", r.Code, got)
	}
}

// A poll that comes behind the goodbye that was sent with it is let go in peace.
func TestPollBehindAClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, _ := w.polling(t)
	var post sync.WaitGroup
	post.Go(func() { s.post(httptest.NewRecorder(), request("POST", "1")) })
	eventually(t, "nothing waits for a poll", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.leaving != nil
	})
	r := httptest.NewRecorder()
	s.get(r, request("GET", ""))
	if r.Code != 200 || r.Body.String() != "6" {
		t.Errorf("%d %q", r.Code, r.Body)
	}
	post.Wait()
}

// An answer to a poll has as many packets as every client takes, and one message
// is never split.
func TestPacketsOfAPoll(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, wsconn.Limits{})
	s, _ := w.polling(t)
	for range 15 {
		s.Send(NewMessage([]byte("a")))
	}
	s.Send(NewMessage([]byte("b"), []byte{1}))
	s.Send(NewMessage([]byte("c"), make([][]byte, 20)...))
	s.Send(NewBinary([]byte{2}))
	for _, want := range []int{15, 2, 21, 1} {
		r := httptest.NewRecorder()
		s.get(r, request("GET", ""))
		if got := strings.Count(r.Body.String(), "\x1e") + 1; got != want {
			t.Errorf("%d packets, want %d", got, want)
		}
	}
}
