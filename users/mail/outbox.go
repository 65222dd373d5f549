package mail

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/store"
)

// How much is done at once.
const (
	workers = 2  // mails that are composed and sent
	batch   = 50 // jobs that are read
)

// Options say how an outbox works. Durations that are 0 have defaults.
type Options struct {
	Store    store.Store // with Collection declared before Run
	Composer Composer
	Sender   Sender // nil: jobs wait until SetSender
	Logger   *slog.Logger

	Poll     time.Duration // how often it is looked for jobs of other processes; 5 s
	Lease    time.Duration // how long a claimed job is left alone; 2 minutes. Half of it is the limit for one attempt
	First    time.Duration // about the wait after the first failure, doubled after each further one; 10 s
	Most     time.Duration // the longest wait; 30 minutes
	GiveUp   time.Duration // the age at which a job that fails is given up; 24 hours
	LogEvery time.Duration // how often it is logged, at most, that sending fails; 1 minute
}

// Outbox sends what waits in the store. Make it with [New].
type Outbox struct {
	o      Options
	logger *slog.Logger
	wake   chan struct{}
	sender atomic.Pointer[Sender]

	reading, composing, sending *outage
}

// New returns an outbox, which does nothing before [Outbox.Run].
func New(o Options) *Outbox {
	fill := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	fill(&o.Poll, 5*time.Second)
	fill(&o.Lease, 2*time.Minute)
	fill(&o.First, 10*time.Second)
	fill(&o.Most, 30*time.Minute)
	fill(&o.GiveUp, 24*time.Hour)
	fill(&o.LogEvery, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	out := &Outbox{
		o: o, logger: o.Logger, wake: make(chan struct{}, 1),
		reading:   &outage{every: o.LogEvery, once: true},
		composing: &outage{every: o.LogEvery},
		sending:   &outage{every: o.LogEvery},
	}
	if o.Sender != nil {
		out.SetSender(o.Sender)
	}
	return out
}

// Wake says that this process has enqueued something: it is sent now. It never
// blocks.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default: // it will be looked anyway
	}
}

// SetSender has the mails sent by another sender from now on. It may be called
// while the outbox runs; what is being sent is not interrupted. It is not nil.
func (o *Outbox) SetSender(s Sender) {
	o.sender.Store(&s)
	o.Wake()
}

// Run sends what is due, and what becomes due, until ctx ends; then it gives
// back what it has claimed and returns nil. When it returns, none of its
// goroutines is left. A store that does not answer is waited for.
func (o *Outbox) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	slots := make(chan struct{}, workers)
	pause := backoffFrom(200*time.Millisecond, 10*time.Second)
	for ctx.Err() == nil {
		found, err := o.round(ctx, slots, &working)
		wait := o.o.Poll
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			o.storeFailed(err)
			wait = pause.NextBackOff()
		default:
			o.storeWorks()
			pause.Reset()
			if found {
				continue // there may be more
			}
		}
		o.sleep(ctx, wait, err == nil)
	}
	return nil
}

// sleep ends after d, with ctx, or when something was enqueued, which says
// nothing of a store that does not answer.
func (o *Outbox) sleep(ctx context.Context, d time.Duration, wakeable bool) {
	wake := o.wake
	if !wakeable {
		wake = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// round begins with the jobs that are due now, and reports whether there were
// any. A job is claimed only when there is a slot to work on it.
func (o *Outbox) round(ctx context.Context, slots chan struct{}, working *sync.WaitGroup) (found bool, err error) {
	if o.sender.Load() == nil {
		return false, nil
	}
	raws, err := o.o.Store.Find(ctx, collection, store.Query{Order: "due", Limit: batch})
	if err != nil {
		return false, err
	}
	for _, raw := range raws {
		d, err := decode(raw)
		if err != nil {
			// It would stand at the head of the queue for ever.
			o.logger.Error("a mail that waits in the outbox cannot be read; it is given up", "error", redact(err))
			if err := o.drop(ctx, raw); err != nil {
				return found, err
			}
			continue
		}
		if d.Due.After(time.Now()) {
			break
		}
		found = true
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return found, nil
		}
		claimed, err := o.claim(ctx, &d)
		if err != nil || !claimed {
			<-slots
		}
		if err != nil {
			return found, err
		}
		if claimed {
			working.Go(func() {
				defer func() { <-slots }()
				o.work(ctx, d)
			})
		}
	}
	return found, nil
}

func (o *Outbox) storeFailed(err error) {
	if o.reading.failed(time.Now()) {
		o.logger.Warn("the store does not answer; mails wait until it does", "error", redact(err))
	}
}

func (o *Outbox) storeWorks() {
	if d, ended := o.reading.ended(time.Now()); ended {
		o.logger.Info("the store answers the outbox again", "after", d.Round(time.Millisecond).String())
	}
}
