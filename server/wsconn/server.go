package wsconn

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Times that no deployment has had a reason to change.
const (
	messageTimeout = 30 * time.Second // for the rest of a message that comes in pieces
	writeTimeout   = 30 * time.Second // without any progress, while something waits
	closeTimeout   = 5 * time.Second  // from a close frame that was written to the end of the connection
	watchEvery     = 250 * time.Millisecond
)

// The reasons for which [Server.Upgrade] refuses a connection that would be one
// too many.
var (
	ErrTooMany            = errors.New("the server holds as many connections as it may")
	ErrTooManyFromAddress = errors.New("this address holds as many connections as it may")
	ErrStopping           = errors.New("the server is going down")
)

// Limits may change while connections are open.
type Limits struct {
	MaxMessageBytes       int // a larger message closes its connection with [CloseTooBig]
	QueueBytes            int // more than this waiting closes a connection with [CloseTooSlow]
	MaxConnections        int // 0: no limit
	MaxConnectionsPerAddr int // 0: no limit
}

// Server owns connections. Its zero value is not usable; see [NewServer].
type Server struct {
	limits   atomic.Pointer[Limits]
	upgrader websocket.Upgrader
	poller   *poller
	wheel    *wheel
	tasks    sync.WaitGroup // readers and writers of connections
	loops    sync.WaitGroup // the poller and the housekeeper
	stop     chan struct{}
	refuse   func(http.ResponseWriter, error)

	mu       sync.Mutex
	stopping bool
	count    int
	perAddr  map[netip.Addr]int

	watchMu sync.Mutex
	watched map[*Conn]struct{} // those with a deadline
}

// Options for [NewServer].
type Options struct {
	Limits Limits

	// PingEvery is how often each connection is pinged, 0 for never. One that
	// was not heard for two pings is ended.
	PingEvery time.Duration

	// Refuse answers a request that gets no connection: the reason is
	// [ErrTooMany], [ErrTooManyFromAddress], [ErrStopping] or a
	// [*HandshakeError].
	Refuse func(w http.ResponseWriter, reason error)
}

// HandshakeError says what is wrong with a handshake.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return e.Err.Error() }

// Unwrap returns what the handshake was refused with.
func (e *HandshakeError) Unwrap() error { return e.Err }

// NewServer starts a server of connections, to be ended with Close.
func NewServer(o Options) (*Server, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	s := &Server{
		poller:  p,
		wheel:   newWheel(),
		stop:    make(chan struct{}),
		refuse:  o.Refuse,
		perAddr: map[netip.Addr]int{},
		watched: map[*Conn]struct{}{},
	}
	s.SetLimits(o.Limits)
	s.upgrader = websocket.Upgrader{
		ReadBufferSize:  1, // gorilla raises it to its least
		WriteBufferPool: new(sync.Pool),
		CheckOrigin:     func(*http.Request) bool { return true }, // the gate was asked before
		Error: func(w http.ResponseWriter, _ *http.Request, _ int, reason error) {
			s.refuse(w, &HandshakeError{reason})
		},
	}
	s.loops.Go(p.run)
	s.loops.Go(s.housekeep)
	if o.PingEvery > 0 {
		s.loops.Go(func() { s.ping(o.PingEvery) })
	}
	return s, nil
}

// SetLimits replaces the limits. Connections that are open stay, also where
// there are more of them than there may be now.
func (s *Server) SetLimits(l Limits) { s.limits.Store(&l) }

// Count is the number of connections that are open.
func (s *Server) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Terms are what one connection has in a way of its own.
type Terms struct {
	MaxMessageBytes int    // in place of the limit for all; 0: that one
	Unpinged        bool   // its dialect has a heartbeat of its own
	Prompt          bool   // a ping that is not answered before the next ends it; others have a while longer
	TooSlow         int    // what closes it when too much waits; 0: [CloseTooSlow]
	Subprotocol     string // of those that were offered, the one that was taken; "": none
}

// Upgrade answers a handshake; where there is an error, it was refused. The
// connection takes what is sent, but reads and writes nothing until Start.
func (s *Server) Upgrade(w http.ResponseWriter, r *http.Request, remote netip.Addr, h Handler) (*Conn, error) {
	return s.UpgradeOn(w, r, remote, h, Terms{})
}

