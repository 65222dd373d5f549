package users_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	token, err := h.login("george", password)
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.login("george", password)
	if err != nil {
		t.Fatal(err)
	}
	id, secret, _ := strings.Cut(token, "_")
	otherID, _, _ := strings.Cut(other, "_")
	for _, wrong := range []string{"", id, secret, id + "_", id + "_" + strings.Repeat("0", 64), otherID + "_" + secret, strings.ToUpper(token), token + "0", "x" + token} {
		_, _, err := h.Session(t.Context(), wrong)
		want(t, wrong, err, users.ErrNoSession)
	}
	raw, err := h.store.Get(t.Context(), "sessions", id)
	if err != nil || strings.Contains(string(raw), secret) {
		t.Errorf("the store has the secret: %v", err)
	}
	for range 2 {
		if err := h.Logout(t.Context(), token); err != nil {
			t.Error(err)
		}
	}
	_, _, err = h.Session(t.Context(), token)
	want(t, "logged out", err, users.ErrNoSession)
	if _, _, err := h.Session(t.Context(), other); err != nil {
		t.Errorf("the other: %v", err)
	}
}

// A session that is used goes on; one that is not ends.
func TestSessionsSlide(t *testing.T) {
	t.Parallel()
	h := open(t, func(s *users.Settings) { s.SessionLifetime = 400 * time.Millisecond })
	h.register("george")
	used, err := h.login("george", password)
	if err != nil {
		t.Fatal(err)
	}
	unused, err := h.login("george", password)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for range 20 {
		<-tick.C
		if _, _, err := h.Session(t.Context(), used); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = h.Session(t.Context(), unused)
	want(t, "unused", err, users.ErrNoSession)
}

func TestListingAndEndingSessions(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	all, more, err := h.Sessions(t.Context(), who["bob"], "", 0, 3)
	if err != nil || len(all) != 3 || !more || all[0].Username != "ann" {
		t.Fatalf("%+v, %t, %v", all, more, err)
	}
	of, more, err := h.Sessions(t.Context(), who["bob"], "CID", 0, 3)
	if err != nil || len(of) != 1 || more || of[0].Username != "cid" || time.Until(of[0].Expires) < 59*time.Minute {
		t.Fatalf("%+v, %t, %v", of, more, err)
	}
	if none, _, err := h.Sessions(t.Context(), who["bob"], "nobody", 0, 3); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	if _, _, err := h.Sessions(t.Context(), who["cid"], "cid", 0, 3); !refused(err) {
		t.Errorf("listing by a regular user: %v", err)
	}
	if err := h.EndSession(t.Context(), who["cid"], of[0].ID); !refused(err) {
		t.Errorf("ending by a regular user: %v", err)
	}
	if err := h.EndSession(t.Context(), who["bob"], all[0].ID); !refused(err) {
		t.Errorf("ending the super admin's: %v", err)
	}
	if err := h.EndSession(t.Context(), who["bob"], of[0].ID); err != nil {
		t.Error(err)
	}
	want(t, "twice", h.EndSession(t.Context(), who["bob"], of[0].ID), users.ErrUnknown)
}

// What is deleted leaves no session behind, also where somebody logs in at the
// same moment.
func TestDeletionAgainstLogins(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for range 5 {
		h.register("george")
		if _, err := h.login("george", password); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		var removed atomic.Int32
		for range 6 {
			all.Go(func() {
				if _, err := h.login("george", password); err != nil && !errors.Is(err, users.ErrWrong) {
					t.Error(err)
				}
			})
		}
		for range 2 {
			all.Go(func() {
				switch err := h.Delete(context.Background(), users.Operator(), "george"); {
				case err == nil:
					removed.Add(1)
				case !errors.Is(err, users.ErrUnknown):
					t.Error(err)
				}
			})
		}
		all.Wait()
		left, err := h.store.Find(t.Context(), "sessions", store.Query{})
		if err != nil || len(left) != 0 || removed.Load() != 1 {
			t.Fatalf("%d sessions are left, removed %d times, %v", len(left), removed.Load(), err)
		}
	}
}

// All that is a user's goes before the user, in one order.
func TestDeletionOrder(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	for i := range 150 { // more than go together
		owner := "cid"
		if i%50 == 0 {
			owner = "dan"
		}
		must(t, h.store.Apply(t.Context(), store.Insert("files", bson.D{{Key: "user", Value: owner}})))
	}
	must(t, h.store.Apply(t.Context(), store.Insert("buckets", bson.D{{Key: "username", Value: "cid"}})))
	for range 120 {
		if _, err := h.login("cid", password); err != nil {
			t.Fatal(err)
		}
	}
	feed, err := h.store.Watch(t.Context(), store.Start{}, "users", "sessions", "files", "buckets")
	must(t, err)
	defer feed.Close()
	must(t, h.Delete(t.Context(), who["bob"], "cid"))
	counts := map[string]int{}
	last := ""
	for counts["users"] == 0 {
		change, err := feed.Next(t.Context())
		must(t, err)
		if change.Op != store.OpDelete {
			t.Fatalf("%+v", change)
		}
		counts[change.Collection]++
		if rank[change.Collection] < rank[last] {
			t.Fatalf("%s after %s", change.Collection, last)
		}
		last = change.Collection
	}
	if counts["files"] != 147 || counts["buckets"] != 1 || counts["sessions"] != 100 {
		t.Errorf("%v", counts)
	}
}

var rank = map[string]int{"files": 1, "buckets": 2, "sessions": 3, "users": 4}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Each login is told, however close they are.
func TestEachLoginAdvances(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	feed, err := h.store.Watch(t.Context(), store.Start{}, "users")
	must(t, err)
	defer feed.Close()
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if _, err := h.login("george", password); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	last := int64(0)
	for range 12 {
		change, err := feed.Next(t.Context())
		must(t, err)
		now := change.After.Lookup("lastLoggedIn").Int64()
		if now <= last {
			t.Errorf("%d after %d", now, last)
		}
		last = now
	}
}
