package realtime

import (
	"context"
	"errors"
	"sync"
	"time"

	"gatehouse/store"
	"gatehouse/users/resources"
)

// stamps are versions that documents lack, since another program has written
// them. Of each document the newest is enough.
type stamps struct {
	mu      sync.Mutex
	waiting map[resources.Key]resources.Version
	order   []resources.Key
	more    chan struct{} // there is one
	room    chan struct{} // there is room for one
}

// maxStamps is how many may wait before the feed does.
const maxStamps = 100_000

func newStamps() *stamps {
	return &stamps{waiting: map[resources.Key]resources.Version{}, more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// add notes a version. It waits only where there are far too many.
func (s *stamps) add(ctx context.Context, k resources.Key, v resources.Version) {
	for {
		s.mu.Lock()
		_, waits := s.waiting[k]
		if waits || len(s.order) < maxStamps {
			s.waiting[k] = max(s.waiting[k], v)
			if !waits {
				s.order = append(s.order, k)
			}
			s.mu.Unlock()
			signal(s.more)
			return
		}
		s.mu.Unlock()
		select {
		case <-s.room:
		case <-ctx.Done():
			return
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take waits for a version; false is the end.
func (s *stamps) take(ctx context.Context) (k resources.Key, v resources.Version, ok bool) {
	for {
		s.mu.Lock()
		if len(s.order) > 0 {
			k = s.order[0]
			v = s.waiting[k]
			s.order = s.order[1:]
			delete(s.waiting, k)
			left := len(s.order)
			s.mu.Unlock()
			if signal(s.room); left > 0 {
				signal(s.more) // for the other who waits
			}
			return k, v, true
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-ctx.Done():
			return k, v, false
		}
	}
}

// stampers is how many versions are written down at once.
const stampers = 2

// stamp writes down versions until ctx ends. Each is tried until the store
// answers.
func (v *Service) stamp(ctx context.Context) {
	for {
		k, version, ok := v.stamps.take(ctx)
		if !ok {
			return
		}
		v.writeDown(ctx, k, version)
	}
}

func (v *Service) writeDown(ctx context.Context, k resources.Key, version resources.Version) {
	for {
		bounded, cancel := context.WithTimeout(ctx, readTimeout)
		err := v.o.Resources.Stamp(bounded, k, version)
		cancel()
		switch {
		case err == nil, ctx.Err() != nil:
			return
		case !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, resources.ErrBusy):
			v.o.Logger.Warn("a version could not be written down for what another program has changed", "collection", k.Collection, "error", err)
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}
