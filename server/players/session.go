package players

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/keys"
	"gatehouse/users/players"
)

// lastWarning is the one that closes a socket.
const lastWarning = 4

// session is one socket. What stands above mu belongs to its reader.
type session struct {
	service  *Service
	key      keys.Key
	origins  []string
	conn     link
	limiter  *rate.Limiter
	warnings int

	mu     sync.Mutex
	alias  players.Alias
	as     string // the id of the identification; "": none
	closed bool
}

// link is a connection as a session uses it.
type link interface {
	Send(b *wsconn.Batch) bool
	Close(code int, reason string)
}

var (
	_ wsconn.Handler = (*session)(nil)
	_ wsconn.Ponger  = (*session)(nil)
)

// perMinute lets so many through in a minute.
func perMinute(n int) *rate.Limiter { return rate.NewLimiter(rate.Limit(n)/60, n) }

// Closed ends the presence of the player, unless another socket keeps it.
func (s *session) Closed(*wsconn.Conn, wsconn.Cause) {
	s.mu.Lock()
	s.closed = true
	as, a := s.as, s.alias
	s.as = ""
	s.mu.Unlock()
	s.service.remove(s)
	if as != "" {
		s.service.book.end(a.ID, s)
		s.service.o.Players.Leave(a, as)
	}
}

// Drained has nothing to do: each request was answered at once.
func (s *session) Drained(*wsconn.Conn) {}

// Ponged takes a warning back: who answers is alive, and not only in a hurry.
func (s *session) Ponged(*wsconn.Conn) { s.forgive() }

func (s *session) forgive() { s.warnings = max(0, s.warnings-1) }

// Message judges one frame and does what it asks for.
func (s *session) Message(_ *wsconn.Conn, payload []byte, _ bool) {
	if !s.limiter.AllowN(time.Now(), 1) {
		s.warn()
		return
	}
	if string(payload) == heartbeat {
		s.forgive()
		s.conn.Send(wsconn.NewBatch(wsconn.TextFrame([]byte(heartbeat)), ""))
		return
	}
	if f := s.judge(payload); f != nil {
		s.conn.Send(f.frame())
	}
}

// warn tells that the frame was one too many, and closes the socket where that
// was said too often.
func (s *session) warn() {
	s.warnings++
	s.conn.Send(tooOften.frame())
	if s.warnings >= lastWarning {
		s.conn.Close(wsconn.ClosePolicy, tooOften.ErrorCode)
	}
}

// judge looks at a frame in the order in which clients expect it to be looked at.
func (s *session) judge(payload []byte) *failure {
	refuse := func(f failure) *failure { return &f }
	if !json.Valid(payload) {
		return refuse(noJSON)
	}
	e, ok := parseEnvelope(payload)
	if !ok {
		return refuse(wrongFrame(string(payload)))
	}
	kind := requests[e.req]
	if !kind.anybody && !s.speaksFor() {
		return refuse(noPlayer(e.req))
	}
	if missing := missingScopes(s.key, kind.scopes); len(missing) > 0 {
		return refuse(lacksScopes(e.req, missing))
	}
	data, _ := object(e.data)
	if !kind.readable(data) {
		return refuse(wrongData(e.req, string(e.data)))
	}
	switch e.req {
	case identify, identified:
		return s.identify(e.req, data)
	case channelSays:
		return s.say(e.req, data)
	case broadcasting:
		return s.broadcast(e.req, data)
	}
	return refuse(notHandled(e.req))
}

// say sends a message to a channel.
func (s *session) say(req string, data map[string]json.RawMessage) *failure {
	channel, _ := object(data["channel"])
	id, _ := whole(channel["id"])
	words, _ := text(data["message"])
	ctx, cancel := context.WithTimeout(s.service.ctx, patience)
	defer cancel()
	return s.outcome(req, s.service.o.Players.Say(ctx, s.speaker(), id, words))
}

// broadcast tells those who have subscribed to the player.
func (s *session) broadcast(req string, data map[string]json.RawMessage) *failure {
	words, _ := text(data["message"])
	ctx, cancel := context.WithTimeout(s.service.ctx, patience)
	defer cancel()
	return s.outcome(req, s.service.o.Players.Broadcast(ctx, s.speaker(), words))
}

