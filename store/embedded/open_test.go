package embedded_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatehouse/store"
	"gatehouse/store/embedded"

	"go.etcd.io/bbolt"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// refuses checks that Open fails for this reason, names the file, says what is
// the matter, and leaves the file as it is.
func refuses(t *testing.T, path string, want error, words string) {
	t.Helper()
	before, _ := os.ReadFile(path)
	s, err := embedded.Open(path, embedded.Options{})
	if err == nil {
		_ = s.Close()
		t.Fatal("it was opened")
	}
	var openError *embedded.OpenError
	if !errors.Is(err, want) || !errors.As(err, &openError) || openError.Path != path {
		t.Errorf("got %v, want %v", err, want)
	}
	if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, words) {
		t.Errorf("it says %q, without %q", text, words)
	}
	after, _ := os.ReadFile(path)
	if string(before) != string(after) {
		t.Error("the file was changed")
	}
}

func TestOpenInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := open(t, path, embedded.Options{})
	refuses(t, path, embedded.ErrLocked, "another gatehouse")
	must(t, s.Declare(t.Context(), store.Collection{Name: "c"}))
	must(t, s.Close())
	must(t, openOnly(t, path, embedded.Options{}).Close())
}

func TestOpenWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	refuses(t, dir, syscall.EISDIR, "name a file in it")
	refuses(t, filepath.Join(dir, "none", "test.db"), fs.ErrNotExist, "make it first")
}

func TestOpenForeignFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	for _, content := range []string{"x", strings.Repeat("some text\n", 10_000), string(make([]byte, 100_000)), "SQLite format 3\x00"} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		refuses(t, path, embedded.ErrForeign, "move this one away")
	}
	must(t, os.Remove(path))
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("another program's"))
		return err
	}))
	must(t, db.Close())
	refuses(t, path, embedded.ErrForeign, "move this one away")
}

func TestOpenNewerFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	must(t, openOnly(t, path, embedded.Options{}).Close())
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("gatehouse")).Put([]byte("format"), binary.BigEndian.AppendUint32(nil, 2))
	}))
	must(t, db.Close())
	refuses(t, path, embedded.ErrNewer, "its format is 2")
}

func TestOpenMakesThePrivateFile(t *testing.T) {
	for _, empty := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "test.db")
		if empty {
			must(t, os.WriteFile(path, nil, 0o600))
		}
		s := open(t, path, embedded.Options{})
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != 0o600 || s.Path() != path {
			t.Errorf("%s has mode %v", s.Path(), info.Mode())
		}
	}
}

// filled makes a file with something of everything in it, and returns its bytes.
func filled(t *testing.T, path string) []byte {
	t.Helper()
	s := openOnly(t, path, embedded.Options{})
	must(t, declareUsers(t, s))
	for i := range 100 {
		must(t, s.Apply(t.Context(),
			store.Insert("users", bson.D{{Key: "_id", Value: i}, {Key: "name", Value: fmt.Sprint("n", i)}, {Key: "text", Value: strings.Repeat("x", 200)}}),
			store.Insert("users", bson.D{{Key: "_id", Value: fmt.Sprint(i)}, {Key: "city", Value: i % 3}, {Key: "end", Value: bson.DateTime(1 << 50)}}),
		))
	}
	must(t, s.Apply(t.Context(), store.Insert("users", bson.D{{Key: "_id", Value: "large"}, {Key: "text", Value: strings.Repeat("y", 50_000)}})))
	_, err := s.Sequence(t.Context(), "numbers")
	must(t, err)
	must(t, s.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

func declareUsers(t *testing.T, s store.Store) error {
	return s.Declare(t.Context(), store.Collection{
		Name:   "users",
		Expiry: "end", Secret: []string{"hash"},
		Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}, {Fields: []string{"city"}}},
	})
}

func TestOpenTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	content := filled(t, path)
	for _, length := range []int{len(content) / 4, 5 * os.Getpagesize(), 4*os.Getpagesize() + 100} {
		must(t, os.WriteFile(path, content[:length], 0o600))
		refuses(t, path, embedded.ErrDamaged, "cut off")
	}
	for _, length := range []int{1, 70, os.Getpagesize(), 2*os.Getpagesize() + 10} {
		must(t, os.WriteFile(path, content[:length], 0o600))
		s, err := embedded.Open(path, embedded.Options{})
		if !errors.Is(err, embedded.ErrForeign) {
			t.Errorf("%d bytes: %v, %v", length, s, err)
		}
	}
}

// Whatever of a file is overwritten, the process goes on: the file is refused,
// or the damage is where only its own calls meet it.
func TestOpenDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	content := filled(t, path)
	refused, page := 0, os.Getpagesize()
	for n := range len(content) / page {
		if len(bytes.Trim(content[n*page:(n+1)*page], "\x00")) == 0 {
			continue // not used yet
		}
		for kind, damage := range []func(page []byte){
			func(page []byte) { clear(page) },
			func(page []byte) { clear(page[:64]) },
			func(page []byte) { fill(page, 0xFF) },
			func(page []byte) { fill(page[8:40], 0xFF) },
			func(page []byte) { fill(page[16:], 0x01) },
			func(page []byte) { page[11] ^= 0x80 },
			func(page []byte) { page[20] ^= 0x40 },
			func(page []byte) { page[24] ^= 0x10 },
		} {
			damaged := append([]byte(nil), content...)
			damage(damaged[n*page : (n+1)*page])
			must(t, os.WriteFile(path, damaged, 0o600))
			s, err := embedded.Open(path, embedded.Options{})
			if err != nil {
				refused++
				if !errors.Is(err, embedded.ErrDamaged) && !errors.Is(err, embedded.ErrForeign) {
					t.Errorf("page %d, damage %d: %v", n, kind, err)
				}
				continue
			}
			useAll(t, s)
			must(t, s.Close())
		}
	}
	if refused < 100 {
		t.Errorf("only %d files were refused", refused)
	}
}

