package hub

import (
	"slices"
	"sync"

	"gatehouse/server/wsconn"
)

// LatestConn is a connection as [Latest] sees it.
type LatestConn interface {
	// TrySend sends a batch where nothing waits, and reports whether it did.
	TrySend(b *wsconn.Batch) bool

	// SendWhenEmpty waits until nothing does; false is the end.
	SendWhenEmpty(stop <-chan struct{}, b *wsconn.Batch) bool
}

// Latest is the queue of one connection that wants to know how things are, and
// not each step on the way there. While the client takes what it is given, it is
// given all. Once it falls behind, of each thing only the newest batch waits, in
// the place of the first that it had to wait for; a batch is never given behind a
// newer one of the same thing. The other policy is the connection's own: all
// batches wait, in order.
//
// It may be used by any goroutine. A goroutine of its own serves it only while
// something waits.
type Latest[K comparable] struct {
	conn  LatestConn
	stop  <-chan struct{}
	start func(func()) bool

	mu      sync.Mutex
	waiting map[K]*wsconn.Batch
	order   []K
	bytes   int
	serving bool
}

// NewLatest makes a queue. Start runs its goroutine, and reports whether it does:
// not when everything ends. The goroutine ends with the connection, and when stop
// is closed.
func NewLatest[K comparable](conn LatestConn, stop <-chan struct{}, start func(func()) bool) *Latest[K] {
	return &Latest[K]{conn: conn, stop: stop, start: start}
}

// Send gives the connection a batch about a thing, now or as soon as it takes it.
// It reports whether so much may wait: bytes are the bound, but for the first
// batch, which always may.
func (l *Latest[K]) Send(of K, b *wsconn.Batch, bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.serving && l.conn.TrySend(b) {
		return true
	}
	older, waits := l.waiting[of]
	more := b.Len()
	if waits {
		more -= older.Len()
	}
	if others := len(l.waiting) > 1 || len(l.waiting) == 1 && !waits; others && l.bytes+more > bytes {
		return false
	}
	if l.waiting == nil {
		l.waiting = map[K]*wsconn.Batch{}
	}
	if !waits {
		l.order = append(l.order, of)
	}
	l.waiting[of] = b
	l.bytes += more
	if !l.serving {
		l.serving = l.start(l.serve)
	}
	return true
}

// Forget drops what waits about a thing.
func (l *Latest[K]) Forget(of K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, waits := l.waiting[of]; waits {
		l.bytes -= b.Len()
		delete(l.waiting, of)
		l.order = slices.DeleteFunc(l.order, func(k K) bool { return k == of })
	}
}

// serve gives the connection what waits, at its pace.
func (l *Latest[K]) serve() {
	for b := l.next(); b != nil; b = l.next() {
		if !l.conn.SendWhenEmpty(l.stop, b) {
			return // it keeps serving: nothing is sent any more
		}
	}
}

// next takes the first batch that waits, or ends serving.
func (l *Latest[K]) next() *wsconn.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.order) == 0 {
		l.order, l.waiting, l.serving = nil, nil, false // their memory is not an idle connection's
		return nil
	}
	b := l.waiting[l.order[0]]
	delete(l.waiting, l.order[0])
	l.order = l.order[1:]
	l.bytes -= b.Len()
	return b
}
