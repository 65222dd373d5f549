package wsconn

import (
	"encoding/binary"
	"net"
	"time"
)

// wire is the connection as gorilla sees it: reads end where a frame ends, and
// what gorilla writes after the handshake, which can only be a close frame, goes
// through the one writer.
type wire Conn

// Read gives the bytes of the data frame at hand. Between the frames of one
// message control frames are answered first.
func (w *wire) Read(p []byte) (int, error) {
	in := w.in
	if in.left == 0 {
		if _, err := in.boundary(true); err != nil {
			return 0, err
		}
	}
	if int64(len(p)) > in.left {
		p = p[:in.left]
	}
	n := 0
	if in.r == in.w && len(p) >= len(in.buf) {
		var err error
		if n, err = in.read(p, true); err != nil {
			return 0, err
		}
	} else {
		for in.r == in.w {
			if _, err := in.fill(true); err != nil {
				return 0, err
			}
		}
		n = copy(p, in.buf[in.r:in.w])
		in.r += n
	}
	in.left -= int64(n)
	return n, nil
}

// Write sends the handshake's answer, and later gorilla's verdict on a broken
// frame.
func (w *wire) Write(p []byte) (int, error) {
	c := (*Conn)(w)
	if c.ws == nil {
		return c.sock.write(p)
	}
	if h, ok := parseHeader(p); ok && h.opcode() == opClose && len(p) >= h.size+2 {
		c.end(int(binary.BigEndian.Uint16(p[h.size:])), string(p[h.size+2:]), CauseProtocol)
	}
	return len(p), nil
}

// The rest of net.Conn: gorilla clears deadlines after the handshake and asks
// for nothing else.

func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return nil }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
