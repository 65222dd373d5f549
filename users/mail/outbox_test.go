package mail_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/mail"
)

func TestJobsAreSentAndDeleted(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "before"})
	o, l := fast(st, s)
	o.Poll = time.Hour
	out := mail.New(o)
	run(t, out)
	empty(t, st)
	enqueue(t, st, mail.Job{Kind: mail.Reset, User: "after@" + domain})
	out.Wake()
	empty(t, st)
	if s.count("before") != 1 || s.count("after") != 1 {
		t.Errorf("sent %v", s.sent)
	}
	if l.String() != "" {
		t.Errorf("logged %s", l)
	}
}

func TestFeedShowsNoUser(t *testing.T) {
	t.Parallel()
	st := open(t)
	feed, err := st.Watch(t.Context(), store.Start{}, "users.outbox")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	enqueue(t, st, mail.Job{Kind: mail.Reset, User: "ada@" + domain})
	change, err := feed.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if user := change.After.Lookup("user"); user.Type != bson.TypeBoolean {
		t.Errorf("the feed shows whom: %s", user)
	}
}

// Whatever somebody typed can be enqueued.
func TestAnythingCanBeEnqueued(t *testing.T) {
	t.Parallel()
	st := open(t)
	for _, user := range []string{"", "\xff", "a\x00b", strings.Repeat("ä", 1<<20)} {
		enqueue(t, st, mail.Job{Kind: mail.Reset, User: user})
	}
	for _, raw := range waiting(t, st) {
		if len(raw) > 1<<12 {
			t.Errorf("a job has %d bytes", len(raw))
		}
	}
}

func TestNobodyIsDroppedSilently(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	enqueue(t, st, mail.Job{Kind: mail.Reset, User: "nobody@" + domain})
	o, l := fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if len(s.sent) != 0 || l.String() != "" {
		t.Errorf("sent %v, logged %s", s.sent, l)
	}
}

// Two processes on one store: each of many mails is sent once.
func TestTwoOutboxesSendOnce(t *testing.T) {
	t.Parallel()
	const jobs = 100
	st, s := open(t), &sender{}
	for range 2 {
		o, _ := fast(st, s)
		run(t, mail.New(o))
	}
	for i := range jobs {
		enqueue(t, st, mail.Job{Kind: mail.Activation, User: fmt.Sprintf("user%d", i)})
	}
	empty(t, st)
	for i := range jobs {
		if n := s.count(fmt.Sprintf("user%d", i)); n != 1 {
			t.Errorf("user%d got %d mails", i, n)
		}
	}
}

func TestFewAreSentAtOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now, most := 0, 0
	st := open(t)
	s := &sender{send: func(context.Context, mail.Message) error {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-time.After(5 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return nil
	}}
	for i := range 20 {
		enqueue(t, st, mail.Job{Kind: mail.Activation, User: fmt.Sprintf("user%d", i)})
	}
	o, _ := fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if most != 2 {
		t.Errorf("%d at once, want 2", most)
	}
}

// A document that is no job does not stop the others.
func TestDamagedJobs(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	for _, d := range []bson.D{
		{{Key: "_id", Value: "x"}, {Key: "due", Value: time.Now()}, {Key: "user", Value: "ada@" + domain}},
		{{Key: "due", Value: "soon"}},
		{{Key: "due", Value: time.Time{}}, {Key: "user", Value: 7}},
	} {
		if err := st.Apply(t.Context(), store.Insert("users.outbox", d)); err != nil {
			t.Fatal(err)
		}
	}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	o, l := fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 || l.lines("cannot be read") != 3 {
		t.Errorf("sent %v, logged %s", s.sent, l)
	}
	l.clean(t)
}
