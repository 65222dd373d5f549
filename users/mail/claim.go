package mail

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// conclusion is how long one try to write a job's end may take. It is short
// since it is not cut off when ctx ends.
const conclusion = 5 * time.Second

// claim makes the job this process's for the time of the lease, and reports
// whether it did: of several that try, one does. Where that is in doubt it is
// not: the job is then due again after the lease.
func (o *Outbox) claim(ctx context.Context, d *document) (bool, error) {
	until := time.Now().Add(o.o.Lease).UTC().Truncate(time.Millisecond)
	err := o.o.Store.Apply(ctx, store.Update(collection, d.ID, bson.D{{Key: "due", Value: until}}).IfVersion(d.Version))
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return false, nil // another was faster
	case err != nil:
		return false, err
	}
	d.Due = until
	d.Version++
	return true, nil
}

// finish deletes a claimed job.
func (o *Outbox) finish(ctx context.Context, d document) {
	o.conclude(ctx, d, store.Delete(collection, d.ID))
}

// postpone makes a claimed job due at another time. That is no longer this
// process's business then.
func (o *Outbox) postpone(ctx context.Context, d document, due time.Time, attempts int) {
	o.conclude(ctx, d, store.Update(collection, d.ID, bson.D{
		{Key: "due", Value: due.UTC().Truncate(time.Millisecond)}, {Key: "attempts", Value: attempts},
	}))
}

// conclude writes how a claimed job ended, also when ctx has ended. While the
// store does not answer it tries again, since a mail that was sent and not
// deleted is sent twice; at the end of the lease the job belongs to whoever
// claims it next.
func (o *Outbox) conclude(ctx context.Context, d document, w store.Write) {
	w = w.IfVersion(d.Version)
	pause := backoffFrom(50*time.Millisecond, 5*time.Second)
	for {
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), conclusion)
		err := o.o.Store.Apply(writing, w)
		cancel()
		switch {
		case err == nil, errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
			return // or it was an earlier try, or the lease has ended
		case errors.Is(err, store.ErrClosed), ctx.Err() != nil:
			return // the lease will end
		}
		o.storeFailed(err)
		wait := pause.NextBackOff()
		if time.Now().Add(wait).After(d.Due) {
			return
		}
		o.sleep(ctx, wait, false)
	}
}

// drop deletes what is no job.
func (o *Outbox) drop(ctx context.Context, raw bson.Raw) error {
	err := o.o.Store.Apply(ctx, store.Delete(collection, raw.Lookup("_id")))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
