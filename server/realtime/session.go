package realtime

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"gatehouse/server/hub"
	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/resources"
)

// session is one socket.
type session struct {
	service *Service
	peer    Peer
	conn    *wsconn.Conn
	limiter *rate.Limiter // the reader's; nil: no limit

	mu            sync.Mutex
	out           *hub.Latest[*entry]
	subscriptions map[resources.Key]*subscription
	closed        bool
}

var _ wsconn.Handler = (*session)(nil)

// Closed ends the subscriptions of the socket.
func (s *session) Closed(*wsconn.Conn, wsconn.Cause) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	all := s.subscriptions
	s.subscriptions = nil
	s.mu.Unlock()
	for _, sub := range all {
		s.service.book.remove(sub)
	}
	s.service.sessions.remove(s)
}

// Drained has nothing to do: each message was followed at once.
func (s *session) Drained(*wsconn.Conn) {}

// Message follows one frame.
func (s *session) Message(_ *wsconn.Conn, payload []byte, binary bool) {
	if s.limiter != nil && !s.limiter.Allow() {
		s.conn.Send(tooFast)
		return
	}
	c, ok := parse(payload)
	if binary || !ok {
		s.conn.Send(malformed)
		return
	}
	r, err := resources.Parse(c.resource.Type, c.resource.ID, s.peer.Place, s.peer.Viewer.UserID)
	var missing *resources.MissingHeaderError
	switch {
	case errors.As(err, &missing) && c.action == unsubscribe: // so it is not subscribed to
	case errors.As(err, &missing):
		s.conn.Send(refusal(missing.Error(), c.resource))
	case err != nil:
		s.conn.Send(malformed)
	case c.action == unsubscribe:
		s.unsubscribe(r)
	case !s.peer.Viewer.MayRead(r):
		s.conn.Send(refusal("Not allowed", c.resource))
	default:
		s.subscribe(r, c.resource)
	}
}

var tooFast = frame([]byte(`{"error":"Too many messages; slow down"}`))

// subscribe notes the subscription, then reads the resource and answers how it
// is. Who is subscribed already is answered again.
func (s *session) subscribe(r resources.Resource, of name) {
	sub, anew, ok := s.note(r)
	if !ok {
		s.conn.Send(refusal("Subscription limit reached", of))
		return
	}
	if sub == nil {
		return // the socket has gone
	}
	now, err := s.read(sub.entry, r)
	if err != nil {
		if anew {
			s.unsubscribe(r)
		}
		why := "The resource could not be read"
		if errors.Is(err, store.ErrUnavailable) || errors.Is(err, resources.ErrBusy) {
			why = "The store does not answer; try again in a moment"
		} else if !errors.Is(err, store.ErrClosed) {
			s.service.o.Logger.Error("a resource could not be read", "error", err)
		}
		s.conn.Send(refusal(why, of))
		return
	}
	b := warning(r.Type, sub.entry.resource)
	if now.Exists {
		b = newEnvelope(sub.entry.resource, now.Data, true, now.Version).to(s.peer.Viewer.UserID)
	}
	s.tell(sub, now.Version, b, !anew || !now.Exists)
}

// read returns a resource that is subscribed to. What another program has changed
// may have been told already with a version that is still to be written down, see
// [resources.Seen]: that takes a moment. What it has deleted has a version that is
// not written down at all.
func (s *session) read(e *entry, r resources.Resource) (now resources.State, err error) {
	ctx, cancel := context.WithTimeout(s.service.ctx, readTimeout)
	defer cancel()
	var newest resources.Version
	for range 20 {
		if now, err = s.service.o.Resources.Get(ctx, r); err != nil {
			return now, err
		}
		told := s.service.book.told(e)
		if now.Version >= told.Version {
			break
		}
		newest = told.Version
		if !now.Exists && !told.Exists {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	now.Version = max(now.Version, newest) // late, or never: it is as new as that
	return now, nil
}

// note finds or makes the subscription to a resource. It is not ok where the
// socket has as many as it may have, and nil where the socket has gone.
func (s *session) note(r resources.Resource) (sub *subscription, anew, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, true
	}
	if sub := s.subscriptions[r.Key]; sub != nil {
		return sub, false, true
	}
	if len(s.subscriptions) >= s.service.settings.Load().Subscriptions {
		return nil, false, false
	}
	if s.subscriptions == nil {
		s.subscriptions = map[resources.Key]*subscription{}
	}
	sub = s.service.book.add(s, r)
	s.subscriptions[sub.entry.key] = sub
	return sub, true, true
}

// unsubscribe ends a subscription, if there is one.
func (s *session) unsubscribe(r resources.Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subscriptions[r.Key]
	if sub == nil {
		return
	}
	delete(s.subscriptions, r.Key)
	sub.ended = true
	s.out.Forget(sub.entry)
	s.service.book.remove(sub)
}

// tell gives the socket what is known of a resource, unless it has been told
// something as new. What answers a request is told also where it is not newer, but
// never where it is older.
func (s *session) tell(sub *subscription, v resources.Version, b *wsconn.Batch, answer bool) {
	s.mu.Lock()
	if s.closed || sub.ended || v < sub.last || v == sub.last && !answer {
		s.mu.Unlock()
		return
	}
	sub.last = v
	// Under the lock, so that nothing older can come behind it.
	ok := s.out.Send(sub.entry, b, s.service.settings.Load().QueueBytes)
	s.mu.Unlock()
	if !ok {
		s.conn.Close(wsconn.CloseTryAgain, "too much was waiting; subscribe to less, or read faster")
	}
}
