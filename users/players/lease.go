package players

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// workers is how many sockets that have left are looked after at once.
const workers = 8

// Run keeps the lease of this process, and ends what sockets and channels leave
// behind, its own and those of processes that died, until ctx ends. Then it gives
// the lease up.
func (p *Players) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	tasks.Go(func() { p.keepLease(ctx) })
	tasks.Go(func() { p.tidy(ctx) })
	slots := make(chan struct{}, workers)
	for {
		select {
		case <-p.node.wake:
			for _, s := range p.node.left() {
				tasks.Go(func() { p.depart(ctx, s, slots) })
			}
		case <-ctx.Done():
			tasks.Wait()
			p.resign() //nolint:contextcheck // ctx has ended
			return nil
		}
	}
}

// keepLease puts the end of the lease off, again and again.
func (p *Players) keepLease(ctx context.Context) {
	every(ctx, p.o.Lease/4, func() {
		p.attempt(ctx, "the lease of this node could not be renewed; other nodes may take its players for offline", p.o.Lease/4, p.renew)
	})
}

// tidy ends what was left behind. It takes its time, which the lease has not.
func (p *Players) tidy(ctx context.Context) {
	var tidied, grace time.Time
	every(ctx, p.o.Lease/4, func() {
		p.attempt(ctx, "sockets could not be written down anew", p.o.Lease, p.restore)
		p.attempt(ctx, "what channels have left behind could not be removed", p.o.Lease, p.sweep)
		// Where this node could not do anything for long, the others could not
		// either: they get the time to put off the end of their leases first.
		now := time.Now()
		if now.Sub(tidied) > p.o.Lease {
			grace = now.Add(p.o.Lease)
		}
		if now.After(grace) && !p.attempt(ctx, "what other nodes have left behind could not be ended", 4*p.o.Lease, p.bury) {
			return
		}
		tidied = time.Now()
	})
}

// every does something now and then, until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// attempt does something within a time, and says in the log where it failed; it is
// tried again.
func (p *Players) attempt(ctx context.Context, failed string, within time.Duration, f func(context.Context) error) bool {
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := f(bounded)
	if err != nil && ctx.Err() == nil {
		p.o.Logger.Warn("players: it is tried again", "what", failed, "error", err)
	}
	return err == nil
}

// renew writes the lease. Where another node has buried this one, since it did not
// write for too long, its sockets are to be written down anew.
func (p *Players) renew(ctx context.Context) error {
	until := bson.D{{Key: "expires", Value: time.Now().Add(p.o.Lease)}}
	err := p.store.Apply(ctx, store.Update(nodes, p.node.id, until))
	if errors.Is(err, store.ErrNotFound) {
		if err = p.store.Apply(ctx, store.Insert(nodes, append(bson.D{{Key: "_id", Value: p.node.id}}, until...))); err == nil {
			p.node.lose()
		}
	}
	if err != nil {
		return err
	}
	select {
	case <-p.node.registered:
	default:
		close(p.node.registered)
	}
	return nil
}

// restore writes down the sockets that another node took for lost.
func (p *Players) restore(ctx context.Context) error {
	list := p.node.missing()
	return forEach(len(list), func(i int) error {
		s := list[i]
		a, err := p.Alias(ctx, int64(s.Alias))
		if err == nil {
			_, err = p.change(ctx, a, "", func(had *Presence) { had.Online = true }, store.Put(sockets, s.ID, s))
		}
		if err != nil && !errors.Is(err, ErrUnknown) {
			return err
		}
		if p.node.found(s.ID); !p.node.holds(s.ID) {
			p.node.leave(s) // it was closed while it was written
		}
		return nil
	})
}
