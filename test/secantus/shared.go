package secantus

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// shared is the server of this test binary, once a test has asked for it.
var shared struct {
	sync.Mutex
	process *process
	err     error
}

// Shared is the URI of a replica set that all tests of a test binary use: the one that
// GATEHOUSE_TEST_MONGODB_URI names, or else a server that the first call starts and [Main] ends.
// A test keeps to databases of its own, see [Database], and leaves the server as it is.
func Shared(t testing.TB) string {
	t.Helper()
	if named := os.Getenv("GATEHOUSE_TEST_MONGODB_URI"); named != "" {
		return named
	}
	binary := locate(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.process == nil && shared.err == nil {
		shared.process, shared.err = startShared(binary)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	process := shared.process
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log of the shared server:\n%s", process.tail())
		}
	})
	return uri(nil, process.host(), []string{"replicaSet=secantus"})
}

func startShared(binary string) (*process, error) {
	dir, err := os.MkdirTemp("", "gatehouse-secantus-")
	if err != nil {
		return nil, err
	}
	process, err := newProcess(binary, dir, nil)
	if err != nil {
		_ = os.RemoveAll(dir) // a temporary folder
	}
	return process, err
}

// Database names a new database on the server of [Shared]. It is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	at := Shared(t)
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		t.Fatal(err)
	}
	name := "gh_" + hex.EncodeToString(random[:])
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		drop := bson.D{{Key: "dropDatabase", Value: 1}}
		if err := runOnce(ctx, options.Client().ApplyURI(at), name, drop); err != nil {
			t.Errorf("the database %s was not dropped: %v", name, err)
		}
	})
	return name
}

// Main is the TestMain of a package whose tests use [Shared]: it runs the tests, ends the server and returns the
// exit code.
func Main(m *testing.M) int { return M{M: m}.Run() }

// M is Main for who wants a Run, as goleak.VerifyTestMain does.
type M struct{ *testing.M }

// Run runs the tests and then ends the shared server, if there is one.
func (m M) Run() int {
	defer endShared()
	return m.M.Run()
}

func endShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.process != nil {
		shared.process.kill() // nobody reads what it would still write
		_ = os.RemoveAll(shared.process.dir)
		shared.process = nil
	}
}
