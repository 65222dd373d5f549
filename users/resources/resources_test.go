package resources_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/users/resources"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*resources.Resources, store.Store) {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Declare(t.Context(), resources.Collections()...); err != nil {
		t.Fatal(err)
	}
	return resources.New(st), st
}

var place = resources.Place{resources.Organization: "org", resources.Project: "proj", resources.World: "w/1"}

func game(t *testing.T) resources.Resource {
	t.Helper()
	r, err := resources.Parse("liveConfig", "game", place, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whatever the clock says, a version is behind the one before, through a deletion
// too.
func TestVersionsGrow(t *testing.T) {
	t.Parallel()
	r, st := open(t)
	of := game(t)
	var last resources.Version
	step := func(what string, v resources.Version, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if v <= last {
			t.Errorf("%s: version %s behind %s", what, v, last)
		}
		last = v
	}
	put := func() {
		t.Helper()
		v, err := r.Put(t.Context(), of, 1, nil)
		step("put", v, err)
	}
	remove := func() {
		t.Helper()
		v, err := r.Delete(t.Context(), of, nil)
		step("delete", v, err)
	}
	begin := time.Now().UnixMilli()
	for range 50 { // many in a millisecond
		put()
	}
	if int64(last) < begin {
		t.Errorf("version %s is before the test", last)
	}
	// The clock steps back by an hour: what is stored is ahead of it.
	ahead := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	must(t, st.Apply(t.Context(), store.Update(of.Collection, of.ID, bson.D{{Key: "version", Value: ahead}})))
	last = resources.Version(ahead.UnixMilli())
	put()
	remove()
	if want := resources.Version(ahead.UnixMilli() + 2); last != want {
		t.Errorf("version %s, want %s", last, want)
	}
	put()
	remove()
	if _, err := r.Delete(t.Context(), of, nil); !errors.Is(err, resources.ErrUnknown) {
		t.Errorf("a second deletion: %v", err)
	}
	now, err := r.Get(t.Context(), of)
	must(t, err)
	if now.Exists || now.Version != last {
		t.Errorf("what was deleted is %+v, want the version %s", now, last)
	}
	put()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Of any number of writers each makes one change of one version, and with a
// condition one of them makes it.
func TestWritersTogether(t *testing.T) {
	t.Parallel()
	r, st := open(t)
	other := resources.New(st) // as on another node, which takes no turns with this one
	of := game(t)
	const writers, writes = 20, 10
	var mu sync.Mutex
	var versions []resources.Version
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			by := r
			if w%2 == 1 {
				by = other
			}
			for range writes {
				v, err := by.Put(t.Context(), of, w, nil)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				versions = append(versions, v)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(versions)
	if n := len(slices.Compact(slices.Clone(versions))); n != writers*writes {
		t.Errorf("%d writes have %d versions", writers*writes, n)
	}
	last := versions[len(versions)-1]
	won := 0
	for range writers {
		all.Go(func() {
			_, err := other.Put(t.Context(), of, 1, &last)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, resources.ErrChanged) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d editors of one version had their way", won)
	}
}

// What another program wrote without a version is given one when it is read, and
// no version that was told is taken back.
func TestVersionIsGiven(t *testing.T) {
	t.Parallel()
	r, st := open(t)
	of := game(t)
	for _, version := range []any{nil, "yesterday", bson.DateTime(-1), bson.DateTime(1 << 62)} {
		must(t, st.Apply(t.Context(), store.Put(of.Collection, of.ID, bson.D{{Key: "data", Value: 1}, {Key: "version", Value: version}})))
		first, err := r.Get(t.Context(), of)
		must(t, err)
		again, err := r.Get(t.Context(), of)
		must(t, err)
		if first.Version <= 0 || first.Version != again.Version || !first.Exists {
			t.Errorf("%v: version %s, then %s", version, first.Version, again.Version)
		}
		must(t, r.Stamp(t.Context(), of.Key, first.Version+5))
		must(t, r.Stamp(t.Context(), of.Key, first.Version+3)) // too late
		if again, err = r.Get(t.Context(), of); err != nil || again.Version != first.Version+5 {
			t.Errorf("stamped with %s, read %s, %v", first.Version+5, again.Version, err)
		}
	}
	must(t, st.Apply(t.Context(), store.Delete(of.Collection, of.ID)))
	must(t, r.Stamp(t.Context(), of.Key, 1))
	if now, err := r.Get(t.Context(), of); err != nil || now.Exists {
		t.Errorf("what is gone was stamped: %+v, %v", now, err)
	}
}

// Names that lead to different things lead to different documents.
func TestResourcesAreApart(t *testing.T) {
	t.Parallel()
	at := func(organization, project, world string) resources.Place {
		return resources.Place{resources.Organization: organization, resources.Project: project, resources.World: world}
	}
	seen := map[resources.Key]string{}
	for _, c := range []struct {
		what, kind, id, user string
		at                   resources.Place
	}{
		{"1", "kvStore", "World:kvstoreClient:k", "ann", at("o", "p", "w")},
		{"2", "kvStore", "World:kvstoreClient:k", "bob", at("o", "p", "w")},
		{"3", "kvStore", "World:kvstoreServer:k", "ann", at("o", "p", "w")},
		{"4", "kvStore", "Project:kvstoreClient:k", "ann", at("o", "w", "w")},
		{"5", "kvStore", "World:kvstoreClient:k", "ann", at("o", "p", "w2")},
		{"6", "kvStore", "World:kvstoreClient:k:2", "ann", at("o", "p", "w")},
		{"7", "kvStore", "World:kvstoreClient:a/k", "ann", at("o", "p", "w")},
		{"8", "kvStore", "World:kvstoreClient:k", "ann", at("o/World", "p", "w")},
		{"9", "kvStore", "World:kvstoreClient:k", "ann/kvstoreClient", at("o", "p", "w")},
		{"10", "collection", "public", "ann", at("o", "p", "w")},
		{"11", "collection", "private", "ann", at("o", "p", "w")},
		{"12", "collection", "private", "bob", at("o", "p", "w")},
		{"13", "collection", "private/ann", "bob", at("o", "p", "w")},
		{"14", "liveConfig", "x", "ann", at("o", "p", "w")},
		{"15", "liveConfig", "x", "ann", at("o", "p2", "w")},
		{"16", "liveConfig", "p2/x", "ann", at("o", "p", "w")},
	} {
		r, err := resources.Parse(c.kind, c.id, c.at, c.user)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if other, taken := seen[r.Key]; taken {
			t.Errorf("%s and %s are both %v", other, c.what, r.Key)
		}
		seen[r.Key] = c.what
		if r.Name != c.id {
			t.Errorf("%s is called %s", c.id, r.Name)
		}
	}
	// A project or another user makes no difference where it has none to make.
	for _, pair := range [][2]resources.Resource{
		{parsed(t, "collection", "public", at("o", "p", "w"), "ann"), parsed(t, "collection", "public", at("o", "", ""), "bob")},
		{parsed(t, "kvStore", "World:kvstoreClient:k", at("o", "p", "w"), "ann"), parsed(t, "kvStore", "World:kvstoreClient:k", at("o", "", "w"), "ann")},
	} {
		if pair[0].Key != pair[1].Key {
			t.Errorf("%v is not %v", pair[0].Key, pair[1].Key)
		}
	}
}

func parsed(t *testing.T, kind, id string, at resources.Place, user string) resources.Resource {
	t.Helper()
	r, err := resources.Parse(kind, id, at, user)
	must(t, err)
	return r
}

func TestKeysArePaged(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	for _, key := range []string{"c", "a", "b"} {
		_, err := r.Put(t.Context(), parsed(t, "kvStore", "World:kvstoreClient:"+key, place, "ann"), true, nil)
		must(t, err)
	}
	_, err := r.Put(t.Context(), parsed(t, "kvStore", "World:kvstoreClient:d", place, "bob"), true, nil)
	must(t, err)
	of := parsed(t, "kvStore", "World:kvstoreClient:any", place, "ann")
	page, more, err := r.Keys(t.Context(), of, 0, 2)
	if got := strings.Join(page, " "); err != nil || got != "a b" || !more {
		t.Errorf("%s, more %v, %v", got, more, err)
	}
	page, more, err = r.Keys(t.Context(), of, 2, 2)
	if got := strings.Join(page, " "); err != nil || got != "c" || more {
		t.Errorf("%s, more %v, %v", got, more, err)
	}
}
