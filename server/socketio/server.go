package socketio

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"gatehouse/server/socketio/engine"
	"gatehouse/server/wsconn"
)

// Options for [New]. What is 0 has a default.
type Options struct {
	PingInterval   time.Duration // 25 s
	PingTimeout    time.Duration // 20 s
	ConnectTimeout time.Duration // from the connection to joining a namespace; 45 s
	MaxPayload     int           // bytes that a client may send in one POST or frame, and in a packet with all its attachments; 1,000,000
	MaxAttachments int           // of one packet; 64
	QueueBytes     int           // what may wait for a client; 1 MiB

	// Sockets holds the WebSockets, and counts all connections against its
	// limits.
	Sockets *wsconn.Server

	// Remote is the address that a request came from; nil: all come from one.
	Remote func(r *http.Request) netip.Addr

	// Peer keeps of the request with which a connection begins what is needed
	// later; nil: nothing. It is small, and no part of the request itself.
	Peer func(r *http.Request) any
}

// Server is a server of Socket.IO, to be served at a path such as /socket.io/.
type Server struct {
	o      Options
	engine *engine.Server

	mu         sync.RWMutex
	namespaces map[string]*Namespace
}

// New makes a server, to be ended with Close.
func New(o Options) *Server {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 45 * time.Second
	}
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1_000_000
	}
	if o.MaxAttachments <= 0 {
		o.MaxAttachments = 64
	}
	s := &Server{o: o, namespaces: map[string]*Namespace{}}
	s.engine = engine.New(engine.Options{
		PingInterval: o.PingInterval,
		PingTimeout:  o.PingTimeout,
		MaxPayload:   o.MaxPayload,
		QueueBytes:   o.QueueBytes,
		Sockets:      o.Sockets,
		Remote:       o.Remote,
		Open:         func(e *engine.Session, r *http.Request) engine.Receiver { return newClient(s, e, r) },
	})
	return s
}

// ServeHTTP answers the requests of clients, whichever transport they use. Who
// may connect has been decided before.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.engine.ServeHTTP(w, r) }

// Count is the number of connections.
func (s *Server) Count() int { return s.engine.Count() }

// End ends the connections of unwanted peers, whatever they have joined.
func (s *Server) End(unwanted func(peer any) bool) {
	s.engine.Each(func(e *engine.Session) {
		if c, ok := e.Receiver().(*client); ok && unwanted(c.peer) {
			e.Close()
		}
	})
}

// Drain refuses new connections and ends those that poll; WebSockets are ended by
// their server, or by Close.
func (s *Server) Drain() { s.engine.Drain() }

// Close refuses new connections and closes those there are, without telling
// their sockets to disconnect: clients come back by themselves.
func (s *Server) Close() { s.engine.Close() }

// Of is the namespace of this name, which begins with a slash. It is declared by
// that: clients cannot join any other.
func (s *Server) Of(name string) *Namespace {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespaces[name]
	if n == nil {
		n = &Namespace{name: name, sockets: map[string]*Socket{}}
		s.namespaces[name] = n
	}
	return n
}

func (s *Server) namespace(name string) *Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[name]
}
