package mongo_test

import (
	"errors"
	"testing"

	"gatehouse/store"
	"gatehouse/store/mongo"
	"gatehouse/store/storetest"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(secantus.M{M: m}) }

func TestContract(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	storetest.Run(t, func(t *testing.T) store.Store { return openAt(t, uri, database) }, knownGaps(t, uri))
}

// knownGaps are the cases that SecantusDB is known not to pass.
func knownGaps(t *testing.T, uri string) map[string]string {
	t.Helper()
	var info bson.Raw
	if err := secantus.Connect(t, uri).Database("admin").RunCommand(t.Context(), bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		t.Fatal(err)
	}
	if _, err := info.LookupErr("secantusVersion"); err != nil {
		return nil
	}
	return map[string]string{
		"unique/folded whatever an accent is made of": "SecantusDB's collation does not compare composed and decomposed letters as equal",
	}
}

// openAt opens a store that is ready for use; the test closes it, or leaves that
// to its end.
func openAt(t testing.TB, uri, database string, more ...func(*mongo.Options)) *mongo.Store {
	t.Helper()
	o := mongo.Options{URI: uri, Database: database}
	for _, f := range more {
		f(&o)
	}
	s, err := mongo.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := s.Declare(t.Context(), store.Collection{Name: "c"}, store.Collection{Name: "echoes", Transient: true}); err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh is a store on a database of its own, a feed of the collection c from now,
// and that collection as another program sees it.
func fresh(t *testing.T) (*mongo.Store, store.Feed, *driver.Collection) {
	t.Helper()
	uri, database := secantus.Shared(t), secantus.Database(t)
	s := openAt(t, uri, database)
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	t.Cleanup(func() { must(t, feed.Close()) })
	return s, feed, secantus.Connect(t, uri).Database(database).Collection("c")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// settled waits until a store asks its server for nothing by itself: the
// connection that it has is then free for what comes next.
func settled(t testing.TB, s *mongo.Store) {
	t.Helper()
	eventually(t, "the oplog to have been looked at", func() bool {
		_, known := s.Reach()
		return known
	})
	if _, err := s.Get(t.Context(), "c", "nothing"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
}
