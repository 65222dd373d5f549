package mail_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/mail"
)

// What was claimed by a process that died is sent when its lease has ended.
func TestCrashAfterClaim(t *testing.T) {
	t.Parallel()
	st, s := open(t), &sender{}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	first := waiting(t, st)[0]
	// As the process that dies leaves it.
	leased := time.Now().Add(300 * time.Millisecond)
	err := st.Apply(t.Context(), store.Update("users.outbox", first.Lookup("_id"), bson.D{{Key: "due", Value: leased}}))
	if err != nil {
		t.Fatal(err)
	}
	o, _ := fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 || time.Now().Before(leased) {
		t.Errorf("sent %v, %s before the end of the lease", s.sent, time.Until(leased))
	}
}

// A sender that hangs is cut off within its lease, and the mail tried again.
func TestSenderThatHangs(t *testing.T) {
	t.Parallel()
	var once sync.Once
	st := open(t)
	s := &sender{send: func(ctx context.Context, _ mail.Message) error {
		hang := false
		once.Do(func() { hang = true })
		if hang {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	o, _ := fast(st, s)
	o.Lease = 200 * time.Millisecond
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 {
		t.Errorf("sent %v", s.sent)
	}
}

// An end while sending gives the job back: another sends it at once.
func TestEndWhileSending(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	st := open(t)
	hanging := &sender{send: func(ctx context.Context, _ mail.Message) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	o, l := fast(st, hanging)
	stop := run(t, mail.New(o))
	<-begun
	stop()
	left := waiting(t, st)
	if len(left) != 1 || left[0].Lookup("due").Time().After(time.Now()) || left[0].Lookup("attempts").AsInt64() != 0 {
		t.Fatalf("left: %s", left)
	}
	if l.String() != "" {
		t.Errorf("logged %s", l)
	}
	s := &sender{}
	o, _ = fast(st, s)
	run(t, mail.New(o))
	empty(t, st)
	if s.count("ada") != 1 {
		t.Errorf("sent %v", s.sent)
	}
}

// What was sent as the end came is not sent again.
func TestEndAsItWasSent(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	st := open(t)
	s := &sender{send: func(ctx context.Context, _ mail.Message) error {
		close(begun)
		<-ctx.Done()
		return nil
	}}
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"})
	o, _ := fast(st, s)
	stop := run(t, mail.New(o))
	<-begun
	stop()
	if left := waiting(t, st); len(left) != 0 {
		t.Errorf("left: %s", left)
	}
}

func TestSetSender(t *testing.T) {
	t.Parallel()
	st, first, second := open(t), &sender{}, &sender{}
	o, _ := fast(st, nil)
	o.Sender, o.Poll = nil, time.Hour
	out := mail.New(o)
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "a"})
	run(t, out)
	out.SetSender(first)
	empty(t, st)
	out.SetSender(second)
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "b"})
	out.Wake()
	empty(t, st)
	if first.count("a") != 1 || second.count("b") != 1 {
		t.Errorf("sent %v and %v", first.sent, second.sent)
	}
}
