package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// leastSize is what bbolt writes into a new file: four pages, of at least so
// many bytes.
const leastSize = 4 * 4096

// lockPatience is how long Open waits for a file that is in use.
const lockPatience = time.Second

// Open opens the store in this file, or makes it, readable by this user only,
// where there is none. All of an existing file's pages are read first, so that
// a damaged one is found before it is written to. An error is an [*OpenError].
func Open(path string, options Options) (*Store, error) {
	s := &Store{path: path, options: options.withDefaults(), queue: make(chan *request, queueLength)}
	horizon, err := s.open()
	if err != nil {
		return nil, &OpenError{Path: path, Err: err}
	}
	s.collections.Store(&map[string]*collection{})
	s.writer = &writer{s: s, commit: (*bbolt.Tx).Commit, stopped: make(chan struct{}), horizon: horizon}
	go s.writer.run()
	return s, nil
}

func (s *Store) open() (horizon, error) {
	exists, err := inspect(s.path)
	if err != nil {
		return horizon{}, err
	}
	if exists {
		if err := checkFile(s.path); err != nil {
			return horizon{}, err
		}
	}
	err = guard(func() error {
		s.db, err = bbolt.Open(s.path, 0o600, &bbolt.Options{
			Timeout:        lockPatience,
			FreelistType:   bbolt.FreelistMapType,
			NoFreelistSync: true, // a long list would be written with each commit; the opening reads all pages anyway
		})
		return err
	})
	if err != nil {
		if !exists && !errors.Is(err, berrors.ErrTimeout) {
			_ = os.Remove(s.path) // what there is of it is ours
		}
		return horizon{}, openFault(err)
	}
	h, err := s.load()
	if err != nil {
		_ = guard(s.db.Close)
	}
	return h, err
}

// inspect says whether there is a file with something in it, and what is in
// the way of one.
func inspect(path string) (exists bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("the directory %s does not exist: make it first (%w)", dir, err)
		}
		return false, nil
	case err != nil:
		return false, openFault(err)
	case info.IsDir():
		return false, fmt.Errorf("it is a directory: name a file in it (%w)", syscall.EISDIR)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%w (it is no regular file)", ErrForeign)
	case info.Size() > 0 && info.Size() < leastSize:
		return false, fmt.Errorf("%w (it holds %d bytes only)", ErrForeign, info.Size())
	default:
		return info.Size() > 0, nil
	}
}

// checkFile reads the pages of a file under a shared lock.
func checkFile(path string) error {
	return guard(func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockPatience})
		if err != nil {
			return openFault(err)
		}
		defer func() { _ = db.Close() }() // nothing was written
		return db.View(func(tx *bbolt.Tx) error {
			if err := verifyFile(context.Background(), tx, path); err != nil {
				return err
			}
			_, _, err := readLayout(tx)
			return err
		})
	})
}

// load reads what the file is, and makes it one of this package's if it is new.
func (s *Store) load() (horizon, error) {
	made := false
	err := guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) (err error) {
			_, made, err = readLayout(tx)
			return err
		})
	})
	if err == nil && !made {
		if err = s.db.Update(makeLayout); err == nil {
			err = syncDirectory(filepath.Dir(s.path))
		}
	}
	if err != nil {
		return horizon{}, openFault(err)
	}
	var h horizon
	err = guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) (err error) {
			if s.id, _, err = readLayout(tx); err != nil {
				return err
			}
			log := tx.Bucket([]byte(logBucket))
			s.tail = newTail(log.Sequence(), 0)
			h, err = readHorizon(log)
			s.tail.oldest = h.oldest
			return err
		})
	})
	return h, err
}
