package mail

import (
	"context"
	"errors"
	"time"

	"gatehouse/store"
)

// work composes and sends the mail of a claimed job, and writes how it ended.
// It has half of the lease for it: the other half is for clocks that differ.
func (o *Outbox) work(ctx context.Context, d document) {
	limited, cancel := context.WithDeadline(ctx, d.Due.Add(-o.o.Lease/2))
	defer cancel()
	m, err := o.o.Composer.Compose(limited, d.job())
	switch {
	case err == nil:
	case errors.Is(err, ErrNobody):
		o.finish(ctx, d)
		return
	case ctx.Err() != nil:
		o.release(ctx, d)
		return
	default:
		o.notComposed(d, err)
		o.again(ctx, d, m, err)
		return
	}
	o.composing.ended(time.Now())

	if m.Kind == "" {
		m.Kind = d.Kind
	}
	err = (*o.sender.Load()).Send(limited, m)
	switch {
	case err == nil:
		o.serverWorks()
		o.finish(ctx, d)
	case errors.Is(err, ErrRefused):
		o.serverWorks()
		o.logger.Warn("a mail was refused for good; it is given up",
			"kind", string(m.Kind), "username", named(m.Username), "error", redact(err, secrets(d, m)...))
		o.finish(ctx, d)
	case ctx.Err() != nil:
		o.release(ctx, d)
	default:
		if o.sending.failed(time.Now()) {
			o.logger.Warn("mails cannot be sent; they wait in the outbox and are tried again",
				"kind", string(m.Kind), "error", redact(err, secrets(d, m)...))
		}
		o.again(ctx, d, m, err)
	}
}

// release gives a claimed job back as it was. Another process may begin with it
// at once, and this one when it starts again.
func (o *Outbox) release(ctx context.Context, d document) {
	o.postpone(ctx, d, time.Now(), d.Attempts)
}

// again has a job that failed tried again later, or gives it up where it has
// failed for too long. The last attempt is made at the end of that time.
func (o *Outbox) again(ctx context.Context, d document, m Message, err error) {
	now, end := time.Now(), d.Created.Add(o.o.GiveUp)
	attempts := d.Attempts + 1
	if !now.Before(end) {
		o.logger.Error("a mail could not be sent for too long; it is given up", "kind", string(d.Kind),
			"username", named(m.Username), "attempts", attempts, "error", redact(err, secrets(d, m)...))
		o.finish(ctx, d)
		return
	}
	due := now.Add(delay(d.Attempts, o.o.First, o.o.Most))
	if due.After(end) {
		due = end
	}
	o.postpone(ctx, d, due, attempts)
}

// notComposed logs what is not the store's fault: that it does not answer, the
// outbox sees itself.
func (o *Outbox) notComposed(d document, err error) {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrClosed) || !o.composing.failed(time.Now()) {
		return
	}
	o.logger.Warn("a mail cannot be composed; it waits in the outbox and is tried again",
		"kind", string(d.Kind), "error", redact(err, secrets(d, Message{})...))
}

func (o *Outbox) serverWorks() {
	if d, ended := o.sending.ended(time.Now()); ended {
		o.logger.Info("mails are sent again", "after", d.Round(time.Millisecond).String())
	}
}
