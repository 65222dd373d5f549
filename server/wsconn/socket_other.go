//go:build !linux

package wsconn

import "net"

// poller does nothing where there is no epoll: each connection has a goroutine
// that reads.
type poller struct{}

func newPoller() (*poller, error) { return &poller{}, nil }

func (*poller) run() {}

func (*poller) close() {}

func (*poller) adopt(conn net.Conn) socket { return &stream{conn: conn} }
