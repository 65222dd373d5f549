package embedded

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// Options are what a Store can be told. The zero value is good.
type Options struct {
	// History is how far back feeds can reach.
	History History

	// Now is the clock of change times and of expiry; time.Now by default.
	Now func() time.Time

	// Logger is told of what no caller is: that the disk fails, and that it
	// works again. Nothing is logged by default.
	Logger *slog.Logger
}

// History bounds the log of changes. It is trimmed a little later than either
// bound says, never earlier.
type History struct {
	// Events is how many changes are kept at least, unless they are too old;
	// 1,000,000 by default.
	Events int

	// Age is how long a change is kept at least, unless there are too many;
	// 168 hours by default.
	Age time.Duration
}

func (o Options) withDefaults() Options {
	if o.History.Events <= 0 {
		o.History.Events = 1_000_000
	}
	if o.History.Age <= 0 {
		o.History.Age = 168 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

var _ store.Store = (*Store)(nil)

// Store is the contract on one file. It is made with [Open].
type Store struct {
	path    string
	options Options
	db      *bbolt.DB
	id      storeID

	collections atomic.Pointer[map[string]*collection] // replaced, never written to

	queue   chan *request
	closing sync.RWMutex // held to put something into the queue
	closed  bool

	writer *writer
	tail   *tail

	closeOnce sync.Once
	closeErr  error
}

// Path returns the file's path, as it was given to [Open].
func (s *Store) Path() string { return s.path }

// Close implements store.Store.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.closing.Lock()
		s.closed = true
		s.closing.Unlock()
		close(s.queue)
		<-s.writer.stopped
		s.tail.close()
		if s.writer.stuck {
			s.closeErr = errors.New("the file stays locked until the process ends")
			return
		}
		s.closeErr = s.db.Close()
	})
	return s.closeErr
}

// Declare implements store.Store. A collection that was declared before gets
// this declaration in place of the other: its indexes are those named now.
func (s *Store) Declare(ctx context.Context, collections ...store.Collection) error {
	compiled := make([]*collection, 0, len(collections))
	for _, c := range collections {
		ready, err := compileCollection(c)
		if err != nil {
			return err
		}
		compiled = append(compiled, ready)
	}
	return s.submit(ctx, &request{
		alone: func(tx *bbolt.Tx) (bool, error) {
			return declare(ctx, tx, compiled)
		},
		finish: func() {
			all := make(map[string]*collection)
			for name, c := range *s.collections.Load() {
				all[name] = c
			}
			for _, c := range compiled {
				all[c.Name] = c
			}
			s.collections.Store(&all)
		},
	})
}
