package embedded

import (
	"sync"

	"gatehouse/store"
)

// The bounds of the changes kept in memory, from which live feeds are served.
const (
	tailChanges = 4096
	tailBytes   = 8 << 20
)

// tail is the end of the log in memory, shared by all feeds. What it holds is
// durable.
type tail struct {
	done chan struct{} // closed with the store

	mu     sync.Mutex
	ring   []store.Change // number seq is at seq % tailChanges
	first  uint64         // the ring holds first to head
	head   uint64
	oldest uint64 // the first change in the file's log, or head+1
	bytes  int
	wake   chan struct{} // closed by the next publish; nil while nobody waits
	closed bool
}

func newTail(head, oldest uint64) *tail {
	return &tail{
		done: make(chan struct{}), ring: make([]store.Change, tailChanges),
		first: head + 1, head: head, oldest: oldest,
	}
}

// publish shows changes, the last of which is head, and wakes those who wait.
func (t *tail) publish(changes []store.Change, head, oldest uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.head+uint64(len(changes)) != head { // there are more, in the file alone
		for t.first <= t.head {
			t.evict()
		}
		t.head, t.first = head, head+1
		changes = nil
	}
	for i := range changes {
		if t.head+1-t.first == tailChanges {
			t.evict()
		}
		t.head++
		t.ring[t.head%tailChanges] = changes[i]
		t.bytes += weight(&changes[i])
		for t.bytes > tailBytes {
			t.evict()
		}
	}
	t.oldest = oldest
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

func (t *tail) evict() {
	c := &t.ring[t.first%tailChanges]
	t.bytes -= weight(c)
	*c = store.Change{}
	t.first++
}

func weight(c *store.Change) int { return 256 + len(c.Before) + len(c.After) + 32*len(c.Fields) }

// close ends all feeds.
func (t *tail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		close(t.done)
	}
}

// reach is what can be shown: the log's oldest change and the head.
func (t *tail) reach() (oldest, head uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.oldest, t.head
}

// look is what a feed finds behind its cursor.
type look struct {
	change store.Change
	cursor uint64 // where the feed now stands
	found  bool
	before uint64          // not 0: the changes up to here, without it, are in the file alone
	wake   <-chan struct{} // neither: closed when there is more
}

// after looks for the next change to one of the collections.
func (t *tail) after(cursor uint64, collections map[string]string) look {
	t.mu.Lock()
	defer t.mu.Unlock()
	if cursor+1 < t.first {
		return look{cursor: cursor, before: t.first}
	}
	for cursor < t.head {
		cursor++
		c := &t.ring[cursor%tailChanges]
		if _, ok := collections[c.Collection]; ok {
			return look{change: *c, cursor: cursor, found: true}
		}
	}
	if t.wake == nil {
		t.wake = make(chan struct{})
	}
	return look{cursor: cursor, wake: t.wake}
}
