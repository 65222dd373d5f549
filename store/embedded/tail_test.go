package embedded

import (
	"testing"

	"gatehouse/store"
)

func TestTailIsBounded(t *testing.T) {
	tail := newTail(0, 1)
	publish := func(n, size int) {
		t.Helper()
		changes := make([]store.Change, n)
		for i := range changes {
			changes[i] = store.Change{Collection: "c", After: make([]byte, size)}
		}
		tail.publish(changes, tail.head+uint64(n), 1)
		held, bytes := 0, 0
		for i := range tail.ring {
			if c := &tail.ring[i]; c.Collection != "" {
				held++
				bytes += weight(c)
			}
		}
		if held != int(tail.head+1-tail.first) || held > tailChanges || bytes != tail.bytes || bytes > tailBytes {
			t.Fatalf("after %d of %d bytes the ring holds %d, of %d bytes; it says %d to %d, of %d", n, size, held, bytes, tail.first, tail.head, tail.bytes)
		}
	}
	for range 3 {
		publish(10_000, 10)
		publish(20, 1<<20)
		publish(1, 20<<20) // larger than all that it may hold
		publish(1, 1)
	}

	// A gap: some of them are in the file alone.
	tail.publish(make([]store.Change, 1), tail.head+5, 1)
	if tail.first != tail.head+1 || tail.bytes != 0 {
		t.Errorf("it holds %d to %d, of %d bytes", tail.first, tail.head, tail.bytes)
	}
	if at := tail.after(tail.head-1, map[string]string{"": ""}); at.before != tail.head+1 {
		t.Errorf("a feed is not sent to the file: %+v", at)
	}
}
