package secantus

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// answerWithin is for how long a client of a test waits for an answer. Once in some hundred thousand operations SecantusDB
// owes one for ever; the driver then does the operation once more, on another connection, as after any fault of the
// network.
const answerWithin = 20 * time.Second

// impatient dials connections whose reads end after answerWithin, where the driver sets no other limit.
type impatient struct{}

// DialContext is for the driver.
func (impatient) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &limited{Conn: c}, nil
}

type limited struct {
	net.Conn
	set atomic.Bool // the driver has set a limit of its own
}

func (c *limited) SetDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

func (c *limited) SetReadDeadline(t time.Time) error {
	c.set.Store(!t.IsZero())
	return c.Conn.SetReadDeadline(t)
}

func (c *limited) Read(p []byte) (int, error) {
	if !c.set.Load() {
		if err := c.Conn.SetReadDeadline(time.Now().Add(answerWithin)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}
