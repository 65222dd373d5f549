package profiles_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/store"
	"gatehouse/store/embedded"
	"gatehouse/users/profiles"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T) (*profiles.Profiles, store.Store) {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "profiles.db"), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Declare(t.Context(), profiles.Collection()); err != nil {
		t.Fatal(err)
	}
	return profiles.New(st), st
}

var (
	program = profiles.Editor{Program: true}
	george  = profiles.Editor{Username: "george"}
	martha  = profiles.Editor{Username: "martha"}
)

func wants(t *testing.T, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", what, err, target)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLifeOfACharacter(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	_, err := p.Get(t.Context(), "Omega", "Selena Star")
	wants(t, "nobody", err, profiles.ErrUnknown)
	c, err := p.Create(t.Context(), "Omega", "Selena Star", "george")
	must(t, err)
	if c.World != "Omega" || c.Name != "Selena Star" || c.Owner != "george" || len(c.Profile) != 0 || c.UpdatedAt.IsZero() || c.Version != 1 {
		t.Errorf("%+v", c)
	}
	_, err = p.Create(t.Context(), "OMEGA", "selena star", "")
	wants(t, "again", err, profiles.ErrTaken)
	c, err = p.Put(t.Context(), george, "omega", "SELENA STAR", map[string]string{"race": "Miqo'te", "age": "27"})
	must(t, err)
	if c.Name != "Selena Star" || c.Profile["race"] != "Miqo'te" || c.Version != 2 {
		t.Errorf("%+v", c)
	}
	c, err = p.Put(t.Context(), george, "omega", "selena star", map[string]string{"race": "Miqo'te", "age": ""})
	must(t, err)
	if len(c.Profile) != 1 || c.Version != 3 {
		t.Errorf("%+v", c)
	}
	c, err = p.Put(t.Context(), george, "omega", "selena star", map[string]string{"race": "Miqo'te"})
	if must(t, err); c.Version != 3 {
		t.Errorf("nothing changed, and the version is %d", c.Version)
	}
	name, world := "Luna Star", "Louisoix"
	c, err = p.Change(t.Context(), george, "Omega", "Selena Star", profiles.Changes{Name: &name, World: &world})
	must(t, err)
	if c.Name != name || c.World != world || c.Profile["race"] == "" {
		t.Errorf("%+v", c)
	}
	_, err = p.Get(t.Context(), "Omega", "Selena Star")
	wants(t, "the old name", err, profiles.ErrUnknown)
	must(t, p.Delete(t.Context(), george, "louisoix", "luna star"))
	wants(t, "twice", p.Delete(t.Context(), george, "louisoix", "luna star"), profiles.ErrUnknown)
}

func TestWhoMay(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	_, err := p.Create(t.Context(), "Omega", "Selena", "george")
	must(t, err)
	_, err = p.Create(t.Context(), "Omega", "Nobody's", "")
	must(t, err)
	fields := map[string]string{"age": "27"}
	_, err = p.Put(t.Context(), martha, "Omega", "Selena", fields)
	wants(t, "another's", err, profiles.ErrNotYours)
	_, err = p.Put(t.Context(), martha, "Omega", "Nobody's", fields)
	wants(t, "nobody's", err, profiles.ErrNotYours)
	_, err = p.Put(t.Context(), profiles.Editor{}, "Omega", "Nobody's", fields)
	wants(t, "nobody's by nobody", err, profiles.ErrNotYours)
	_, err = p.Put(t.Context(), martha, "Omega", "Absent", fields)
	wants(t, "absent", err, profiles.ErrUnknown)
	c, err := p.Put(t.Context(), program, "Omega", "Absent", fields)
	if must(t, err); c.Profile["age"] != "27" || c.Owner != "" {
		t.Errorf("%+v", c)
	}
	owner := "martha"
	_, err = p.Change(t.Context(), george, "Omega", "Selena", profiles.Changes{Owner: &owner})
	wants(t, "giving it away", err, profiles.ErrNotYours)
	_, err = p.Change(t.Context(), program, "Omega", "Selena", profiles.Changes{Owner: &owner})
	must(t, err)
	_, err = p.Put(t.Context(), martha, "Omega", "Selena", fields)
	must(t, err)
	taken := "absent"
	_, err = p.Change(t.Context(), martha, "Omega", "Selena", profiles.Changes{Name: &taken})
	wants(t, "a taken name", err, profiles.ErrTaken)
	_, err = p.Change(t.Context(), program, "Omega", "Gone", profiles.Changes{Name: &taken})
	wants(t, "changing nobody", err, profiles.ErrUnknown)
}

func TestWhatIsChosenIsChecked(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	for _, name := range []string{"", " a", "a/b", "a\n", "\xff", strings.Repeat("a", 65)} {
		var invalid *profiles.InvalidError
		if _, err := p.Create(t.Context(), "Omega", name, ""); !errors.As(err, &invalid) || invalid.Field != "name" {
			t.Errorf("the name %q: %v", name, err)
		}
		if _, err := p.Put(t.Context(), program, name, "Selena", nil); !errors.As(err, &invalid) || invalid.Field != "world" {
			t.Errorf("the world %q: %v", name, err)
		}
	}
	for field, text := range map[string]string{"color": "x", "age": strings.Repeat("x", 64<<10+1), "a.b": "x", "$set": "x"} {
		if _, err := p.Put(t.Context(), program, "Omega", "Selena", map[string]string{field: text}); !errors.As(err, new(*profiles.InvalidError)) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := p.Create(t.Context(), "Ωmega", "Jürgen ſs", ""); err != nil {
		t.Error(err)
	}
	if _, err := p.Get(t.Context(), "ωMEGA", "JU\u0308RGEN SS"); err != nil {
		t.Errorf("other spellings: %v", err)
	}
}

// Many who edit at once undo nothing of each other, and of many who make one
// character one does.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	var all sync.WaitGroup
	for i, f := range profiles.Fields {
		all.Go(func() {
			if _, err := p.Put(t.Context(), program, "Omega", "Selena", map[string]string{f: strconv.Itoa(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	var made atomic.Int32
	for range 8 {
		all.Go(func() {
			if _, err := p.Create(t.Context(), "Omega", "Luna", ""); err == nil {
				made.Add(1)
			} else if !errors.Is(err, profiles.ErrTaken) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	c, err := p.Get(t.Context(), "omega", "selena")
	if must(t, err); len(c.Profile) != len(profiles.Fields) || made.Load() != 1 {
		t.Errorf("%d fields, made %d times", len(c.Profile), made.Load())
	}
}
