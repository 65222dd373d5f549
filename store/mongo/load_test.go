package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// load is writers that insert numbered documents, as another program does, until
// they are told to stop. A write whose answer is lost is written again under the
// same _id, so that each number is there once.
type load struct {
	stop    chan struct{}
	done    sync.WaitGroup
	mu      sync.Mutex
	written []int // by writer: how many were answered
}

func startLoad(t *testing.T, uri, database string, writers int) *load {
	t.Helper()
	l := &load{stop: make(chan struct{}), written: make([]int, writers)}
	on := secantus.Connect(t, uri).Database(database).Collection("c")
	for w := range writers {
		l.done.Go(func() {
			for n := 0; ; n++ {
				doc := bson.D{{Key: "_id", Value: fmt.Sprintf("%d.%d", w, n)}, {Key: "w", Value: w}, {Key: "n", Value: n}}
				if !l.insert(t, on, doc) {
					return
				}
				l.mu.Lock()
				l.written[w]++
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

// insert reports whether the document is there; false once the load is to stop.
func (l *load) insert(t *testing.T, on *mongo.Collection, doc bson.D) bool {
	for {
		select {
		case <-l.stop:
			return false
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		_, err := on.InsertOne(ctx, doc)
		cancel()
		if err == nil || mongo.IsDuplicateKeyError(err) {
			return true
		}
	}
}

// end stops the writers.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// total is how many were answered so far.
func (l *load) total() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.written {
		n += w
	}
	return n
}

// until waits for so many more to be answered.
func (l *load) until(t *testing.T, more int) {
	t.Helper()
	want := l.total() + more
	eventually(t, fmt.Sprintf("%d writes", want), func() bool { return l.total() >= want })
}

// counter reads a feed and checks that each writer's numbers come in order, each
// once.
type counter struct {
	mu    sync.Mutex
	next  map[int]int
	err   error
	ended chan struct{}
}

func count(t *testing.T, feed store.Feed) *counter {
	t.Helper()
	c := &counter{next: map[int]int{}, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		for {
			change, err := feed.Next(t.Context())
			if err != nil {
				c.fail(err)
				return
			}
			if change.Op != store.OpInsert {
				continue
			}
			w, n := int(change.After.Lookup("w").AsInt64()), int(change.After.Lookup("n").AsInt64())
			c.mu.Lock()
			if c.next[w] != n && c.err == nil {
				c.err = fmt.Errorf("writer %d: number %d came, want %d", w, n, c.next[w])
			}
			c.next[w] = n + 1
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = feed.Close()
		<-c.ended
	})
	return c
}

func (c *counter) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !errors.Is(err, store.ErrClosed) && !errors.Is(err, context.Canceled) {
		c.err = err
	}
}

// has waits until all that the load has written has come, and checks that it
// came once and in order.
func (c *counter) has(t *testing.T, l *load) {
	t.Helper()
	l.end()
	eventually(t, "all changes in the feed", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err != nil {
			t.Fatal(c.err)
		}
		for w, n := range l.written {
			if c.next[w] < n {
				return false
			}
		}
		return true
	})
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline, again := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}
