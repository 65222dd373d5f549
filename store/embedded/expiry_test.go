package embedded_test

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"gatehouse/store"
	"gatehouse/store/embedded"

	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		tickets := store.Collection{Name: "tickets", Expiry: "end", Secret: []string{"code"}}
		s := openOnly(t, path, embedded.Options{})
		must(t, s.Declare(t.Context(), tickets))
		feed, err := s.Watch(t.Context(), store.Start{}, "tickets")
		must(t, err)
		add := func(id string, in time.Duration) {
			must(t, s.Apply(t.Context(), store.Insert("tickets", bson.D{{Key: "_id", Value: id}, {Key: "end", Value: time.Now().Add(in)}, {Key: "code", Value: "x"}})))
			_, err := feed.Next(t.Context())
			must(t, err)
		}
		add("late", 2*time.Hour)
		add("soon", time.Hour)

		elapse(59 * time.Minute)
		if _, err := s.Get(t.Context(), "tickets", "soon"); err != nil {
			t.Errorf("before its time: %v", err)
		}
		elapse(2 * time.Minute)
		change, found, err := feed.TryNext(t.Context())
		if err != nil || !found || change.Op != store.OpDelete || change.ID.StringValue() != "soon" || !change.Before.Lookup("code").Boolean() {
			t.Errorf("got %+v, %v, %v", change, found, err)
		}
		if _, err := s.Get(t.Context(), "tickets", "soon"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after its time: %v", err)
		}

		// What expires while the file is closed goes once the collection is
		// declared again, and not before.
		must(t, s.Close())
		elapse(3 * time.Hour)
		s = openOnly(t, path, embedded.Options{})
		elapse(time.Hour)
		must(t, s.Declare(t.Context(), tickets))
		if _, err := s.Get(t.Context(), "tickets", "late"); err != nil {
			t.Errorf("before it was declared: %v", err)
		}
		elapse(time.Minute)
		if _, err := s.Get(t.Context(), "tickets", "late"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after it was declared: %v", err)
		}
		must(t, s.Check(t.Context()))
		must(t, s.Close())
	})
}

func TestExpiryOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openOnly(t, filepath.Join(t.TempDir(), "test.db"), embedded.Options{})
		must(t, s.Declare(t.Context(), store.Collection{Name: "c"}))
		for range 10 {
			writes := make([]store.Write, 200)
			for i := range writes {
				writes[i] = store.Insert("c", bson.D{{Key: "end", Value: time.Now().Add(time.Minute)}})
			}
			must(t, s.Apply(t.Context(), writes...))
		}
		must(t, s.Declare(t.Context(), store.Collection{Name: "c", Expiry: "end"})) // also of what is there already
		elapse(59 * time.Second)
		if docs, err := s.Find(t.Context(), "c", store.Query{}); len(docs) != 2000 || err != nil {
			t.Errorf("before their time there are %d, %v", len(docs), err)
		}
		elapse(10 * time.Second)
		if docs, err := s.Find(t.Context(), "c", store.Query{}); len(docs) != 0 || err != nil {
			t.Errorf("after their time there are %d, %v", len(docs), err)
		}
		must(t, s.Declare(t.Context(), store.Collection{Name: "c"}))
		must(t, s.Check(t.Context()))
		must(t, s.Close())
	})
}

// elapse lets the time of a synctest bubble pass, and all that happens meanwhile
// happen.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
