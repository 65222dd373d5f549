package mongo_test

import (
	"errors"
	"testing"

	"gatehouse/store"
	"gatehouse/store/mongo"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A position is good on every node and after a restart, and nothing else is one.
func TestPositions(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	a, b := openAt(t, uri, database), openAt(t, uri, database)
	stranger := openAt(t, uri, secantus.Database(t))
	neighbour := openAt(t, uri, database, func(o *mongo.Options) { o.Prefix = "other_" })
	feedA, err := a.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	feedB, err := b.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	for n := range 5 {
		must(t, a.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: n}})))
	}
	var at store.Position
	for n := range 5 {
		onA, err := feedA.Next(t.Context())
		must(t, err)
		onB, err := feedB.Next(t.Context())
		must(t, err)
		if onA.Position != onB.Position || !onA.Time.Equal(onB.Time) {
			t.Fatalf("change %d stands at %q on one node and at %q on another", n, onA.Position, onB.Position)
		}
		if n == 2 {
			at = onA.Position
		}
	}
	must(t, feedA.Close())
	must(t, feedB.Close())

	later := openAt(t, uri, database)
	for _, inclusive := range []bool{false, true} {
		feed, err := later.Watch(t.Context(), store.Start{After: at, Inclusive: inclusive}, "c")
		must(t, err)
		want := int64(3)
		if inclusive {
			want = 2
		}
		if change, err := feed.Next(t.Context()); err != nil || change.ID.AsInt64() != want {
			t.Errorf("after a restart: got %+v, %v, want %d", change, err, want)
		}
		must(t, feed.Close())
	}

	for name, other := range map[string]*mongo.Store{"another database": stranger, "another prefix": neighbour} {
		if _, err := other.Watch(t.Context(), store.Start{After: at}, "c"); !errors.Is(err, store.ErrHistoryLost) {
			t.Errorf("a position of %s: %v", name, err)
		}
	}
	for i := range len(at) {
		forged := []byte(at)
		forged[i] ^= 0x10
		if _, err := a.Watch(t.Context(), store.Start{After: store.Position(forged)}, "c"); !errors.Is(err, store.ErrHistoryLost) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	if _, err := a.Watch(t.Context(), store.Start{After: at[:len(at)-1]}, "c"); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("cut off: %v", err)
	}
}

// A node's own key outlives the database: positions go on to be understood.
func TestPositionsOutliveADroppedDatabase(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	s := openAt(t, uri, database)
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	defer feed.Close()
	must(t, s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: "before"}})))
	before, err := feed.Next(t.Context())
	must(t, err)
	db := secantus.Connect(t, uri).Database(database)
	must(t, db.Drop(t.Context()))
	eventually(t, "the key to be there again", func() bool {
		return db.Collection("gatehouse.store").FindOne(t.Context(), bson.D{}).Err() == nil
	})
	other := openAt(t, uri, database)
	must(t, other.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: "after"}})))
	for _, node := range []*mongo.Store{s, other} {
		again, err := node.Watch(t.Context(), store.Start{After: before.Position}, "c")
		must(t, err)
		if change, err := again.Next(t.Context()); err != nil || change.ID.StringValue() != "after" {
			t.Errorf("got %+v, %v", change, err)
		}
		must(t, again.Close())
	}
}
