package engine

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"gatehouse/server/wsconn"
)

// Receiver is what is done with the messages of one session.
type Receiver interface {
	// Message is given each message. The data are only lent. What it returns
	// an error for ends the session.
	Message(data []byte, binary bool) error

	// Closed is called once, when nothing can be sent any more. A message that
	// was read before may still be at work.
	Closed(reason string)
}

// Options for [New]. Durations and sizes that are 0 have defaults.
type Options struct {
	PingInterval time.Duration // from a pong to the next ping; 25 s
	PingTimeout  time.Duration // how long a pong may take; 20 s
	Upgrade      time.Duration // how long a WebSocket may be about to take over from polls; 10 s
	MaxPayload   int           // the most that a client may send in one POST or frame, in bytes; 1,000,000
	QueueBytes   int           // the most that waits for a client that does not poll, in bytes; 1 MiB

	// Sockets holds the WebSockets, and counts all sessions against its
	// limits.
	Sockets *wsconn.Server

	// Remote is the address that a request came from, for those limits; nil:
	// all come from one.
	Remote func(r *http.Request) netip.Addr

	// Open is called for each new session, before anything is sent or
	// received.
	Open func(s *Session, r *http.Request) Receiver
}

// Server owns sessions. Make it with [New]; it is an [http.Handler].
type Server struct {
	o     Options
	began time.Time

	mu       sync.Mutex
	sessions map[string]*Session
	stopping bool
}

// New makes a server, to be ended with Close.
func New(o Options) *Server {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.PingInterval, 25*time.Second)
	def(&o.PingTimeout, 20*time.Second)
	def(&o.Upgrade, 10*time.Second)
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1_000_000
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 1 << 20
	}
	if o.Remote == nil {
		o.Remote = func(*http.Request) netip.Addr { return netip.Addr{} }
	}
	return &Server{o: o, began: time.Now(), sessions: map[string]*Session{}}
}

func (s *Server) now() time.Duration { return time.Since(s.began) }

// Count is the number of sessions that are open.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Each calls f for every session.
func (s *Server) Each(f func(*Session)) {
	for _, one := range s.all() {
		f(one)
	}
}

// polls reports whether no WebSocket is its transport.
func (s *Session) polls() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn == nil
}

func (s *Server) all() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, one := range s.sessions {
		all = append(all, one)
	}
	return all
}

// Drain refuses new sessions and ends those that poll; WebSockets are ended by
// their server, or by Close.
func (s *Server) Drain() { s.close(func(one *Session) bool { return one.polls() }) }

// Close refuses new sessions and ends those there are.
func (s *Server) Close() { s.close(func(*Session) bool { return true }) }

func (s *Server) close(which func(*Session) bool) {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	for _, one := range s.all() {
		if !which(one) {
			continue
		}
		one.end(ReasonServer, wsconn.CloseGoingAway, "server is going down")
	}
}

// ServeHTTP answers everything below the path of Engine.IO.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	transport, sid := q.Get("transport"), q.Get("sid")
	upgrade := transport == "websocket"
	session := s.session(sid)
	switch {
	case transport != "polling" && !upgrade:
		refuse(w, errTransport)
	case sid != "" && session == nil:
		refuse(w, errSession)
	case sid == "" && r.Method != http.MethodGet:
		refuse(w, errMethod)
	case sid == "" && q.Get("EIO") != "4":
		refuse(w, errVersion)
	case upgrade && !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		refuse(w, errRequest)
	case upgrade:
		s.webSocket(w, r, session)
	case session == nil:
		s.handshake(w, r)
	case r.Method == http.MethodGet:
		session.get(w, r)
	case r.Method == http.MethodPost:
		session.post(w, r)
	default:
		refuse(w, errRequest)
	}
}

func (s *Server) session(sid string) *Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

// handshake begins a session that polls.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request) {
	remote := s.o.Remote(r)
	if err := s.o.Sockets.Admit(remote); err != nil {
		unavailable(w, err)
		return
	}
	session := newSession(s, remote)
	session.admitted = true
	if !s.open(session, r) {
		session.end(ReasonServer, wsconn.CloseGoingAway, "") // its receiver is told, and it is counted out
		unavailable(w, wsconn.ErrStopping)
		return
	}
	session.start()
	session.answerPoll(w, r, session.hello("websocket"))
}

// open makes a session known; false where that is not to be, and the session has
// to be ended.
func (s *Server) open(session *Session, r *http.Request) bool {
	receiver := s.o.Open(session, r)
	session.mu.Lock()
	session.receiver = receiver
	closed := session.closed
	session.mu.Unlock()
	if closed { // by Open
		receiver.Closed(ReasonServer)
		return false
	}
	s.mu.Lock()
	stopping := s.stopping
	if !stopping {
		s.sessions[session.id] = session
	}
	s.mu.Unlock()
	if session.over() { // meanwhile, and it was forgotten before it was known
		s.mu.Lock()
		delete(s.sessions, session.id)
		s.mu.Unlock()
	}
	return !stopping
}

func (s *Server) forget(session *Session) {
	s.mu.Lock()
	delete(s.sessions, session.id)
	s.mu.Unlock()
	if session.admitted {
		s.o.Sockets.Release(session.remote)
	}
}

// hello is the packet with which a session begins.
func (s *Session) hello(upgrades ...string) []byte {
	o := s.server.o
	if upgrades == nil {
		upgrades = []string{}
	}
	return append([]byte{packetOpen}, mustJSON(struct {
		ID           string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{s.id, upgrades, o.PingInterval.Milliseconds(), o.PingTimeout.Milliseconds(), o.MaxPayload})...)
}

func mustJSON(v any) []byte {
	b, _ := json.Marshal(v) // texts and numbers: it cannot fail
	return b
}

// newID is a text of 120 random bits that can stand in a URL.
func newID() string {
	b := make([]byte, 15)
	_, _ = rand.Read(b) // it does not fail
	return base64.RawURLEncoding.EncodeToString(b)
}
