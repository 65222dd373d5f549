package wsconn

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// errAgain: the socket has nothing to read, or no room to write, now.
var errAgain = errors.New("not ready")

// socket is the bytes of a connection, in one of two kinds: one that never
// blocks and tells when it is ready, and one that blocks its goroutine.
type socket interface {
	// blocks reports the kind.
	blocks() bool

	// read and write are as of net.Conn, but for errAgain of the kind that
	// does not block; a write may be short with it. The deadline is for the
	// other kind; zero is none.
	read(p []byte, deadline time.Time) (int, error)
	write(p []byte) (int, error)

	// ready makes readiness known to c from now on.
	ready(c *Conn) error

	// closeWrite ends what the client hears; it is not the end of reading.
	closeWrite() error

	// interrupt makes reads and writes fail, now and from now on, without
	// giving the descriptor back.
	interrupt()

	close()
}

// stream is the socket that blocks: TLS, and systems without epoll.
type stream struct {
	conn     net.Conn
	deadline time.Time
}

func (s *stream) blocks() bool { return true }

func (s *stream) ready(*Conn) error { return nil }

func (s *stream) read(p []byte, deadline time.Time) (int, error) {
	if !deadline.Equal(s.deadline) {
		s.deadline = deadline
		if err := s.conn.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
	}
	return s.conn.Read(p)
}

// write has no deadline of its own: the server watches the connection's, and
// interrupts.
func (s *stream) write(p []byte) (int, error) { return s.conn.Write(p) }

func (s *stream) closeWrite() error {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return s.conn.Close()
}

// interrupt closes: a net.Conn may be closed under its reader. Under TLS it
// closes what is below, because TLS would say goodbye first, and wait for that.
func (s *stream) interrupt() { s.close() }

func (s *stream) close() {
	if t, ok := s.conn.(*tls.Conn); ok {
		_ = t.NetConn().Close()
		return
	}
	_ = s.conn.Close()
}
