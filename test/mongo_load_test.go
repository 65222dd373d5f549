package test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// orderInserted announces what the programs of a load write.
var orderInserted = map[string]any{
	"number": 1000, "name": "order-placed", "collection": "orders", "operation": "insert",
	"properties": map[string]string{"writer": "writer", "n": "n"},
}

// numbered is the part of an event by which a load knows it again.
type numbered struct {
	Writer int `json:"writer" bson:"writer"`
	N      int `json:"n" bson:"n"`
}

// load is what goes on in a deployment while a test breaks it: another program that inserts orders, and sockets
// that send echoes. Each numbers what it writes, and knows in the end what must have come of it.
type load struct {
	t        *testing.T
	program  *program
	servers  []*server
	stopping chan struct{}
	working  sync.WaitGroup
	stopOnce sync.Once

	placed int // orders that were committed
	echoes []*echoWriter
	marks  int
}

// begin starts a load: a program on the deployment, and a socket for each server.
func begin(t *testing.T, program *program, servers ...*server) *load {
	t.Helper()
	l := &load{t: t, program: program, servers: servers, stopping: make(chan struct{})}
	for _, srv := range servers {
		l.join(srv)
	}
	l.working.Go(func() { l.every(l.placeOrder) })
	return l
}

// join adds a socket that sends echoes.
func (l *load) join(srv *server) {
	l.t.Helper()
	e := &echoWriter{t: l.t, c: connect(l.t, srv.ws+"/?events=10"), writer: len(l.echoes) + 1}
	l.echoes = append(l.echoes, e)
	l.t.Cleanup(l.stop) // before the socket is closed
	l.working.Go(func() { l.every(e.sendSome) })
}

// stop ends the load, when each writer knows what came of its last write.
func (l *load) stop() {
	l.stopOnce.Do(func() { close(l.stopping) })
	l.working.Wait()
}

// pace is how often a writer of a load writes: often enough that something is always on its way, and not so often
// that the machine has nothing left for the other tests.
const pace = 25 * time.Millisecond

// every calls f in the pace of a load until the load is to stop, or f fails.
func (l *load) every(f func() bool) {
	again := time.NewTicker(pace)
	defer again.Stop()
	for f() {
		select {
		case <-again.C:
		case <-l.stopping:
			return
		}
	}
}

// placeOrder inserts the next order, until it is there.
func (l *load) placeOrder() bool {
	if err := l.program.insertUntilThere("orders", fmt.Sprint("order ", l.placed), numbered{0, l.placed}); err != nil {
		l.t.Errorf("order %d could not be placed: %v", l.placed, err)
		return false
	}
	l.placed++
	return true
}

// mark has the program write what no writer of a load writes, and returns what is true of its event alone.
func (l *load) mark() func(frame) bool {
	l.t.Helper()
	l.marks++
	want := numbered{-1, l.marks}
	if err := l.program.insertUntilThere("orders", fmt.Sprint("mark ", l.marks), want); err != nil {
		l.t.Fatal(err)
	}
	return func(f frame) bool { return f.EventType == 1000 && numberOf(l.t, f) == want }
}

// insertUntilThere inserts a document as a careful program does: again after every error, since what is in doubt
// may not be there, until the server says that it is, or that it was.
func (p *program) insertUntilThere(collection, id string, content numbered) error {
	deadline := time.After(2 * patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	document := bson.D{{Key: "_id", Value: id}, {Key: "writer", Value: content.Writer}, {Key: "n", Value: content.N}}
	for {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.t.Context()), 2*time.Second)
		_, err := p.db.Collection(collection).InsertOne(ctx, document)
		cancel()
		if err == nil || mongo.IsDuplicateKeyError(err) {
			return nil
		}
		select {
		case <-again.C:
		case <-deadline:
			return err
		}
	}
}

// numberOf reads what a load has written from its event.
func numberOf(t *testing.T, f frame) (n numbered) {
	t.Helper()
	body := []byte(f.raw)
	if f.EventType == 10 {
		body = f.Message
	}
	if err := json.Unmarshal(body, &n); err != nil {
		t.Fatalf("not what was written: %s", f.raw)
	}
	return n
}

// check counts what a socket has heard: every order once, in order; every echo that was answered once, in order;
// none that was refused; and of those in doubt none twice.
func (l *load) check(heard []frame) {
	l.t.Helper()
	l.stop()
	order, last := 0, make([]int, len(l.echoes)+1)
	times := make([]map[int]int, len(l.echoes)+1)
	for i := range times {
		last[i], times[i] = -1, map[int]int{}
	}
	for _, f := range heard {
		switch n := numberOf(l.t, f); {
		case n.Writer == -1: // a mark
		case f.EventType == 1000 && n.N != order:
			l.t.Fatalf("want order %d, got %s", order, f.raw)
		case f.EventType == 1000:
			order++
		default:
			outcome := l.echoes[n.Writer-1].outcomes[n.N]
			if outcome == echoRefused {
				l.t.Errorf("an echo comes though its sender was told that it does not: %s", f.raw)
			}
			if outcome == echoTaken && n.N <= last[n.Writer] {
				l.t.Errorf("an echo comes out of order, or twice: %s", f.raw)
			}
			if times[n.Writer][n.N]++; times[n.Writer][n.N] > 1 {
				l.t.Errorf("an echo comes twice: %s", f.raw)
			}
			if outcome == echoTaken {
				last[n.Writer] = n.N
			}
		}
	}
	if order != l.placed {
		l.t.Errorf("%d orders were placed, %d announced", l.placed, order)
	}
	for _, e := range l.echoes {
		for n, outcome := range e.outcomes {
			if outcome == echoTaken && times[e.writer][n] != 1 {
				l.t.Errorf("echo %d of writer %d was answered, and announced %d times", n, e.writer, times[e.writer][n])
			}
		}
	}
}

// count is how many echoes had one of these outcomes, of all writers.
func (l *load) count(which ...outcome) (n int) {
	for _, e := range l.echoes {
		n += e.count(which...)
	}
	return n
}

// goesOn waits until echoes that were sent from now on have come through the feed.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	// Of those on their way now there are fewer, and each writer waits for them before it sends more.
	enough := l.count(echoTaken) + 3*echoesTogether*len(l.echoes)
	eventually(t, "echoes to be taken", func() bool { return l.count(echoTaken) >= enough })
}

// slowest is the longest time after which a sender was told STORE_UNAVAILABLE.
func (l *load) slowest() (most time.Duration) {
	for _, e := range l.echoes {
		e.mu.Lock()
		most = max(most, e.slowest)
		e.mu.Unlock()
	}
	return most
}

// ascend has what a socket has heard of the orders come in order, without demanding that it is all.
func (l *load) ascend(heard []frame) {
	l.t.Helper()
	last := -1
	for _, f := range heard {
		n := numberOf(l.t, f)
		if f.EventType == 1000 && n.Writer == 0 {
			if n.N <= last {
				l.t.Fatalf("order %d comes behind order %d: %s", n.N, last, f.raw)
			}
			last = n.N
		}
	}
}
