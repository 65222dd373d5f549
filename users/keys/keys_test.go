package keys_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/store/embedded"
	"gatehouse/users/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) *keys.Keys {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	if err := st.Declare(t.Context(), keys.Collection()); err != nil {
		t.Fatal(err)
	}
	return keys.New(st)
}

func TestLifeOfAKey(t *testing.T) {
	k, ctx := open(t), t.Context()
	made, token, err := k.Create(ctx, "Dashboards", []string{"write:events", "read:events", "read:events"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, "ghk_"+made.ID+"_") || len(token) != 65 {
		t.Errorf("token %q", token)
	}
	got, err := k.Verify(ctx, token)
	if err != nil || got.Name != "Dashboards" || strings.Join(got.Scopes, " ") != "read:events write:events" || got.CreatedOn != made.CreatedOn {
		t.Errorf("%+v, %v", got, err)
	}
	if !got.Has("read:events") || !got.Has("") || got.Has("*") || got.Has("write:users") {
		t.Error("scopes")
	}
	if _, _, err := k.Create(ctx, "dashboards", []string{"*"}); !errors.Is(err, keys.ErrTaken) {
		t.Errorf("a name twice: %v", err)
	}
	if _, _, err := k.Create(ctx, "another", []string{"*"}); err != nil {
		t.Fatal(err)
	}
	list, err := k.List(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "Dashboards" || !list[1].Has("anything") {
		t.Errorf("%+v, %v", list, err)
	}
	if err := k.Revoke(ctx, "DASHBOARDS"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Verify(ctx, token); !errors.Is(err, keys.ErrWrong) {
		t.Errorf("a revoked key: %v", err)
	}
	if _, err := k.Get(ctx, made.ID); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("a revoked key: %v", err)
	}
	if err := k.Revoke(ctx, "dashboards"); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("revoked twice: %v", err)
	}
	if err := k.Revoke(ctx, list[1].ID); err != nil {
		t.Errorf("by id: %v", err)
	}
}

func TestWrongTokens(t *testing.T) {
	k, ctx := open(t), t.Context()
	_, token, err := k.Create(ctx, "a", []string{"*"})
	if err != nil {
		t.Fatal(err)
	}
	other := []byte(token)
	other[len(other)-1] ^= 'a' ^ 'q'
	for _, wrong := range []string{"", "ghk_", token[1:], token + "a", string(other), strings.ToUpper(token), strings.Repeat("x", 1<<20), "ghk_" + strings.Repeat("_", 61)} {
		if _, err := k.Verify(ctx, wrong); !errors.Is(err, keys.ErrWrong) {
			t.Errorf("%.80q: %v", wrong, err)
		}
	}
}

func TestNamesAndScopesAreChecked(t *testing.T) {
	k := open(t)
	for name, scopes := range map[string][]string{
		"":                      {"*"},
		" a":                    {"*"},
		"a\nb":                  {"*"},
		strings.Repeat("x", 65): {"*"},
		"none":                  nil,
		"unknown":               {"read:events", "fly"},
	} {
		if _, _, err := k.Create(t.Context(), name, scopes); !errors.Is(err, keys.ErrInvalid) {
			t.Errorf("%.20q %v: %v", name, scopes, err)
		}
	}
}

func TestOneNameGoesToOne(t *testing.T) {
	k := open(t)
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, _, err := k.Create(t.Context(), "the one", []string{"*"})
			switch {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, keys.ErrTaken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("%d keys of one name", made.Load())
	}
}
