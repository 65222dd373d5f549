package realtime

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/users/resources"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// failing is a store whose feeds end when they are told to, and whose reads may
// fail: what happens seldom, and must not be silent.
type failing struct {
	store.Store
	mu    sync.Mutex
	feed  context.CancelCauseFunc
	opens int
	read  error // what Get answers; nil: as it is
}

func (f *failing) Watch(ctx context.Context, start store.Start, collections ...string) (store.Feed, error) {
	feed, err := f.Store.Watch(ctx, start, collections...)
	if err != nil {
		return nil, err
	}
	until, cancel := context.WithCancelCause(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.feed, f.opens = cancel, f.opens+1
	return &endingFeed{feed, until}, nil
}

func (f *failing) Get(ctx context.Context, collection string, id any) (bson.Raw, error) {
	f.mu.Lock()
	err := f.read
	f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, collection, id)
}

// ends ends the feed that is open with an error.
func (f *failing) ends(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.feed(err)
}

func (f *failing) reads(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = err
}

type endingFeed struct {
	store.Feed
	until context.Context //nolint:containedctx // it is the feed's end
}

func (f *endingFeed) Next(ctx context.Context) (store.Change, error) {
	c, err := f.Feed.Next(f.until)
	if err != nil && ctx.Err() == nil {
		err = context.Cause(f.until)
	}
	return c, err
}

// serving is a service on a store that can fail, behind a server.
type serving struct {
	*Service
	store  *failing
	url    string
	failed chan error
}

func serve(t *testing.T) *serving {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Declare(t.Context(), append(resources.Collections(), store.Collection{Name: "keys"})...); err != nil {
		t.Fatal(err)
	}
	s := &serving{store: &failing{Store: st}, failed: make(chan error, 1)}
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: 1 << 16, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusBadRequest) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Service = New(Options{Store: s.store, Resources: resources.New(s.store), Sockets: sockets, Logger: slog.New(slog.DiscardHandler), Credentials: []string{"keys"}}, Settings{Subscriptions: 10, QueueBytes: 1 << 20})
	valid := func(context.Context) bool { return true }
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, err := ReadHeaders(r)
		at, err2 := h.Place()
		if err := errors.Join(err, err2); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p := Peer{Remote: netip.MustParseAddr("127.0.0.1"), Protocol: h.Protocol, Place: at, Viewer: resources.Viewer{UserID: "ann", Read: true}, Valid: valid, Approved: func() bool { return true }}
		if _, key := h.First("x-api-key"); key != "" {
			p.Credential = Credential{"keys", key}
			p.Valid = func(ctx context.Context) bool {
				_, err := st.Get(ctx, "keys", key)
				return err == nil
			}
		}
		s.Serve(w, r, p)
	}))
	s.url = "ws" + strings.TrimPrefix(web.URL, "http")
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.Run(ctx); err != nil {
			s.failed <- err
		}
	})
	t.Cleanup(func() {
		s.Close()
		sockets.Close()
		web.Close()
		cancel()
		run.Wait()
		_ = st.Close()
	})
	<-s.Opened()
	return s
}

// socket is a client's end.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

func (s *serving) dial(t *testing.T, headers ...string) *socket {
	t.Helper()
	h := http.Header{"Sec-Websocket-Protocol": {vector}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ws, r, err := websocket.DefaultDialer.DialContext(t.Context(), s.url, h)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get("Sec-Websocket-Protocol"); got != vector {
		t.Errorf("selected %q", got)
	}
	_ = r.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return &socket{t, ws}
}

func (s *socket) subscribes() {
	s.t.Helper()
	if err := s.ws.WriteMessage(websocket.TextMessage, []byte(`{"action":"subscribe","resource":{"type":"liveConfig","id":"game"}}`)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) hears(part string) {
	s.t.Helper()
	_, b, err := s.ws.ReadMessage()
	if err != nil || !strings.Contains(string(b), part) {
		s.t.Errorf("got %s, %v, want %s", b, err, part)
	}
}

func (s *socket) closed(code int) {
	s.t.Helper()
	_, b, err := s.ws.ReadMessage()
	var end *websocket.CloseError
	if !errors.As(err, &end) || end.Code != code || end.Text == "" {
		s.t.Errorf("got %s, %v, want the end with %d", b, err, code)
	}
}

func (s *serving) put(t *testing.T, data any) {
	t.Helper()
	at := resources.Place{resources.Organization: "testOrg", resources.Project: "testProj"}
	r, err := resources.InLiveConfig(at, "game")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resources.New(s.store.Store).Put(t.Context(), r, data, nil); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// Where the feed lost a stretch, all sockets are closed, those too that came
// while there was none; who comes back sees how things are, and hears of changes.
func TestFeedIsLost(t *testing.T) {
	for _, cause := range []error{store.ErrHistoryLost, &store.UnavailableError{Err: errors.New("away")}} {
		s := serve(t)
		c := s.dial(t)
		c.subscribes()
		c.hears(`"warning"`)
		s.store.ends(cause)
		c.closed(wsconn.CloseGoingAway)
		if got := s.Status(); got.Status != "degraded" {
			t.Errorf("without a feed the status is %+v", got)
		}
		s.put(t, 1)
		between := s.dial(t)
		between.closed(wsconn.CloseGoingAway)
		eventually(t, "the feed to be opened again", func() bool { return s.Status().Status == OK })
		back := s.dial(t)
		back.subscribes()
		back.hears(`"data":1`)
		s.put(t, 2)
		back.hears(`"data":2`)
	}
}

// An error that waiting does not mend ends the service.
func TestFeedFails(t *testing.T) {
	s := serve(t)
	s.store.ends(errors.New("broken"))
	select {
	case err := <-s.failed:
		if err.Error() != "broken" {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("the service goes on")
	}
}

// A resource that cannot be read is not subscribed to, and that is said.
func TestReadFails(t *testing.T) {
	s := serve(t)
	c := s.dial(t)
	for err, words := range map[error]string{
		&store.UnavailableError{Err: errors.New("away")}: "The store does not answer; try again in a moment",
		errors.New("damaged"):                            "The resource could not be read",
	} {
		s.store.reads(err)
		c.subscribes()
		c.hears(`{"error":"` + words + `","resource":{"type":"liveConfig","id":"game"}}`)
		if got := s.Status().Subscriptions; got != 0 {
			t.Errorf("%d subscriptions", got)
		}
	}
	s.store.reads(nil)
	c.subscribes()
	c.hears(`"warning"`)
	s.store.reads(errors.New("damaged"))
	c.subscribes() // once more, of what is subscribed to
	c.hears(`"error"`)
	s.store.reads(nil)
	s.put(t, 1)
	c.hears(`"data":1`)
}

// Who was let in by what went while it was on its way is closed.
func TestCredentialGoes(t *testing.T) {
	s := serve(t)
	if err := s.store.Apply(t.Context(), store.Insert("keys", bson.D{{Key: "_id", Value: "a"}})); err != nil {
		t.Fatal(err)
	}
	in, late := s.dial(t, "x-api-key", "a"), s.dial(t, "x-api-key", "gone")
	late.closed(wsconn.ClosePolicy)
	in.subscribes()
	in.hears(`"warning"`)
	if err := s.store.Apply(t.Context(), store.Delete("keys", "a")); err != nil {
		t.Fatal(err)
	}
	in.closed(wsconn.ClosePolicy)
	eventually(t, "the connections to be gone", func() bool { return s.Status().Connections == 0 })
}
