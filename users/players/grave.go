package players

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// bury ends what nodes have left behind whose leases have ended. Of several who
// find one, one takes it.
func (p *Players) bury(ctx context.Context) error {
	raws, err := p.store.Find(ctx, nodes, store.Query{})
	if err != nil {
		return fmt.Errorf("looking for nodes: %w", err)
	}
	for _, raw := range raws {
		var d struct {
			ID      string    `bson:"_id"`
			Expires time.Time `bson:"expires"`
			Grave   string    `bson:"grave"` // who buries it
		}
		if bson.Unmarshal(raw, &d) != nil || d.ID == p.node.id || time.Now().Before(d.Expires) && d.Grave != p.node.id {
			continue
		}
		// The one who buries has a lease of its own on that.
		mine := bson.D{{Key: "grave", Value: p.node.id}, {Key: "expires", Value: time.Now().Add(4 * p.o.Lease)}}
		err := p.store.Apply(ctx, store.Update(nodes, d.ID, mine).IfVersion(store.VersionOf(raw)))
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue // another one does, or it lives
		}
		if err == nil {
			err = p.clear(ctx, d.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// clear removes a node and its sockets.
func (p *Players) clear(ctx context.Context, id string) error {
	const some = 100
	for {
		raws, err := p.store.Find(ctx, sockets, store.Query{Where: bson.D{{Key: "node", Value: id}}, Limit: some})
		if err != nil {
			return err
		}
		err = forEach(len(raws), func(i int) error {
			var s socket
			if err := bson.Unmarshal(raws[i], &s); err != nil {
				return err
			}
			return p.remove(ctx, s)
		})
		if err != nil {
			return err
		}
		if len(raws) < some {
			return gone(p.store.Apply(ctx, store.Delete(nodes, id)))
		}
	}
}

// gone takes it for done that something is not there.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// remove takes a socket away, and its player's presence where it was the last. The
// socket is marked first, so that whoever goes on after a crash finds it.
func (p *Players) remove(ctx context.Context, s socket) error {
	err := p.store.Apply(ctx, store.Update(sockets, s.ID, bson.D{{Key: "left", Value: moment(time.Now())}}))
	if errors.Is(err, store.ErrNotFound) {
		return nil // it was removed before
	}
	if err == nil {
		err = p.settle(ctx, s.Player)
	}
	if err == nil {
		err = gone(p.store.Apply(ctx, store.Delete(sockets, s.ID)))
	}
	return err
}

// depart removes a socket that was closed, a moment later: who comes back at once
// was never away. It is tried until the store answers, or ctx ends; then the lease
// ends, and another node does it.
func (p *Players) depart(ctx context.Context, s socket, slots chan struct{}) {
	wait := time.NewTimer(time.Until(s.Left.Add(p.o.Debounce)))
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		slots <- struct{}{}
		done := p.attempt(ctx, "it could not be written that a player has left", p.o.Lease, func(ctx context.Context) error { return p.remove(ctx, s) })
		<-slots
		if done || ctx.Err() != nil {
			return
		}
		wait.Reset(time.Second)
	}
}

// resign ends the lease of this node at once, with all that it holds.
func (p *Players) resign() {
	p.attempt(context.Background(), "the presence of this node's players ends with its lease only", 2*time.Second, func(ctx context.Context) error {
		return p.clear(ctx, p.node.id)
	})
}

// swept is the write by which somebody will remove what a channel that goes leaves
// behind: nobody can come to it, but it is there.
func swept(channel int32) store.Write {
	return store.Put(sweeps, channel, bson.D{{Key: "since", Value: time.Now()}})
}

// sweep removes what channels have left behind.
func (p *Players) sweep(ctx context.Context) error {
	raws, err := p.store.Find(ctx, sweeps, store.Query{Limit: 100})
	if err != nil {
		return err
	}
	for _, raw := range raws {
		id := raw.Lookup("_id")
		for _, collection := range []string{members, storage} {
			if err := p.empty(ctx, collection, id); err != nil {
				return err
			}
		}
		if err := gone(p.store.Apply(ctx, store.Delete(sweeps, id))); err != nil {
			return err
		}
	}
	return nil
}

// empty removes the documents of a channel.
func (p *Players) empty(ctx context.Context, collection string, channel bson.RawValue) error {
	const some = 100
	for {
		raws, err := p.store.Find(ctx, collection, store.Query{Where: bson.D{{Key: "channel", Value: channel}}, Limit: some})
		if err != nil {
			return err
		}
		err = forEach(len(raws), func(i int) error {
			return gone(p.store.Apply(ctx, store.Delete(collection, raws[i].Lookup("_id"))))
		})
		if err != nil || len(raws) < some {
			return err
		}
	}
}
