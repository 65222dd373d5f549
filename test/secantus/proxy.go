package secantus

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// chunkSize is how much a proxy reads at once.
const chunkSize = 32 << 10

// conduct is what a proxy does with the bytes.
type conduct struct {
	cut          bool
	holdRequests bool
	holdReplies  bool
	delay        time.Duration
	changed      chan struct{} // closed when the proxy does something else
}

func (c conduct) holdsRequests() bool { return c.holdRequests }
func (c conduct) holdsReplies() bool  { return c.holdReplies }

// Proxy stands between a driver and a server, and fails as a network does. It starts out passing everything on.
// Its methods may be called by any goroutine; everything that it runs ends with the test.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	now     conduct
	ended   bool
	tunnels map[*tunnel]struct{}
}

// tunnel is one connection of a client, and that to the server once it is made. The lock of the proxy guards it.
type tunnel struct {
	closed context.Context
	cancel context.CancelFunc
	client net.Conn
	server net.Conn
}

// close may be called more than once.
func (t *tunnel) close() {
	t.cancel()
	t.client.Close()
	if t.server != nil {
		t.server.Close()
	}
}

// NewProxy starts a proxy to target, host:port, on a free port of 127.0.0.1.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{
		target:   target,
		listener: listener,
		now:      conduct{changed: make(chan struct{})},
		tunnels:  map[*tunnel]struct{}{},
	}
	p.running.Go(p.accept)
	t.Cleanup(p.end)
	return p
}

// Addr is the host:port where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URI names the server behind the proxy, with more options, each name=value. It holds directConnection=true:
// otherwise the driver would learn the server's own address from its hello, and go there. Change streams,
// transactions and retryable writes work so. One thing does not: the driver no longer waits for a primary, so a
// server that has stepped down is sent every write, and answers 10107 each time.
func (p *Proxy) URI(more ...string) string {
	return uri(nil, p.Addr(), append([]string{"directConnection=true"}, more...))
}

// Cut closes all connections, and every new one at once, until Mend. For a driver that is a server that was ended
// and does not come back; it may wait 30 seconds, its serverSelectionTimeoutMS, for one that does.
func (p *Proxy) Cut() { p.set(conduct{cut: true}) }

// Stall passes nothing on, of connections that are there and of new ones, until Mend. What was on its way arrives
// then, though the driver may have given up on it, as with a network. Only the context of a call ends it earlier.
func (p *Proxy) Stall() { p.set(conduct{holdRequests: true, holdReplies: true}) }

// StallReplies passes on what the driver says and nothing of what the server answers, until Mend: with Cut after it,
// the server has done what it was told, and the driver cannot know.
func (p *Proxy) StallReplies() { p.set(conduct{holdReplies: true}) }

// Slow holds each chunk that is passed on for so long, in both directions.
func (p *Proxy) Slow(delay time.Duration) { p.set(conduct{delay: delay}) }

// Mend passes everything on again.
func (p *Proxy) Mend() { p.set(conduct{}) }

func (p *Proxy) set(c conduct) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.changed = make(chan struct{})
	close(p.now.changed)
	p.now = c
	if c.cut {
		p.closeAll()
	}
}

func (p *Proxy) conduct() conduct {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// closeAll expects that the lock is held.
func (p *Proxy) closeAll() {
	for t := range p.tunnels {
		t.close()
	}
}

func (p *Proxy) end() {
	p.listener.Close()
	p.mu.Lock()
	p.ended = true
	p.closeAll()
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve passes bytes between a client and the server until one of them, Cut or the end of the test closes.
func (p *Proxy) serve(client net.Conn) {
	t := p.open(client)
	if t == nil {
		client.Close()
		return
	}
	defer p.remove(t)
	// A stalled network does not even tell whether a server is there.
	if !p.wait(t, conduct.holdsRequests) || !p.dial(t) {
		return
	}
	var replies sync.WaitGroup
	replies.Go(func() { p.pass(t, t.client, t.server, conduct.holdsReplies) })
	p.pass(t, t.server, t.client, conduct.holdsRequests)
	replies.Wait()
}

func (p *Proxy) open(client net.Conn) *tunnel {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.now.cut {
		return nil
	}
	t := &tunnel{client: client}
	t.closed, t.cancel = context.WithCancel(context.Background())
	p.tunnels[t] = struct{}{}
	return t
}

func (p *Proxy) remove(t *tunnel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.close()
	delete(p.tunnels, t)
}

func (p *Proxy) dial(t *tunnel) bool {
	var dialer net.Dialer
	server, err := dialer.DialContext(t.closed, "tcp", p.target)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.closed.Err() != nil {
		server.Close()
		return false
	}
	t.server = server
	return true
}

// pass passes on what comes in one direction, its end included.
func (p *Proxy) pass(t *tunnel, to io.Writer, from io.Reader, held func(conduct) bool) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		t.close()
	}()
	chunk := make([]byte, chunkSize)
	for {
		n, end := from.Read(chunk)
		if !p.wait(t, held) {
			return
		}
		if _, err := to.Write(chunk[:n]); err != nil || end != nil {
			return
		}
	}
}

// wait holds a chunk for as long as the proxy holds any, and then for the delay; it tells whether to pass it on.
func (p *Proxy) wait(t *tunnel, held func(conduct) bool) bool {
	for {
		c := p.conduct()
		var late <-chan time.Time
		if !held(c) {
			if c.delay == 0 {
				return true
			}
			late = time.After(c.delay)
		}
		select {
		case <-late:
			return true
		case <-c.changed:
		case <-t.closed.Done():
			return false
		}
	}
}