// UpgradeOn is Upgrade on terms of the connection's own.
func (s *Server) UpgradeOn(w http.ResponseWriter, r *http.Request, remote netip.Addr, h Handler, terms Terms) (*Conn, error) {
	if err := s.Admit(remote); err != nil {
		s.refuse(w, err)
		return nil, err
	}
	c := &Conn{srv: s, handler: h, remote: remote, slot: -1, heard: true, maxMessage: int32(terms.MaxMessageBytes), unpinged: terms.Unpinged, tooSlow: CloseTooSlow}
	if c.unanswered = 2; terms.Prompt {
		c.unanswered = 0
	}
	if terms.TooSlow != 0 {
		c.tooSlow = int16(terms.TooSlow)
	}
	header := http.Header{}
	if terms.Subprotocol != "" {
		header.Set("Sec-Websocket-Protocol", terms.Subprotocol)
	}
	if cookies := w.Header().Values("Set-Cookie"); len(cookies) > 0 { // of the answer, which this is
		header["Set-Cookie"] = cookies
	}
	ws, err := s.upgrader.Upgrade(&hijacker{ResponseWriter: w, c: c}, r, header)
	if err != nil {
		if c.sock != nil {
			c.sock.close()
		}
		s.Release(remote)
		return nil, err
	}
	c.ws = ws
	return c, nil
}

// Start lets the connection read and write.
func (c *Conn) Start() {
	c.mu.Lock()
	if c.state == closed {
		c.mu.Unlock()
		return
	}
	c.srv.wheel.add(c)
	if c.state == opening {
		c.state = open
	}
	if len(c.queue) > 0 && c.state < lingering {
		c.flush()
	}
	readNow := c.sock.blocks() || len(c.rest) > 0
	err := c.sock.ready(c)
	c.mu.Unlock()
	if err != nil {
		c.kill(CauseServer)
		return
	}
	c.srv.mu.Lock()
	stopping := c.srv.stopping
	c.srv.mu.Unlock()
	if stopping {
		c.Close(CloseGoingAway, "server is going down")
	}
	if readNow {
		c.onReady(true, false)
	}
}

// Admit counts a connection in, or says why it would be one too many. Upgrade
// does so itself; others that hold a connection open count theirs with it, and
// count it out with Release.
func (s *Server) Admit(a netip.Addr) error {
	l := s.limits.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return ErrStopping
	case l.MaxConnections > 0 && s.count >= l.MaxConnections:
		return ErrTooMany
	case l.MaxConnectionsPerAddr > 0 && s.perAddr[a] >= l.MaxConnectionsPerAddr:
		return ErrTooManyFromAddress
	}
	s.count++
	s.perAddr[a]++
	return nil
}

// Release counts out what Admit has counted in.
func (s *Server) Release(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count--
	if s.perAddr[a]--; s.perAddr[a] == 0 {
		delete(s.perAddr, a)
	}
}

// forget counts a connection out. It is called once, when its socket is given up.
func (s *Server) forget(c *Conn) {
	s.wheel.remove(c)
	s.Release(c.remote)
}

// Each calls f for every connection that was started.
func (s *Server) Each(f func(*Conn)) {
	for _, c := range s.wheel.all() {
		f(c)
	}
}

// Drain refuses new connections and tells those there are to go, evenly over
// the time given, so that they do not all return at once. It returns when all
// are gone or ctx ends, with how many are left: clients that do not answer, which
// Close ends.
func (s *Server) Drain(ctx context.Context, over time.Duration) (left int) {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	conns := s.wheel.all()
	begin := time.Now()
	for i, c := range conns {
		if err := sleep(ctx, time.Until(begin.Add(over*time.Duration(i)/time.Duration(len(conns))))); err != nil {
			break
		}
		c.Close(CloseGoingAway, "server is going down")
	}
	for ctx.Err() == nil && s.Count() > 0 {
		_ = sleep(ctx, 10*time.Millisecond)
	}
	return s.Count()
}

// Close ends every connection and waits for what they were doing. It is called
// once.
func (s *Server) Close() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
	s.Each(func(c *Conn) { c.kill(CauseServer) })
	close(s.stop)
	s.poller.close()
	s.loops.Wait()
	s.tasks.Wait()
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hijacker gives gorilla the connection in our hands.
type hijacker struct {
	http.ResponseWriter
	c *Conn
}

// Hijack takes the connection from the HTTP server. Frames that a client sent
// right behind its handshake are kept for the reader.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Peek(n)
		h.c.rest = append([]byte(nil), early...)
	}
	h.c.sock = h.c.srv.poller.adopt(conn)
	h.c.direct = !h.c.sock.blocks()
	w := (*wire)(h.c)
	return w, bufio.NewReadWriter(bufio.NewReaderSize(w, 16), rw.Writer), nil
}
