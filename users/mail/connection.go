package mail

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// farewell is how long the server may take to say good-bye.
const farewell = 2 * time.Second

// dialer opens the connection of one mail and closes it, at the latest when the
// mail's context ends. Go-mail heeds a context in the first step only, and leaves
// the connection open where a later one fails.
type dialer struct {
	ctx    context.Context // of the whole mail; that of dial ends with the login
	server string          // host and port; go-mail forgets the brackets of IPv6
	tls    *tls.Config     // nil: no encryption from the first byte

	conn net.Conn
	stop func() bool
}

func (d *dialer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, d.server)
	if err != nil {
		return nil, err
	}
	d.conn = conn
	d.stop = context.AfterFunc(d.ctx, func() { conn.Close() })
	if d.tls == nil {
		return conn, nil
	}
	encrypted := tls.Client(conn, d.tls)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return encrypted, nil
}

// close ends the connection, if there is one.
func (d *dialer) close() {
	if d.conn != nil {
		d.stop()
		d.conn.Close()
	}
}
