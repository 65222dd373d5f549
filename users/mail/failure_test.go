package mail_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/mail"
)

// While the server is down there is one line, and one more when it works.
func TestServerIsDownAndWorksAgain(t *testing.T) {
	t.Parallel()
	const jobs = 20
	var works atomic.Bool
	var tried atomic.Int32
	st := open(t)
	s := &sender{send: func(_ context.Context, m mail.Message) error {
		if tried.Add(1); !works.Load() {
			return fmt.Errorf("sending %s to %s: %w", m.Link, m.To, errDown)
		}
		return nil
	}}
	for i := range jobs {
		enqueue(t, st, mail.Job{Kind: mail.Activation, User: fmt.Sprintf("user%d", i)})
	}
	o, l := fast(st, s)
	run(t, mail.New(o))
	eventually(t, "each was tried twice", func() bool { return tried.Load() > 2*jobs })
	works.Store(true)
	empty(t, st)
	for i := range jobs {
		if n := s.count(fmt.Sprintf("user%d", i)); n != 1 {
			t.Errorf("user%d got %d mails", i, n)
		}
	}
	if l.lines("cannot be sent") != 1 || l.lines("sent again") != 1 || l.lines("\n") != 2 {
		t.Errorf("logged\n%s", l)
	}
	l.clean(t)
}

// A long outage is told again from time to time.
func TestLongOutageIsToldAgain(t *testing.T) {
	t.Parallel()
	st := open(t)
	s := &sender{send: func(context.Context, mail.Message) error { return errDown }}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	o, l := fast(st, s)
	o.LogEvery = 50 * time.Millisecond
	run(t, mail.New(o))
	eventually(t, "three lines", func() bool { return l.lines("cannot be sent") == 3 })
}

func TestRefusedForGood(t *testing.T) {
	t.Parallel()
	var tried atomic.Int32
	st := open(t)
	s := &sender{send: func(_ context.Context, m mail.Message) error {
		tried.Add(1)
		return fmt.Errorf("%w: 550 <%s> is unknown", mail.ErrRefused, m.To)
	}}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	o, l := fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if tried.Load() != 1 || l.lines("level=WARN") != 1 || l.lines("username=ada") != 1 || l.lines("\n") != 1 {
		t.Errorf("tried %d times, logged %s", tried.Load(), l)
	}
	l.clean(t)
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	var tried atomic.Int32
	st := open(t)
	s := &sender{send: func(_ context.Context, m mail.Message) error {
		tried.Add(1)
		return fmt.Errorf("%s: %w", m.To, errDown)
	}}
	enqueue(t, st, mail.Job{Kind: mail.Reset, User: "ada"})
	o, l := fast(st, s)
	o.GiveUp = 300 * time.Millisecond
	begun := time.Now()
	run(t, mail.New(o))
	empty(t, st)
	if tried.Load() < 2 || time.Since(begun) < o.GiveUp/2 {
		t.Errorf("given up after %d attempts, %s", tried.Load(), time.Since(begun))
	}
	if l.lines("level=ERROR") != 1 || l.lines("kind=reset username=ada attempts=") != 1 || l.lines("connection refused") != 2 {
		t.Errorf("logged %s", l)
	}
	l.clean(t)
}

// What is old already is tried once.
func TestOldJobsAreTriedOnce(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	old := time.Now().Add(-48 * time.Hour)
	err := st.Apply(t.Context(), store.Insert("users.outbox", bson.D{
		{Key: "kind", Value: "reset"},
		{Key: "user", Value: "ada"},
		{Key: "due", Value: old},
		{Key: "attempts", Value: 0},
		{Key: "created", Value: old},
	}))
	if err != nil {
		t.Fatal(err)
	}
	o, l := fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 || l.String() != "" {
		t.Errorf("sent %v, logged %s", s.sent, l)
	}
}

// A composer that fails is asked again, and learns that it was asked before.
func TestComposerFails(t *testing.T) {
	t.Parallel()
	var tried atomic.Int32
	st, s := open(t), &sender{}
	enqueue(t, st, mail.Job{Kind: mail.Reset, User: "ada@" + domain})
	o, l := fast(st, s)
	o.Composer = composer(func(j mail.Job) (mail.Message, error) {
		if n := int(tried.Add(1)); j.Attempts != n-1 {
			t.Errorf("call %d says that %d failed", n, j.Attempts)
		}
		if tried.Load() < 3 {
			return mail.Message{}, fmt.Errorf("%s: the user is damaged", j.User)
		}
		return compose(j)
	})
	run(t, mail.New(o))
	empty(t, st)
	if tried.Load() != 3 || s.count("ada") != 1 || l.lines("cannot be composed") != 1 || l.lines("\n") != 1 {
		t.Errorf("tried %d times, sent %v, logged %s", tried.Load(), s.sent, l)
	}
	l.clean(t)
}

// ailing is a store that does not answer from time to time.
type ailing struct {
	store.Store
	find, apply atomic.Int32 // how many calls fail
	after       bool         // Apply fails after it was done, in doubt
}

func fails(n *atomic.Int32) bool { return n.Load() > 0 && n.Add(-1) >= 0 }

func (s *ailing) Find(ctx context.Context, collection string, q store.Query) ([]bson.Raw, error) {
	if fails(&s.find) {
		return nil, &store.UnavailableError{Err: errDown}
	}
	return s.Store.Find(ctx, collection, q)
}

func (s *ailing) Apply(ctx context.Context, writes ...store.Write) error {
	if fails(&s.apply) {
		if s.after {
			if err := s.Store.Apply(ctx, writes...); err != nil {
				return err
			}
		}
		return &store.UnavailableError{InDoubt: s.after, Err: errDown}
	}
	return s.Store.Apply(ctx, writes...)
}

func TestStoreDoesNotAnswer(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	sick := &ailing{Store: st}
	sick.find.Store(3)
	o, l := fast(sick, s)
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 || l.lines("does not answer") != 1 || l.lines("answers the outbox again") != 1 || l.lines("\n") != 2 {
		t.Errorf("sent %v, logged %s", s.sent, l)
	}
}

// The end of what was sent is written as soon as the store answers again,
// whether or not an earlier try was done.
func TestStoreDoesNotAnswerAfterSending(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("done %t", after), func(t *testing.T) {
			t.Parallel()
			st := open(t)
			enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
			sick := &ailing{Store: st, after: after}
			s := &sender{send: func(context.Context, mail.Message) error {
				sick.apply.Store(2)
				return nil
			}}
			o, _ := fast(sick, s)
			run(t, mail.New(o))
			empty(t, st)
			if s.count("ada") != 1 {
				t.Errorf("sent %v", s.sent)
			}
		})
	}
}

// A claim in doubt is none: the job waits for the end of its lease.
func TestClaimInDoubt(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	sick := &ailing{Store: st, after: true}
	sick.apply.Store(1)
	o, _ := fast(sick, s)
	o.Lease = 300 * time.Millisecond
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 {
		t.Errorf("sent %v", s.sent)
	}
}
