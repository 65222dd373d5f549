package embedded

import (
	"context"
	"fmt"
	"sync"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// The bounds of what a feed reads from the file in one transaction.
const (
	readChanges = 256
	readBytes   = 1 << 20
	readSkipped = 8192 // of other collections
)

var _ store.Feed = (*feed)(nil)

// feed shows changes from the tail, and from the file where it is behind it.
type feed struct {
	s           *Store
	collections map[string]string // names to themselves, so that records share them
	closed      chan struct{}
	closeOnce   sync.Once

	cursor   uint64         // up to here everything was looked at
	position store.Position // of the last that was shown
	read     []store.Change // from the file, not shown yet
	err      error          // the feed is spent
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, start store.Start, collections ...string) (store.Feed, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if len(collections) == 0 {
		return nil, fmt.Errorf("%w: Watch needs a collection", store.ErrInvalid)
	}
	names := make(map[string]string, len(collections))
	for _, name := range collections {
		c, err := s.lookup(name)
		if err != nil {
			return nil, err
		}
		names[c.Name] = c.Name
	}
	oldest, head := s.tail.reach()
	cursor := head
	if start.After != "" {
		seq, ok := s.id.parse(start.After)
		if !ok || seq > head || seq+1 < oldest || start.Inclusive && seq < oldest {
			return nil, store.ErrHistoryLost
		}
		cursor = seq
		if start.Inclusive {
			cursor--
		}
	}
	return &feed{
		s: s, collections: names, closed: make(chan struct{}),
		cursor: cursor, position: s.id.position(cursor),
	}, nil
}

// Oldest implements store.Store.
func (s *Store) Oldest(ctx context.Context, within int) (store.Position, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	oldest, head := s.tail.reach()
	at := oldest - 1
	if within > 0 && head-at > uint64(within) {
		at = head - uint64(within)
	}
	return s.id.position(at), nil
}

// ready says whether a call that needs no file can be answered.
func (s *Store) ready(ctx context.Context) error {
	select {
	case <-s.tail.done:
		return store.ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return &store.UnavailableError{Err: err}
	}
	return nil
}

// Next implements store.Feed.
func (f *feed) Next(ctx context.Context) (store.Change, error) {
	for {
		c, found, wake, err := f.step(ctx)
		if found || err != nil {
			return c, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
		case <-f.closed:
		case <-f.s.tail.done:
		}
	}
}

// TryNext implements store.Feed.
func (f *feed) TryNext(ctx context.Context) (store.Change, bool, error) {
	c, found, _, err := f.step(ctx)
	return c, found, err
}

// Position implements store.Feed.
func (f *feed) Position() store.Position { return f.position }

// Close implements store.Feed.
func (f *feed) Close() error {
	f.closeOnce.Do(func() { close(f.closed) })
	return nil
}

// step returns the next change if it is there, or what announces it.
func (f *feed) step(ctx context.Context) (store.Change, bool, <-chan struct{}, error) {
	for {
		if err := f.over(ctx); err != nil {
			return store.Change{}, false, nil, err
		}
		if len(f.read) > 0 {
			c := f.read[0]
			f.read[0] = store.Change{}
			f.read = f.read[1:]
			return f.show(c), true, nil, nil
		}
		at := f.s.tail.after(f.cursor, f.collections)
		f.cursor = at.cursor
		if at.found {
			return f.show(at.change), true, nil, nil
		}
		if at.before == 0 {
			return store.Change{}, false, at.wake, nil
		}
		if err := f.fill(ctx, at.before); err != nil && ctx.Err() == nil {
			f.err = err
		}
	}
}

// over says why the feed shows nothing more. That a ctx has ended is not final.
func (f *feed) over(ctx context.Context) error {
	select {
	case <-f.closed:
		f.err = store.ErrClosed
	case <-f.s.tail.done:
		f.err = store.ErrClosed
	default:
	}
	if f.err != nil {
		f.read = nil
		return f.err
	}
	return ctx.Err()
}

func (f *feed) show(c store.Change) store.Change {
	f.position = c.Position
	return c
}

// fill reads the changes behind the cursor from the file, not as far as before.
func (f *feed) fill(ctx context.Context, before uint64) error {
	f.read = nil
	cursor, size, skipped := f.cursor, 0, 0
	err := f.s.view(ctx, func(tx *bbolt.Tx) error {
		log := tx.Bucket([]byte(logBucket)).Cursor()
		key, record := log.Seek(seqKey(cursor + 1))
		for ; cursor+1 < before; key, record = log.Next() {
			if seqOf(key) != cursor+1 {
				return store.ErrHistoryLost // trimmed meanwhile
			}
			cursor++
			name, watched := f.collections[string(recordCollection(record))]
			if !watched {
				if skipped++; skipped == readSkipped {
					return nil
				}
				continue
			}
			c, err := decode(append([]byte(nil), record...), name, f.s.id.position(cursor))
			if err != nil {
				return err
			}
			f.read = append(f.read, c)
			if size += len(record); len(f.read) == readChanges || size >= readBytes {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		f.read = nil
		return err
	}
	f.cursor = cursor
	return nil
}