// outcome tells what became of a request, where it was not done.
func (s *session) outcome(req string, err error) *failure {
	var f failure
	switch {
	case err == nil:
		return nil
	case errors.Is(err, players.ErrNoChannel):
		f = failed(req, "Channel not found")
	case errors.Is(err, players.ErrNotMember):
		f = failed(req, "Player not in channel")
	default:
		return s.failed(req, err)
	}
	return &f
}

// speaker is the alias for which the socket speaks.
func (s *session) speaker() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alias.ID
}

// missingScopes are those that a key has not.
func missingScopes(k keys.Key, scopes []string) (missing []string) {
	for _, scope := range scopes {
		if !k.Has(scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// identify lets the socket speak for a player. The answer comes behind what is
// told of the player's presence.
func (s *session) identify(req string, data map[string]json.RawMessage) *failure {
	id, _ := whole(data["playerAliasId"])
	token, _ := text(data["socketToken"])
	ctx, cancel := context.WithTimeout(s.service.ctx, patience)
	defer cancel()
	a, err := s.service.o.Players.Verify(ctx, id, token)
	switch {
	case errors.Is(err, players.ErrUnknown), errors.Is(err, players.ErrToken):
		f := wrongToken(req)
		return &f
	case err != nil:
		return s.failed(req, err)
	}
	if a, err = s.become(ctx, a); err != nil {
		return s.failed(req, err)
	}
	s.conn.Send(message(req+".success", aliasOf(a)))
	return nil
}

// become has the socket speak for an alias. It returns when that was told to all
// who want to know, the socket itself among them.
func (s *session) become(ctx context.Context, a players.Alias) (players.Alias, error) {
	as := uuid.NewString()
	s.mu.Lock()
	before, was := s.as, s.alias
	s.alias, s.as = a, as
	s.mu.Unlock()
	err := s.arrive(ctx, a, as)
	var now players.Alias // its presence is a part of it
	if err == nil {
		now, err = s.service.o.Players.Alias(ctx, int64(a.ID))
	}
	s.mu.Lock()
	ends, of := before, was // what is over now
	if err != nil {
		s.alias, s.as, ends, of = was, before, as, a
	} else {
		s.alias = now
	}
	gone := s.closed
	s.mu.Unlock()
	if ends != "" {
		s.service.o.Players.Leave(of, ends)
		if of.ID != s.speaker() {
			s.service.book.end(of.ID, s)
		}
	}
	if gone { // Closed may have come too early to see all of it
		s.service.book.end(a.ID, s)
		s.service.book.end(was.ID, s)
		for id, alias := range map[string]players.Alias{as: a, before: was} {
			if id != "" {
				s.service.o.Players.Leave(alias, id)
			}
		}
	}
	if err == nil && before == "" {
		s.limiter = perMinute(s.service.settings.Load().PlayersPerMinute)
	}
	return now, err
}

// arrive notes that the socket is there: for whom it hears, then that the player
// is online, and waits until that was told.
func (s *session) arrive(ctx context.Context, a players.Alias, as string) error {
	one := s.service.book.begin(a.ID, s)
	channels, err := s.service.o.Players.Memberships(ctx, a.ID)
	s.service.book.read(one, a.ID, channels)
	if err != nil {
		return err
	}
	seen := s.service.expect(as)
	defer s.service.forget(as)
	if err := s.service.o.Players.Arrive(ctx, a, as); err != nil {
		return err
	}
	select {
	case <-seen:
		return nil
	case <-ctx.Done():
		return &store.UnavailableError{Err: ctx.Err()}
	}
}

// failed tells that something of the server's own went wrong.
func (s *session) failed(req string, err error) *failure {
	cause := "The server met an error of its own"
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, players.ErrBusy) {
		cause = "The store does not answer, try again in a moment"
	} else if s.service.ctx.Err() == nil {
		s.service.o.Logger.Error("a request of a player failed", "request", req, "error", err)
	}
	f := failed(req, cause)
	return &f
}

// speaksFor reports whether the socket is identified.
func (s *session) speaksFor() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.as != ""
}
