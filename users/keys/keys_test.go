package keys_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/users/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*keys.Keys, store.Store) {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "keys.db"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Declare(t.Context(), keys.Collection()); err != nil {
		t.Fatal(err)
	}
	return keys.New(st), st
}

func create(t *testing.T, ks *keys.Keys, name string, scopes ...string) (keys.Key, string) {
	t.Helper()
	k, token, err := ks.Create(t.Context(), name, scopes)
	if err != nil {
		t.Fatal(err)
	}
	return k, token
}

func same(a, b keys.Key) bool {
	return a.ID == b.ID && a.Name == b.Name && a.CreatedOn.Equal(b.CreatedOn) && slices.Equal(a.Scopes, b.Scopes)
}

func TestTokenIsVerified(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	made, token := create(t, ks, "dashboards", "write:events", "read:events", "read:events")

	if !regexp.MustCompile(`^ghk_[0-9a-f]{12}_[0-9a-f]{64}$`).MatchString(token) {
		t.Errorf("the token is %q", token)
	}
	if !slices.Equal(made.Scopes, []string{"read:events", "write:events"}) {
		t.Errorf("scopes %q", made.Scopes)
	}
	if !strings.Contains(token, "_"+made.ID+"_") {
		t.Errorf("the id %s is no part of %s", made.ID, token)
	}
	got, err := ks.Verify(t.Context(), token)
	if err != nil || !same(got, made) {
		t.Errorf("Verify: %+v, %v; want %+v", got, err, made)
	}
	got, err = ks.Get(t.Context(), made.ID)
	if err != nil || !same(got, made) {
		t.Errorf("Get: %+v, %v; want %+v", got, err, made)
	}
}

