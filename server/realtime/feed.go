package realtime

import (
	"context"
	"slices"
	"sync"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/resources"
)

// Run tells of changes until ctx ends.
func (v *Service) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range stampers {
		all.Go(func() { v.stamp(ctx) })
	}
	return v.feed.Run(ctx)
}

// endAll closes all sockets: their clients come back, and subscribe again.
func (v *Service) endAll() {
	for _, s := range v.sessions.list() {
		s.conn.Close(wsconn.CloseGoingAway, "changes may have been missed; come back")
	}
}

// seen follows a change: of a credential, or of a resource.
func (v *Service) seen(ctx context.Context, c store.Change) {
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
		v.stamps.add(ctx, k, now.Version)
	}
	if len(to) == 0 {
		return
	}
	told := newEnvelope(e.resource, now.Data, now.Exists, now.Version)
	// User by user, so that of a large document only one copy is held.
	byUser := map[string][]*subscription{}
	for _, sub := range to {
		user := sub.session.peer.Viewer.UserID
		byUser[user] = append(byUser[user], sub)
	}
	for user, subs := range byUser {
		b := told.to(user)
		for _, sub := range subs {
			sub.session.tell(sub, now.Version, b, false)
		}
	}
}
