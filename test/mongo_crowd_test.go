package test

import (
	"bytes"
	"hash/fnv"
	"sync"
	"testing"
)

// A thousand sockets that return at once after a restart, when the node's memory holds nothing of what they missed,
// get it all the same, once and in order, while a writer goes on.
func TestMongoCrowdReturns(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	srv := d.node(t, settings{"events.rules": []any{orderInserted}})
	p := d.program(t)
	before := witnessOf(t, srv, "")
	l := begin(t, p)
	before.more(120)
	srv.stop(t)
	srv.launch(t)

	const sockets, places = 1000, 4
	var reading, connecting sync.WaitGroup
	got := make([]digest, sockets)
	for s := range sockets {
		connecting.Add(1)
		reading.Go(func() {
			since := before.heard[30*(s%places)].ID
			r, err := openRaw(srv, "?since="+since)
			connecting.Done()
			if err != nil {
				t.Errorf("socket %d: %v", s, err)
				return
			}
			defer r.close()
			got[s] = r.digest(t)
		})
	}
	connecting.Wait()
	l.stop()
	end := l.mark()
	reading.Wait()

	var all []*witness
	for place := range places {
		w := witnessOf(t, srv, "?since="+before.heard[30*place].ID)
		w.until(end)
		all = append(all, w)
		var want digest
		for _, f := range w.heard {
			want = want.and([]byte(f.raw))
		}
		for s := place; s < sockets; s += places {
			if got[s] != want {
				t.Errorf("socket %d got %d events, not the %d that another one gets", s, got[s].events, want.events)
			}
		}
	}
	// And what that other one gets is what happened.
	l.check(append([]frame{before.heard[0]}, all[0].heard...))
	t.Logf("%d sockets, %d events for the first of them", sockets, got[0].events)
}

// digest stands for all that a socket has heard.
type digest struct {
	events int
	sum    uint64
}

func (d digest) and(event []byte) digest {
	h := fnv.New64a()
	_, _ = h.Write(event) // it never fails
	return digest{d.events + 1, d.sum*31 + h.Sum64()}
}

// digest reads up to and with a mark.
func (r *raw) digest(t *testing.T) (d digest) {
	for {
		opcode, payload, err := r.read()
		switch {
		case err != nil:
			t.Errorf("after %d events: %v", d.events, err)
			return d
		case opcode != opText:
			continue
		}
		d = d.and(payload)
		if bytes.Contains(payload, []byte(`"writer":-1`)) {
			return d
		}
	}
}