func TestWrongTokens(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	k, token := create(t, ks, "one", "read:events")
	_, other := create(t, ks, "other", "read:events")
	_, revoked := create(t, ks, "revoked", "read:events")
	if err := ks.Revoke(t.Context(), "revoked"); err != nil {
		t.Fatal(err)
	}

	last := token[len(token)-1:]
	flipped := strings.NewReplacer("0", "1").Replace(last)
	if flipped == last {
		flipped = "0"
	}
	for name, wrong := range map[string]string{
		"empty":                     "",
		"the id":                    k.ID,
		"the prefix":                "ghk_",
		"without prefix":            strings.TrimPrefix(token, "ghk_"),
		"another prefix":            "ghx_" + strings.TrimPrefix(token, "ghk_"),
		"one digit wrong":           token[:len(token)-1] + flipped,
		"one digit less":            token[:len(token)-1],
		"one digit more":            token + "0",
		"in upper case":             "ghk_" + strings.ToUpper(strings.TrimPrefix(token, "ghk_")),
		"another key's secret":      token[:17] + other[17:],
		"an id that does not exist": "ghk_000000000000" + token[16:],
		"the separator moved":       token[:15] + "_" + token[15:16] + token[17:],
		"revoked":                   revoked,
		"huge":                      strings.Repeat("ghk_", 1<<20),
		"not UTF-8":                 strings.Repeat("\xff", len(token)),
		"a zero byte in the id":     "ghk_\x00" + token[5:],
	} {
		if got, err := ks.Verify(t.Context(), wrong); !errors.Is(err, keys.ErrWrong) || got.ID != "" {
			t.Errorf("%s: %+v, %v; want ErrWrong", name, got, err)
		}
	}
	if _, err := ks.Verify(t.Context(), token); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestStoreKeepsNoToken(t *testing.T) {
	t.Parallel()
	ks, st := open(t)
	feed, err := st.Watch(t.Context(), store.Start{}, "keys")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	k, token := create(t, ks, "one", "*")
	secret := token[strings.LastIndexByte(token, '_')+1:]

	raw, err := st.Get(t.Context(), "keys", k.ID)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(raw.String(), secret) || strings.Contains(string(raw), secret) {
		t.Error("the store has the secret itself")
	}
	change, err := feed.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if hash := change.After.Lookup("hash"); hash.Type != bson.TypeBoolean {
		t.Errorf("the feed shows the hash: %s", hash)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	for _, name := range []string{"a", "7", "build server", "a.b_c-d", "Ends-", strings.Repeat("n", 64)} {
		create(t, ks, name, "read:events")
	}
	for _, name := range []string{"", " ", " a", "a ", "-a", ".", "..", "a/b", "a\nb", "ä", "a\x00", strings.Repeat("n", 65), "\xff"} {
		_, token, err := ks.Create(t.Context(), name, []string{"read:events"})
		if !errors.Is(err, keys.ErrInvalid) || token != "" {
			t.Errorf("%q: %v; want ErrInvalid", name, err)
		}
	}
}

func TestNameIsTaken(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	_, first := create(t, ks, "Dashboards", "read:events")
	for _, name := range []string{"Dashboards", "dashboards"} {
		_, token, err := ks.Create(t.Context(), name, []string{"read:events"})
		if !errors.Is(err, keys.ErrTaken) || token != "" {
			t.Errorf("%s: %v; want ErrTaken", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("the name is not in %q", err)
		}
	}
	if _, err := ks.Verify(t.Context(), first); err != nil {
		t.Errorf("the first is no longer good: %v", err)
	}
}

// Of any number of keys made at once under one name, one is made.
func TestNameIsTakenOnce(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	var made, taken atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch _, _, err := ks.Create(t.Context(), "one", []string{"*"}); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, keys.ErrTaken):
				taken.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || taken.Load() != 15 {
		t.Errorf("%d made and %d refused, want 1 and 15", made.Load(), taken.Load())
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	for _, scopes := range [][]string{nil, {""}, {"read:everything"}, {"read:events", "READ:EVENTS"}, {" read:events"}} {
		_, _, err := ks.Create(t.Context(), "one", scopes)
		if !errors.Is(err, keys.ErrInvalid) {
			t.Errorf("%q: %v; want ErrInvalid", scopes, err)
			continue
		}
		for _, known := range keys.Scopes {
			if !strings.Contains(err.Error(), known.Name) {
				t.Errorf("%q: the error does not offer %s: %v", scopes, known.Name, err)
			}
		}
	}
	for i, known := range keys.Scopes {
		if k, _ := create(t, ks, fmt.Sprintf("key %d", i), known.Name); !k.Has(known.Name) {
			t.Errorf("a key with %s has it not", known.Name)
		}
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scopes []string
		scope  string
		want   bool
	}{
		{nil, "", true},
		{nil, "read:events", false},
		{[]string{"read:events"}, "read:events", true},
		{[]string{"read:events"}, "write:events", false},
		{[]string{"read:events"}, "*", false},
		{[]string{"read:events"}, "read:", false},
		{[]string{"*"}, "read:events", true},
		{[]string{"*"}, "made:tomorrow", true},
	} {
		if got := (keys.Key{Scopes: c.scopes}).Has(c.scope); got != c.want {
			t.Errorf("%q has %q: %t", c.scopes, c.scope, got)
		}
	}
}

func TestListIsSortedByName(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	if list, err := ks.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("of nothing: %v, %v", list, err)
	}
	names := []string{"h", "c", "e", "a", "g", "b", "f", "d"} // as many as make ids in this order unlikely
	for _, name := range names {
		create(t, ks, name, "read:events")
	}
	list, err := ks.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if !slices.EqualFunc(list, names, func(k keys.Key, name string) bool { return k.Name == name }) {
		t.Errorf("%+v, want %q", list, names)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	for _, by := range []func(keys.Key) string{
		func(k keys.Key) string { return k.Name },
		func(k keys.Key) string { return strings.ToUpper(k.Name) },
		func(k keys.Key) string { return k.ID },
	} {
		k, token := create(t, ks, "one", "read:events")
		if err := ks.Revoke(t.Context(), by(k)); err != nil {
			t.Fatalf("%s: %v", by(k), err)
		}
		if _, err := ks.Verify(t.Context(), token); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("the token is still good: %v", err)
		}
		if _, err := ks.Get(t.Context(), k.ID); !errors.Is(err, keys.ErrUnknown) {
			t.Errorf("the key is still there: %v", err)
		}
		if err := ks.Revoke(t.Context(), by(k)); !errors.Is(err, keys.ErrUnknown) {
			t.Errorf("revoked twice: %v", err)
		}
	}
}

// A name that is another key's id means the key of that name.
func TestRevokeByNameFirst(t *testing.T) {
	t.Parallel()
	ks, _ := open(t)
	k, token := create(t, ks, "one", "*")
	_, named := create(t, ks, k.ID, "*")
	if err := ks.Revoke(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := ks.Verify(t.Context(), named); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("the key of that name: %v", err)
	}
	if _, err := ks.Verify(t.Context(), token); err != nil {
		t.Errorf("the key of that id: %v", err)
	}
}

// That the store does not answer is another matter than a wrong token.
func TestStoreErrorsPassThrough(t *testing.T) {
	t.Parallel()
	ks, st := open(t)
	k, token := create(t, ks, "one", "*")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ks.Verify(ended, token); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("with a context that has ended: %v", err)
	}

	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	_, verify := ks.Verify(t.Context(), token)
	_, get := ks.Get(t.Context(), k.ID)
	_, list := ks.List(t.Context())
	_, _, made := ks.Create(t.Context(), "two", []string{"*"})
	for call, err := range map[string]error{
		"Verify": verify, "Get": get, "List": list, "Create": made, "Revoke": ks.Revoke(t.Context(), "one"),
	} {
		if !errors.Is(err, store.ErrClosed) || errors.Is(err, keys.ErrWrong) || errors.Is(err, keys.ErrUnknown) {
			t.Errorf("%s: %v; want the store's error", call, err)
		}
	}
}
