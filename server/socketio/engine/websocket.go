package engine

import (
	"net/http"
	"time"

	"gatehouse/server/wsconn"
)

// link is a session as the handler of a WebSocket.
type link Session

var _ wsconn.Handler = (*link)(nil)

// probe is a WebSocket that is about to take over from polls.
type probe struct {
	conn   *wsconn.Conn
	timer  *time.Timer // it has only so long
	moving bool        // the client has said that it moves: it does not poll again
}

// webSocket opens one: for a session that polls, which it is to take over from,
// or for a new session.
func (s *Server) webSocket(w http.ResponseWriter, r *http.Request, session *Session) {
	terms := wsconn.Terms{MaxMessageBytes: s.o.MaxPayload, Unpinged: true}
	fresh := session == nil
	if fresh {
		session = newSession(s, s.o.Remote(r))
	} else if !session.probable() {
		refuse(w, errRequest)
		return
	}
	conn, err := s.o.Sockets.UpgradeOn(w, r, session.remote, (*link)(session), terms)
	if err != nil {
		return // it has been answered
	}
	if !fresh {
		probed := session.probedBy(conn)
		conn.Start()
		if !probed {
			conn.Close(wsconn.CloseProtocolError, "another WebSocket is there")
		}
		return
	}
	session.conn = conn
	conn.Send(wsconn.NewBatch(wsconn.TextFrame(session.hello()), ""))
	if !s.open(session, r) {
		conn.Start()
		conn.Close(wsconn.CloseGoingAway, "server is going down")
		return
	}
	session.start()
	conn.Start()
}

// probable reports whether a WebSocket could take over.
func (s *Session) probable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && s.conn == nil && s.probe == nil
}

// probedBy has this WebSocket be the one that may take over.
func (s *Session) probedBy(c *wsconn.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.conn != nil || s.probe != nil {
		return false
	}
	p := &probe{conn: c}
	p.timer = time.AfterFunc(s.server.o.Upgrade, func() {
		s.mu.Lock()
		late := s.probe == p && !p.moving
		s.mu.Unlock()
		if late {
			c.Close(wsconn.ClosePolicy, "it did not take over")
		}
	})
	s.probe = p
	return true
}

// probing is the probe of this WebSocket, if it is one. The caller holds mu.
func (s *Session) probing(c *wsconn.Conn) *probe {
	if s.probe != nil && s.probe.conn == c {
		return s.probe
	}
	return nil
}

// Message handles a frame.
func (l *link) Message(c *wsconn.Conn, payload []byte, binary bool) {
	s := (*Session)(l)
	s.mu.Lock()
	mine, probe, closed := s.conn == c, s.probing(c), s.closed
	s.mu.Unlock()
	switch {
	case closed:
	case mine && binary:
		s.receive(packet{kind: packetMessage, data: payload, binary: true})
	case mine:
		p, err := readPacket(payload)
		if err != nil || p.binary {
			s.end(ReasonError, wsconn.CloseProtocolError, errPacket.Error())
			return
		}
		s.receive(p)
	case probe == nil:
	case !binary && string(payload) == "2probe":
		c.Send(wsconn.NewBatch(wsconn.TextFrame([]byte("3probe")), ""))
		s.release()
	case !binary && string(payload) == "5":
		s.upgrade(probe)
	default:
		c.Close(wsconn.CloseProtocolError, "a probe was expected")
	}
}

// upgrade makes the WebSocket the transport. What waits goes over it first. From
// here on the session ends with it, whatever happens.
func (s *Session) upgrade(p *probe) {
	s.release()
	p.timer.Stop()
	for {
		s.mu.Lock()
		if s.closed || s.probe != p {
			s.mu.Unlock()
			return
		}
		p.moving = true
		if len(s.queue) == 0 {
			s.conn, s.probe = p.conn, nil
			counted := s.admitted
			s.admitted = false
			s.mu.Unlock()
			if counted { // it is counted as a WebSocket now
				s.server.o.Sockets.Release(s.remote)
			}
			s.release() // a poll that came meanwhile
			return
		}
		queue := s.queue
		s.queue, s.queued = nil, 0
		s.mu.Unlock()
		p.conn.Send(joined(queue))
	}
}

// Drained has nothing to do: each message was handled by itself.
func (l *link) Drained(*wsconn.Conn) {}

// Closed ends the session with its WebSocket. One that only probed leaves it to
// its polls.
func (l *link) Closed(c *wsconn.Conn, cause wsconn.Cause) {
	s := (*Session)(l)
	s.mu.Lock()
	mine := s.conn == c
	if p := s.probing(c); p != nil && !s.closed {
		p.timer.Stop()
		if mine = p.moving; !mine {
			s.probe = nil
		}
	}
	s.mu.Unlock()
	if !mine {
		return
	}
	reason := ReasonClient
	switch cause {
	case wsconn.CauseSlow:
		reason = ReasonSlow
	case wsconn.CauseServer:
		reason = ReasonServer
	case wsconn.CauseProtocol:
		reason = ReasonError
	}
	s.end(reason, wsconn.CloseProtocolError, "")
}
