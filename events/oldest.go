package events

import (
	"context"
	"time"
)

// oldestAge is for how long an answer of the store is good for all who ask: a
// crowd that is told of lost history asks at the same moment.
const oldestAge = time.Second

// oldest is the store's last answer.
type oldest struct {
	turn chan struct{} // held by who uses what stands below
	id   string
	at   time.Time
}

// Oldest is an id as far back as can be told, which works as a place to read
// from.
func (l *Log) Oldest(ctx context.Context) string {
	o := &l.oldest
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return l.Here()
	}
	if time.Since(o.at) < oldestAge {
		return o.id
	}
	p, err := l.store.Oldest(ctx, 0)
	switch {
	case err == nil:
		o.id = place{position: p, last: true}.String()
	case ctx.Err() != nil:
		return l.Here() // whoever asks next may have more time
	default:
		o.id = l.Here()
	}
	o.at = time.Now()
	return o.id
}