func fill(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// useAll makes every kind of call, of which any may fail.
func useAll(t *testing.T, s *embedded.Store) {
	ctx := t.Context()
	if declareUsers(t, s) != nil {
		return
	}
	_, _ = s.Find(ctx, "users", store.Query{Order: "text"})
	_, _ = s.Find(ctx, "users", store.Query{Where: bson.D{{Key: "city", Value: 1}}})
	for i := 0; i < 100; i += 9 {
		_, _ = s.Get(ctx, "users", i)
		_ = s.Apply(ctx, store.Update("users", i, bson.D{{Key: "name", Value: fmt.Sprint("new", i)}}))
		_ = s.Apply(ctx, store.Delete("users", fmt.Sprint(i)))
	}
	_, _ = s.Sequence(ctx, "numbers")
	oldest, _ := s.Oldest(ctx, 0)
	if feed, err := s.Watch(ctx, store.Start{After: oldest}, "users"); err == nil {
		for found := true; found && err == nil; {
			_, found, err = feed.TryNext(ctx)
		}
	}
	_ = s.Check(ctx)
}

func TestCheckFindsDamage(t *testing.T) {
	for name, damage := range map[string]func(tx *bbolt.Tx) error{
		"a lost index entry": func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("users/index/uf/name"))
			key, _ := b.Cursor().First()
			return b.Delete(key)
		},
		"an index entry too many": func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("users/index/--/city")).Put([]byte("x"), nil)
		},
		"a lost date": func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("users/expiry/end"))
			key, _ := b.Cursor().First()
			return b.Delete(key)
		},
		"no document": func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("users/documents")).Put([]byte("x"), []byte("y"))
		},
		"a gap in the log": func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("log")).Delete(binary.BigEndian.AppendUint64(nil, 17))
		},
		"no change in the log": func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("log")).Put(binary.BigEndian.AppendUint64(nil, 17), []byte("x"))
		},
		"a bucket nobody knows": func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("users/what"))
			return err
		},
	} {
		path := filepath.Join(t.TempDir(), "test.db")
		filled(t, path)
		db, err := bbolt.Open(path, 0o600, nil)
		must(t, err)
		must(t, db.Update(damage))
		must(t, db.Close())
		s := openOnly(t, path, embedded.Options{})
		if err := s.Check(t.Context()); !errors.Is(err, embedded.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, s.Close())
	}
}

func TestTruncatedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	filled(t, path)
	s := openOnly(t, path, embedded.Options{})
	must(t, declareUsers(t, s))
	must(t, os.Truncate(path, int64(3*os.Getpagesize())))
	if _, err := s.Find(t.Context(), "users", store.Query{}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("reading: %v", err)
	}
	err := s.Apply(t.Context(), store.Delete("users", "1"))
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("writing: %v", err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("Check: %v", err)
	}
	must(t, s.Close())
}

func TestCheckWhileWriting(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "test.db"), embedded.Options{History: embedded.History{Events: 500}})
	must(t, declareUsers(t, s))
	ended := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 2000 && err == nil; i++ {
			id := i % 100
			err = s.Apply(t.Context(), store.Put("users", id, bson.D{{Key: "name", Value: fmt.Sprint(i)}, {Key: "city", Value: i % 7}}))
		}
		ended <- err
	}()
	for {
		must(t, s.Check(t.Context()))
		select {
		case err := <-ended:
			must(t, err)
			return
		default:
		}
	}
}

func TestDamagedDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	filled(t, path)
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		documents := tx.Bucket([]byte("users/documents"))
		key, _ := documents.Cursor().First()
		return documents.Put(key, []byte("\x10\x00\x00\x00\x02damaged"))
	}))
	must(t, db.Close())
	s := openOnly(t, path, embedded.Options{})
	must(t, declareUsers(t, s))
	feed, err := s.Watch(t.Context(), store.Start{}, "users")
	must(t, err)
	defer feed.Close()
	_, err = s.Take(t.Context(), "users", 0)
	for _, err := range []error{
		err,
		s.Apply(t.Context(), store.Delete("users", 0)),
		s.Apply(t.Context(), store.Update("users", 0, bson.D{{Key: "name", Value: "x"}})),
	} {
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, embedded.ErrDamaged) {
			t.Errorf("got %v", err)
		}
	}
	must(t, s.Apply(t.Context(), store.Delete("users", 1))) // its neighbour is well
	if change, err := feed.Next(t.Context()); err != nil || change.ID.AsInt64() != 1 {
		t.Errorf("got %s, %v", change.ID, err)
	}
	must(t, s.Close())
}
