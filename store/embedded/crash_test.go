package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/store"
	"gatehouse/store/embedded"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// childFile names, to a test binary that runs itself, the file to write to.
const childFile = "GATEHOUSE_TEST_CHILD_FILE"

// beTheChild writes with several writers until it is killed, and prints each
// id once its write was answered.
func beTheChild() {
	path := os.Getenv(childFile)
	if path == "" {
		return
	}
	s, err := embedded.Open(path, embedded.Options{})
	if err == nil {
		err = s.Declare(context.Background(), store.Collection{Name: "c", Indexes: []store.Index{{Fields: []string{"n"}, Unique: true}}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	run := bson.NewObjectID().Hex()
	for writer := range 8 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", run, writer, n)
				err := s.Apply(context.Background(),
					store.Insert("c", bson.D{{Key: "_id", Value: id}, {Key: "n", Value: id}}),
					store.Insert("c", bson.D{{Key: "_id", Value: "with-" + id}}),
				)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				_, _ = os.Stdout.WriteString(id + "\n") // one write: lines stay whole
			}
		}()
	}
	select {}
}

func TestKilledWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	answered := make(map[string]bool)
	for range 3 {
		for _, id := range runChild(t, path, 500) {
			answered[id] = true
		}
		s := openOnly(t, path, embedded.Options{})
		must(t, s.Check(t.Context()))
		must(t, s.Declare(t.Context(), store.Collection{Name: "c", Indexes: []store.Index{{Fields: []string{"n"}, Unique: true}}}))
		for id := range answered {
			if _, err := s.Get(t.Context(), "c", id); err != nil {
				t.Fatalf("%s was answered: %v", id, err)
			}
		}
		replay(t, s, answered)
		must(t, s.Close())
	}
}

// replay checks that the feed shows all that was answered, once, in pairs, and
// nothing that is not there.
func replay(t *testing.T, s *embedded.Store, answered map[string]bool) {
	t.Helper()
	docs, err := s.Find(t.Context(), "c", store.Query{})
	must(t, err)
	oldest, err := s.Oldest(t.Context(), 0)
	must(t, err)
	feed, err := s.Watch(t.Context(), store.Start{After: oldest}, "c")
	must(t, err)
	defer feed.Close()
	shown := make(map[string]bool)
	last := ""
	for {
		change, found, err := feed.TryNext(t.Context())
		must(t, err)
		if !found {
			break
		}
		id := change.ID.StringValue()
		if shown[id] {
			t.Fatalf("%s is shown twice", id)
		}
		if strings.HasPrefix(id, "with-") != (last != "") || last != "" && id != "with-"+last {
			t.Fatalf("%s stands behind %s", id, last)
		}
		if last = id; strings.HasPrefix(id, "with-") {
			last = ""
		}
		shown[id] = true
	}
	if len(shown) != len(docs) {
		t.Errorf("the feed shows %d documents, there are %d", len(shown), len(docs))
	}
	for id := range answered {
		if !shown[id] {
			t.Errorf("%s was answered, and is not shown", id)
		}
	}
}

// runChild runs a child until it has answered so many writes, kills it without
// warning, and returns all that it has answered.
func runChild(t *testing.T, path string, writes int) []string {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childFile+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	var ids []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if ids = append(ids, lines.Text()); len(ids) == writes {
			must(t, child.Process.Kill())
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || len(ids) < writes {
		t.Fatalf("the child ended by itself after %d writes: %v", len(ids), err)
	}
	return ids
}
