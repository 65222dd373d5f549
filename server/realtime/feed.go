package realtime

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/resources"
)

// Run tells of changes until ctx ends. A store that does not answer is waited
// for.
func (v *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range stampers {
		all.Go(func() { v.stamp(ctx) })
	}
	for {
		err := v.follow(ctx)
		v.follows.Store(false)
		switch {
		case ctx.Err() != nil:
			return nil
		case lost(err):
			v.o.Logger.Warn("changes of resources may have been missed; the sockets of /realtime are closed, and their clients come back", "error", err)
			v.endAll()
		default:
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// endAll closes all sockets: their clients come back, and subscribe again.
func (v *Service) endAll() {
	for _, s := range v.sessions.list() {
		s.conn.Close(wsconn.CloseGoingAway, "changes may have been missed; come back")
	}
}

// follow reads the feed to its end.
func (v *Service) follow(ctx context.Context) error {
	feed, err := v.o.Store.Watch(ctx, store.Start{}, append(resources.Names(), v.o.Credentials...)...)
	if err != nil {
		return err
	}
	defer feed.Close()
	select {
	case <-v.opened: // who has come back since the last one ended may have subscribed in vain
		v.endAll()
	default:
		close(v.opened)
	}
	v.follows.Store(true)
	for {
		c, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		id, ok := c.ID.StringValueOK()
		switch {
		case !ok: // another program's; it is called by nobody
		case slices.Contains(v.o.Credentials, c.Collection):
			if c.Op == store.OpDelete {
				v.end(Credential{c.Collection, id})
			}
		default:
			v.changed(ctx, c, resources.Key{Collection: c.Collection, ID: id})
		}
	}
}

// end closes the sockets that were let in by a credential that is no more.
func (v *Service) end(c Credential) {
	for _, s := range v.sessions.with(c) {
		s.conn.Close(wsconn.ClosePolicy, credentialsEnded)
	}
}

// changed tells the subscribers of a resource.
func (v *Service) changed(ctx context.Context, c store.Change, k resources.Key) {
	now, missing, e, to := v.book.seen(c, k)
	if missing {
		select {
		case v.stamps <- stamp{k, now.Version}:
		case <-ctx.Done():
		}
	}
	if len(to) == 0 {
		return
	}
	told := newEnvelope(e.resource, now.Data, now.Exists, now.Version)
	batches := map[string]*wsconn.Batch{}
	for _, sub := range to {
		user := sub.session.peer.Viewer.UserID
		b := batches[user]
		if b == nil {
			b = told.to(user)
			batches[user] = b
		}
		sub.session.tell(sub, now.Version, b, false)
	}
}

// stamp is a version that a document lacks, since another program has written
// it.
type stamp struct {
	key     resources.Key
	version resources.Version
}

// stampers is how many are written down at once.
const stampers = 2

// stamp writes down versions until ctx ends. Each is tried until the store
// answers.
func (v *Service) stamp(ctx context.Context) {
	for {
		select {
		case s := <-v.stamps:
			v.writeDown(ctx, s)
		case <-ctx.Done():
			return
		}
	}
}

func (v *Service) writeDown(ctx context.Context, s stamp) {
	for {
		bounded, cancel := context.WithTimeout(ctx, readTimeout)
		err := v.o.Resources.Stamp(bounded, s.key, s.version)
		cancel()
		switch {
		case err == nil, ctx.Err() != nil:
			return
		case !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, resources.ErrBusy):
			v.o.Logger.Warn("a version could not be written down for what another program has changed", "collection", s.key.Collection, "error", err)
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}
