package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatehouse/store"
	"gatehouse/store/embedded"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// mount makes a file system of 4 MiB, for which it takes root.
func mount(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("a file system of its own can not be mounted here: %v", err)
		}
		t.Skipf("not tried: it needs root, to mount a file system of its own (%v)", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := mount(t)
	path := filepath.Join(dir, "test.db")
	ballast := filepath.Join(dir, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 2<<20), 0o600))

	s := open(t, path, embedded.Options{})
	must(t, s.Declare(t.Context(), store.Collection{Name: "c"}))
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	defer feed.Close()

	write := func(n int) error {
		return s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: n}, {Key: "text", Value: strings.Repeat("x", 50_000)}}))
	}
	var answered []int
	n := 0
	for ; ; n++ {
		if err = write(n); err != nil {
			break
		}
		answered = append(answered, n)
		if n > 1000 {
			t.Fatal("the disk does not fill")
		}
	}
	var unavailable *store.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.InDoubt || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("on the full disk: %v", err)
	}
	if _, err := s.Sequence(t.Context(), "n"); !errors.Is(err, store.ErrUnavailable) && err != nil {
		t.Errorf("Sequence: %v", err)
	}
	for _, id := range answered {
		if _, err := s.Get(t.Context(), "c", id); err != nil {
			t.Errorf("%d was answered: %v", id, err)
		}
	}
	if _, err := s.Get(t.Context(), "c", n); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%d was refused: %v", n, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}

	must(t, os.Remove(ballast))
	for range 3 {
		n++
		must(t, write(n))
		answered = append(answered, n)
	}
	for _, id := range answered {
		change, err := feed.Next(t.Context())
		must(t, err)
		if change.ID.AsInt64() != int64(id) {
			t.Fatalf("the feed shows %s, want %d", change.ID, id)
		}
	}
	if change, found, err := feed.TryNext(t.Context()); found || err != nil {
		t.Errorf("the feed goes on with %v, %v", change.ID, err)
	}
}

func TestFullDiskAtTheBeginning(t *testing.T) {
	dir := mount(t)
	must(t, os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 4<<20), 0o600))
	path := filepath.Join(dir, "test.db")
	s, err := embedded.Open(path, embedded.Options{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, %v", s, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it leaves something: %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "ballast")))
	open(t, path, embedded.Options{})
}

func TestReadOnly(t *testing.T) {
	dir := mount(t)
	path := filepath.Join(dir, "test.db")
	must(t, openOnly(t, path, embedded.Options{}).Close())
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	refuses(t, path, embedded.ErrReadOnly, "may write to")
	refuses(t, filepath.Join(dir, "new.db"), embedded.ErrReadOnly, "may write to")
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=4m"))
	open(t, path, embedded.Options{})
}

func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	s, err := embedded.Open(path, embedded.Options{}) // to open one waits for its other end
	if !errors.Is(err, embedded.ErrForeign) {
		t.Errorf("got %v, %v", s, err)
	}
}
