package test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw is a socket whose frames are written by hand, for what no well-behaved client sends.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
}

// Opcodes of RFC 6455, section 5.2.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

// dialRaw opens a socket from the origin trusted-host.
func dialRaw(t *testing.T, srv *server, query string) *raw {
	t.Helper()
	r, err := openRaw(srv, query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

func openRaw(srv *server, query string) (*raw, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(srv.url, "http://"))
	if err != nil {
		return nil, err
	}
	r := &raw{conn: conn, in: bufio.NewReader(conn)}
	if err := r.upgrade(query); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *raw) upgrade(query string) error {
	if err := r.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	request := "GET /" + query + " HTTP/1.1\r\nHost: localhost\r\nOrigin: trusted-host\r\n" +
		"Connection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := io.WriteString(r.conn, request); err != nil {
		return err
	}
	response, err := http.ReadResponse(r.in, nil) //nolint:bodyclose // what follows its head are frames
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(response.Status)
	}
	// The accept key that RFC 6455, section 1.3, computes for this very request.
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		return errors.New("wrong Sec-WebSocket-Accept: " + got)
	}
	return r.conn.SetDeadline(time.Time{})
}

func (r *raw) close() { _ = r.conn.Close() } // the test is done with it

// write sends bytes as they are; an error is the server's closing, which the test sees when it reads.
func (r *raw) write(p []byte) {
	_ = r.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _ = r.conn.Write(p)
}

// frameOf is one whole, masked frame.
func frameOf(opcode byte, payload []byte) []byte {
	f := append(headerOf(opcode, len(payload)), 1, 2, 3, 4) // the mask
	for i, b := range payload {
		f = append(f, b^byte(i%4+1))
	}
	return f
}

// headerOf is the header of a final, masked frame, up to the mask.
func headerOf(opcode byte, size int) []byte {
	head := []byte{0x80 | opcode}
	switch {
	case size < 126:
		return append(head, 0x80|byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(head, 0x80|126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(head, 0x80|127), uint64(size))
	}
}

// read waits for the next frame of the server, which must be whole and unmasked, as RFC 6455 wants it.
func (r *raw) read() (opcode byte, payload []byte, err error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, nil, err
	}
	var head [2]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xF0 != 0x80 || head[1]&0x80 != 0 {
		return 0, nil, errors.New("a frame of the server that is not final, uses reserved bits, or is masked")
	}
	size := uint64(head[1])
	switch size {
	case 126:
		var long [2]byte
		if _, err := io.ReadFull(r.in, long[:]); err != nil {
			return 0, nil, err
		}
		size = uint64(binary.BigEndian.Uint16(long[:]))
	case 127:
		var long [8]byte
		if _, err := io.ReadFull(r.in, long[:]); err != nil {
			return 0, nil, err
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(r.in, payload)
	return head[0] & 0xF, payload, err
}

// closed reads until the server's close frame, and returns what it says and the text frames before it.
func (r *raw) closed(t *testing.T) (code int, reason string, before []frame) {
	t.Helper()
	for {
		opcode, payload, err := r.read()
		switch {
		case err != nil:
			t.Fatalf("want a close frame: %v", err)
		case opcode == opText:
			before = append(before, decodeFrame(t, string(payload)))
		case opcode == opClose && len(payload) >= 2:
			return int(binary.BigEndian.Uint16(payload)), string(payload[2:]), before
		case opcode == opClose:
			t.Fatal("a close frame without a code")
		}
	}
}

// next reads the next text frame.
func (r *raw) next(t *testing.T) frame {
	t.Helper()
	return decodeFrame(t, string(r.text(t)))
}

// text reads until the payload of the next text frame.
func (r *raw) text(t *testing.T) []byte {
	t.Helper()
	for {
		opcode, payload, err := r.read()
		if err != nil {
			t.Fatalf("want a text frame: %v", err)
		}
		if opcode == opText {
			return payload
		}
	}
}
