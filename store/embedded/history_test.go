package embedded_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/store"
	"gatehouse/store/embedded"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// insert makes n changes, a few hundred in each Apply.
func insert(t *testing.T, s store.Store, collection string, n int) {
	t.Helper()
	for n > 0 {
		writes := make([]store.Write, min(n, 500))
		for i := range writes {
			writes[i] = store.Insert(collection, bson.D{{Key: "n", Value: i}})
		}
		must(t, s.Apply(t.Context(), writes...))
		n -= len(writes)
	}
}

func declare(t *testing.T, s store.Store) {
	t.Helper()
	must(t, s.Declare(t.Context(), store.Collection{Name: "c"}, store.Collection{Name: "other", Transient: true}))
}

// count returns how many changes there are behind a position.
func count(t *testing.T, s store.Store, after store.Position) (n int, err error) {
	t.Helper()
	feed, err := s.Watch(t.Context(), store.Start{After: after}, "c")
	if err != nil {
		return 0, err
	}
	defer feed.Close()
	for {
		_, found, err := feed.TryNext(t.Context())
		if err != nil || !found {
			return n, err
		}
		n++
	}
}

func behindOldest(t *testing.T, s store.Store) int {
	t.Helper()
	oldest, err := s.Oldest(t.Context(), 0)
	must(t, err)
	n, err := count(t, s, oldest)
	must(t, err)
	return n
}

func TestHistoryIsTrimmedByCount(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), embedded.Options{History: embedded.History{Events: 10}})
	declare(t, s)
	begin, err := s.Oldest(t.Context(), 0)
	must(t, err)
	insert(t, s, "c", 10)
	if n, err := count(t, s, begin); n != 10 || err != nil {
		t.Fatalf("of 10 changes there are %d, %v", n, err)
	}
	insert(t, s, "c", 1)
	if n, err := count(t, s, begin); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("behind the lost beginning there are %d, %v", n, err)
	}
	if n := behindOldest(t, s); n != 10 {
		t.Errorf("%d changes are kept", n)
	}
	oldest, err := s.Oldest(t.Context(), 0)
	must(t, err)
	if _, err := s.Watch(t.Context(), store.Start{After: oldest, Inclusive: true}, "c"); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("the change at the oldest position: %v", err)
	}
}

func TestHistoryIsTrimmedByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		options := embedded.Options{History: embedded.History{Age: 10 * time.Hour}}
		s := openOnly(t, path, options)
		declare(t, s)
		begin, err := s.Oldest(t.Context(), 0)
		must(t, err)
		insert(t, s, "c", 3000)
		elapse(9 * time.Hour)
		insert(t, s, "c", 5)
		if n, err := count(t, s, begin); n != 3005 || err != nil {
			t.Errorf("before their time there are %d, %v", n, err)
		}
		elapse(2 * time.Hour) // nobody writes
		if n := behindOldest(t, s); n != 5 {
			t.Errorf("%d changes are kept", n)
		}
		if _, err := count(t, s, begin); !errors.Is(err, store.ErrHistoryLost) {
			t.Errorf("the beginning: %v", err)
		}

		// A log that is empty still knows where it ended.
		feed, err := s.Watch(t.Context(), store.Start{}, "c")
		must(t, err)
		last := feed.Position()
		elapse(100 * time.Hour)
		if n := behindOldest(t, s); n != 0 {
			t.Errorf("%d changes are kept", n)
		}
		must(t, s.Close())
		s = openOnly(t, path, options)
		declare(t, s)
		insert(t, s, "c", 1)
		if n, err := count(t, s, last); n != 1 || err != nil {
			t.Errorf("behind the last position there are %d, %v", n, err)
		}
		must(t, s.Close())
	})
}

func TestHistoryThatIsMadeShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		s := openOnly(t, path, embedded.Options{})
		declare(t, s)
		insert(t, s, "c", 5000)
		must(t, s.Close())
		s = openOnly(t, path, embedded.Options{History: embedded.History{Events: 100}})
		declare(t, s)
		insert(t, s, "c", 1)
		elapse(time.Minute)
		if n := behindOldest(t, s); n != 100 {
			t.Errorf("%d changes are kept", n)
		}
		must(t, s.Check(t.Context()))
		must(t, s.Close())
	})
}

func TestSlowFeed(t *testing.T) {
	for name, history := range map[string]int{"reads from the file": 0, "has lost its place": 100} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "test.db"), embedded.Options{History: embedded.History{Events: history}})
			declare(t, s)
			slow, err := s.Watch(t.Context(), store.Start{}, "c")
			must(t, err)
			defer slow.Close()
			for range 6 {
				insert(t, s, "c", 1000)
				insert(t, s, "other", 2000)
			}
			if history > 0 {
				for range 2 {
					if change, err := slow.Next(t.Context()); !errors.Is(err, store.ErrHistoryLost) {
						t.Fatalf("got %+v, %v", change, err)
					}
				}
				return
			}
			seen := make(map[store.Position]bool)
			for range 6000 {
				change, err := slow.Next(t.Context())
				must(t, err)
				seen[change.Position] = true
			}
			if _, found, err := slow.TryNext(t.Context()); len(seen) != 6000 || found || err != nil {
				t.Errorf("%d changes were shown; then %v, %v", len(seen), found, err)
			}
		})
	}
}

func TestLargeChangesAreReadFromTheFile(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), embedded.Options{})
	declare(t, s)
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	defer feed.Close()
	sizes := []int{5 << 20, 15 << 20, 1, 3 << 20, 7 << 20}
	for i, size := range sizes {
		must(t, s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: i}, {Key: "text", Value: strings.Repeat("x", size)}})))
	}
	for i, size := range sizes {
		change, err := feed.Next(t.Context())
		must(t, err)
		if text := change.After.Lookup("text").StringValue(); change.ID.AsInt64() != int64(i) || len(text) != size {
			t.Errorf("at %d: %s with %d bytes", i, change.ID, len(text))
		}
	}
}

func TestPositionsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	s := openOnly(t, path, embedded.Options{})
	declare(t, s)
	begin, err := s.Oldest(t.Context(), 0)
	must(t, err)
	insert(t, s, "c", 20)
	must(t, s.Close())

	s = open(t, path, embedded.Options{})
	declare(t, s)
	if n, err := count(t, s, begin); n != 20 || err != nil {
		t.Errorf("after opening it again there are %d, %v", n, err)
	}
	oldest, err := s.Oldest(t.Context(), 0)
	must(t, err)
	future := store.Position(string(oldest[:8]) + "\x00\x00\x00\x00\x00\x00\x00\x15")
	if n, err := count(t, s, future); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("behind change 21, which is yet to come, there are %d, %v", n, err)
	}
	other := open(t, filepath.Join(dir, "other.db"), embedded.Options{})
	declare(t, other)
	insert(t, other, "c", 20)
	if n, err := count(t, other, begin); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("another store shows %d, %v", n, err)
	}
}
