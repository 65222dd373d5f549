package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/users/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What must never be in a log.
const (
	secretKey = "5ec7e7c0ffee5ec7e7c0ffee"
	domain    = "post.example.com"
)

func open(t *testing.T) store.Store {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "mail.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Declare(t.Context(), mail.Collection()); err != nil {
		t.Fatal(err)
	}
	return st
}

// composer knows everybody but nobody, by name or address.
type composer func(j mail.Job) (mail.Message, error)

func (c composer) Compose(_ context.Context, j mail.Job) (mail.Message, error) { return c(j) }

func compose(j mail.Job) (mail.Message, error) {
	name, _, _ := strings.Cut(j.User, "@")
	if name == "nobody" {
		return mail.Message{}, fmt.Errorf("looking for %s: %w", name, mail.ErrNobody)
	}
	return mail.Message{
		To: "x." + name + "@" + domain, Username: name, Kind: j.Kind,
		Key: secretKey, Link: "https://users.example.com/activate?key=" + secretKey, Hours: 24,
	}, nil
}

// sender is a Sender that notes what it gets.
type sender struct {
	mu   sync.Mutex
	sent map[string]int // by username
	send func(ctx context.Context, m mail.Message) error
}

func (s *sender) Send(ctx context.Context, m mail.Message) error {
	if s.send != nil {
		if err := s.send(ctx, m); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent == nil {
		s.sent = make(map[string]int)
	}
	s.sent[m.Username]++
	return nil
}

func (s *sender) count(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[name]
}

// log is what was logged, as text.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *log) lines(part string) int { return strings.Count(l.String(), part) }

func (l *log) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// clean fails the test where a secret was logged.
func (l *log) clean(t *testing.T) {
	t.Helper()
	for _, secret := range []string{secretKey, domain, "users.example.com"} {
		if strings.Contains(l.String(), secret) {
			t.Errorf("the log has %s:\n%s", secret, l)
		}
	}
}

// fast are options with which tests are not slow.
func fast(st store.Store, s mail.Sender) (mail.Options, *log) {
	l := &log{}
	return mail.Options{
		Store: st, Composer: composer(compose), Sender: s, Logger: l.logger(),
		Poll: 10 * time.Millisecond, First: 10 * time.Millisecond, Most: 40 * time.Millisecond,
	}, l
}

// run runs an outbox until the test ends, or until it is stopped.
func run(t *testing.T, o *mail.Outbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not return")
		}
	})
	t.Cleanup(stop)
	return stop
}

func enqueue(t *testing.T, st store.Store, jobs ...mail.Job) {
	t.Helper()
	for _, j := range jobs {
		if err := st.Apply(t.Context(), j.Write()); err != nil {
			t.Fatal(err)
		}
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func waiting(t *testing.T, st store.Store) []bson.Raw {
	t.Helper()
	raws, err := st.Find(t.Context(), "users.outbox", store.Query{Order: "due"})
	if err != nil {
		t.Fatal(err)
	}
	return raws
}

func empty(t *testing.T, st store.Store) {
	t.Helper()
	eventually(t, "the outbox is empty", func() bool { return len(waiting(t, st)) == 0 })
}

var errDown = errors.New("connection refused")
