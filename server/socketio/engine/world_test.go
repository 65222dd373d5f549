package engine

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"gatehouse/server/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// ear is a receiver that notes what it is told.
type ear struct {
	mu     sync.Mutex
	heard  []string
	closed []string
}

func (e *ear) Message(data []byte, _ bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, string(data))
	return nil
}

func (e *ear) Closed(reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = append(e.closed, reason)
}

func (e *ear) ends() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.closed...)
}

// world is a server, and the sessions that it opened.
type world struct {
	*Server
	sockets *wsconn.Server
	url     string

	mu       sync.Mutex
	sessions []*Session
	ears     []*ear
}

func newWorld(t *testing.T, o Options, limits wsconn.Limits) *world {
	t.Helper()
	if limits.QueueBytes == 0 {
		limits = wsconn.Limits{MaxMessageBytes: 1 << 20, QueueBytes: 1 << 20}
	}
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: limits,
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{sockets: sockets}
	open := o.Open
	o.Sockets = sockets
	o.Open = func(s *Session, r *http.Request) Receiver {
		e := new(ear)
		w.mu.Lock()
		w.sessions, w.ears = append(w.sessions, s), append(w.ears, e)
		w.mu.Unlock()
		if open != nil {
			open(s, r)
		}
		return e
	}
	w.Server = New(o)
	h := httptest.NewServer(w.Server)
	w.url = h.URL + "/engine.io/?EIO=4&transport="
	t.Cleanup(func() {
		w.Close()
		sockets.Close()
		h.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return w
}

// polling begins a session that polls.
func (w *world) polling(t *testing.T) (*Session, *ear) {
	t.Helper()
	res, err := http.Get(w.url + "polling")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sessions[len(w.sessions)-1], w.ears[len(w.ears)-1]
}

// probe opens a WebSocket for a session that polls.
func (w *world) probe(t *testing.T, s *Session) *websocket.Conn {
	t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), strings.Replace(w.url, "http", "ws", 1)+"websocket&sid="+s.ID(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func request(method, body string) *http.Request {
	return httptest.NewRequest(method, "/", strings.NewReader(body))
}
