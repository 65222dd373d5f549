package usersws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"golang.org/x/time/rate"

	"gatehouse/events"
	"gatehouse/server/fault"
	"gatehouse/server/hub"
	"gatehouse/server/request"
	"gatehouse/server/wsconn"
	"gatehouse/users"
	"gatehouse/users/keys"
)

// What one socket may gather before it is written to the store, where it sends
// faster than the store takes.
const (
	maxGathered      = 256
	maxGatheredBytes = 1 << 20
)

// replayStretch is how many events of the past are joined for one write.
const replayStretch = 64

// session is one socket. What stands below conn belongs to its reader.
type session struct {
	service *Service
	origins []string
	keyID   string
	actor   func(context.Context) (users.Actor, error) // who is logged in; nil: nobody
	filter  events.Filter
	place   string // where it joined the others, or tried to
	member  *hub.Member
	conn    *wsconn.Conn

	limiter  *rate.Limiter
	gathered []gathered
	size     int
}

// gathered is an echo on its way to the store.
type gathered struct {
	echo      events.Announcement
	requestID json.RawMessage
}

var _ wsconn.Handler = (*session)(nil)

// Closed takes the socket out of the hub.
func (s *session) Closed(_ *wsconn.Conn, _ wsconn.Cause) {
	if s.member != nil {
		s.service.o.Hub.Leave(s.member)
	}
}

// Message handles one frame.
func (s *session) Message(_ *wsconn.Conn, payload []byte, _ bool) {
	if s.limiter != nil && !s.limiter.Allow() {
		r, _ := request.Parse(payload)
		s.fail(fault.New(fault.RateLimited, "more frames than this server takes from one socket; slow down"), r.ID)
		return
	}
	r, err := request.Parse(payload)
	if err == nil {
		err = s.handle(r)
	}
	if err != nil {
		s.fail(err, r.ID)
	}
}

// handle does what a frame asks for.
func (s *session) handle(r request.Request) error {
	switch r.Type {
	case events.Echo:
		return s.echo(r)
	case events.MetaRequest:
		return s.meta(r)
	}
	return request.Refuse(r.Type, s.service.o.Log.Rules().Declared(r.Type))
}

// echo answers the sender alone, or gathers the echo for everybody.
func (s *session) echo(r request.Request) error {
	e, err := r.Echo()
	if err != nil {
		return err
	}
	broadcast, err := r.Flag("broadcast")
	if err != nil {
		return err
	}
	if !broadcast {
		s.conn.Send(reply(events.Event{Type: events.Echo, Body: e.Body}.JSON()))
		return nil
	}
	if scope := s.service.settings.Load().PublishScope; scope != "" {
		if err := s.need(scope, "broadcasting"); err != nil {
			return err
		}
	}
	s.gathered = append(s.gathered, gathered{e, bytes.Clone(r.ID)})
	s.size += len(e.Body)
	if len(s.gathered) >= maxGathered || s.size >= maxGatheredBytes {
		s.publish()
	}
	return nil
}

// need asks whether the key that the socket was opened with is still good and
// has a scope.
func (s *session) need(scope, what string) error {
	if s.keyID == "" {
		return fault.New(fault.Forbidden, what+" needs an access key with the scope "+scope)
	}
	key, err := s.service.o.Keys.Get(s.service.ctx, s.keyID)
	switch {
	case errors.Is(err, keys.ErrUnknown):
		return fault.New(fault.Forbidden, "the access key of this socket was revoked")
	case err != nil:
		return err
	case !key.Has(scope):
		return fault.New(fault.Forbidden, what+" needs an access key with the scope "+scope)
	}
	return nil
}

// Drained publishes what was gathered: frames that came together are stored
// together.
func (s *session) Drained(*wsconn.Conn) { s.publish() }

func (s *session) publish() {
	if len(s.gathered) == 0 {
		return
	}
	as := make([]events.Announcement, len(s.gathered))
	for i, g := range s.gathered {
		as[i] = g.echo
	}
	if err := events.Announce(s.service.ctx, s.service.o.Store, as...); err != nil {
		for _, g := range s.gathered {
			s.fail(err, g.requestID)
		}
	}
	s.gathered, s.size = nil, 0
}

// fail tells the socket why a frame was not followed.
func (s *session) fail(err error, requestID json.RawMessage) {
	b, err := json.Marshal(struct {
		EventType events.Type `json:"eventType"`
		*fault.Error
		RequestID json.RawMessage `json:"requestId,omitempty"`
	}{events.Error, fault.From(err), requestID})
	if err == nil { // words, a flag and a request id that was JSON: it cannot fail
		s.conn.Send(reply(b))
	}
}

// catchUp gives the socket what it missed, at its own pace, and lets it join the
// others where memory ends.
func (s *session) catchUp(r *events.Reader) {
	stop := s.service.ctx.Done()
	for {
		es, err := r.Take(s.service.ctx, replayStretch)
		switch {
		case errors.Is(err, events.ErrHistoryLost):
			r.Close()
			s.lost()
			return
		case err != nil:
			r.Close()
			s.conn.Close(wsconn.CloseGoingAway, "what was missed cannot be read now; come back")
			return
		case len(es) == 0:
			s.join(r)
			return
		}
		for _, b := range hub.Batches(s.filter, es) {
			if !s.conn.SendWhenEmpty(stop, b) {
				r.Close()
				return
			}
		}
	}
}

// join lets the socket join the others where a reader stands.
func (s *session) join(r *events.Reader) {
	s.place = r.Place()
	r.Close()
	s.service.o.Hub.Join(s.member, r.Seq())
}

// resume is for a socket that was so slow to join that memory went on without
// it: what it missed is in the store.
func (s *session) resume() {
	s.service.run(func() {
		r, err := s.service.o.Log.Open(s.service.ctx, s.place)
		switch {
		case errors.Is(err, events.ErrHistoryLost):
			s.lost()
		case err != nil:
			s.conn.Close(wsconn.CloseGoingAway, "what was missed cannot be read now; come back")
		default:
			s.catchUp(r)
		}
	})
}

// lost tells the socket that it missed something that cannot be had, and lets it
// join at the head.
func (s *session) lost() {
	r, err := s.service.o.Log.Open(s.service.ctx, "")
	if err != nil {
		return // it cannot be: the head is in memory
	}
	s.conn.Send(reply(s.service.lost()))
	s.join(r)
}
