package updates

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/server/wsconn"
	"gatehouse/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// fakeStore shows what is written to the feed that is open; where none is, nobody
// ever sees it, as with a feed that begins now.
type fakeStore struct {
	feeds chan *fakeFeed // what Watch returns next; it waits for one

	mu   sync.Mutex
	open *fakeFeed
}

// fakeFeed shows changes until it fails. One that has an error from the
// beginning does not even open.
type fakeFeed struct {
	store.Feed
	refused error
	changes chan store.Change
	failed  chan error
}

func newFeed() *fakeFeed {
	return &fakeFeed{changes: make(chan store.Change, 100), failed: make(chan error, 1)}
}

func (s *fakeStore) Watch(ctx context.Context, _ store.Start, _ ...string) (store.Feed, error) {
	select {
	case f := <-s.feeds:
		if f.refused != nil {
			return nil, f.refused
		}
		s.mu.Lock()
		s.open = f
		s.mu.Unlock()
		return f, nil
	case <-ctx.Done():
		return nil, &store.UnavailableError{Err: ctx.Err()}
	}
}

func (s *fakeStore) Apply(_ context.Context, writes ...store.Write) error {
	for _, w := range writes {
		raw, err := bson.Marshal(w.Document)
		if err != nil {
			return err
		}
		s.shows(store.Change{Collection: w.Collection, Op: store.OpInsert, After: raw})
	}
	return nil
}

func (s *fakeStore) shows(c store.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		s.open.changes <- c
	}
}

// fail ends the feed that is open.
func (s *fakeStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open.failed <- err
	s.open = nil
}

func (f *fakeFeed) Next(ctx context.Context) (store.Change, error) {
	select {
	case c := <-f.changes:
		return c, nil
	default:
	}
	select {
	case c := <-f.changes:
		return c, nil
	case err := <-f.failed:
		return store.Change{}, err
	case <-ctx.Done():
		return store.Change{}, ctx.Err()
	}
}

func (f *fakeFeed) Close() error { return nil }

// rig is a service that runs on a fake store.
type rig struct {
	t     *testing.T
	v     *Service
	store *fakeStore
	at    string     // of its WebSockets
	ended chan error // what Run returned
}

func newRig(t *testing.T) *rig {
	t.Helper()
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: 1 << 20, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: &fakeStore{feeds: make(chan *fakeFeed, 10)}, ended: make(chan error, 1)}
	r.v = New(Options{Store: r.store, Sockets: sockets, Logger: slog.New(slog.DiscardHandler)}, nil)
	s := httptest.NewServer(r.v)
	r.at = "ws" + strings.TrimPrefix(s.URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.ended <- r.v.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		r.v.Close()
		sockets.Close()
		s.Close()
	})
	return r
}

// opens lets the service follow a feed, and waits until it does.
func (r *rig) opens() {
	r.t.Helper()
	r.store.feeds <- newFeed()
	r.eventually("a feed is followed", func() bool {
		r.store.mu.Lock()
		defer r.store.mu.Unlock()
		return r.store.open != nil
	})
}

func (r *rig) eventually(what string, condition func() bool) {
	r.t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	late := time.After(patience)
	for !condition() {
		select {
		case <-again.C:
		case <-late:
			r.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// socket is a client that has joined.
type socket struct {
	t     *testing.T
	conn  *websocket.Conn
	token string
}

func (r *rig) joins() *socket {
	r.t.Helper()
	conn, response, err := websocket.DefaultDialer.DialContext(r.t.Context(), r.at, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = response.Body.Close()
	r.t.Cleanup(func() { _ = conn.Close() })
	s := &socket{t: r.t, conn: conn}
	s.next()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("40/updates,")); err != nil {
		r.t.Fatal(err)
	}
	s.next()
	var session struct{ SessionToken string }
	if list := []any{new(string), &session}; json.Unmarshal([]byte(strings.TrimPrefix(s.next(), "42/updates,")), &list) != nil || !plausible(session.SessionToken) {
		r.t.Fatalf("%+v", session)
	}
	s.token = session.SessionToken
	return s
}

func (s *socket) read() (string, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(patience))
	_, b, err := s.conn.ReadMessage()
	return string(b), err
}

func (s *socket) next() string {
	s.t.Helper()
	text, err := s.read()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// hears wants to be told of this next.
func (s *socket) hears(world, name string) {
	s.t.Helper()
	want, err := json.Marshal([]any{"character.updated", map[string]string{"name": name, "server": world}})
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.next(); got != "42/updates,"+string(want) {
		s.t.Errorf("got %s, want %s", got, want)
	}
}

// over wants the connection to end, with nothing before.
func (s *socket) over() {
	s.t.Helper()
	text, err := s.read()
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		s.t.Errorf("want the end, got %q, %v", text, err)
	}
	_ = s.conn.Close()
}

// subscribes does what a GET with a token does before it reads.
func (r *rig) subscribes(token, world, name string) {
	r.t.Helper()
	if err := r.v.subscribe(r.t.Context(), token, world, name); err != nil {
		r.t.Fatal(err)
	}
}
