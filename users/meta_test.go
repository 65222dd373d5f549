package users_test

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/users"
)

func TestMeta(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	by := users.Program()
	set := func(name string, value any) {
		t.Helper()
		if username, err := h.SetMetaValue(t.Context(), by, "GEORGE", name, value); err != nil || username != "george" {
			t.Errorf("%s, %v", username, err)
		}
	}
	set("color", "red")
	set("sub", bson.D{{Key: "x", Value: bson.A{1, nil, true}}})
	set("toString", 1.5)
	user, err := h.Get(t.Context(), by, "GEORGE")
	if meta := user.Meta; err != nil || meta.String() != `{"color": "red","sub": {"x": [{"$numberInt":"1"},null,true]},"toString": {"$numberDouble":"1.5"}}` {
		t.Errorf("%s, %v", user.Meta, err)
	}
	must(t, h.UnsetMetaValue(t.Context(), by, "george", "color"))
	for _, name := range []string{"color", "sub.x", "", "$x"} {
		want(t, "unset "+name, h.UnsetMetaValue(t.Context(), by, "george", name), users.ErrUnknown)
		_, _, err := h.MetaValue(t.Context(), by, "george", name)
		want(t, "get "+name, err, users.ErrUnknown)
	}
	if _, err := h.SetMeta(t.Context(), by, "george", bson.D{{Key: "all", Value: "new"}}); err != nil {
		t.Error(err)
	}
	if user, err := h.Get(t.Context(), by, "george"); err != nil || user.Meta.String() != `{"all": "new"}` {
		t.Errorf("%s, %v", user.Meta, err)
	}
	_, err = h.SetMetaValue(t.Context(), by, "nobody", "p", 1)
	want(t, "of nobody", err, users.ErrUnknown)
}

func TestNamesThatWouldBeMisread(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	for _, name := range []string{"", "$set", "a.b", ".", "__proto__", "a\x00b", "\xff", strings.Repeat("a", 129)} {
		if _, err := h.SetMetaValue(t.Context(), users.Program(), "george", name, 1); !strings.HasPrefix(invalid(err), "meta.") {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := h.SetMetaValue(t.Context(), users.Program(), "george", "p", bson.A{bson.D{{Key: name, Value: 1}}}); !strings.HasPrefix(invalid(err), "meta.p.0.") {
			t.Errorf("%q within: %v", name, err)
		}
		if _, err := h.SetMeta(t.Context(), users.Program(), "george", bson.D{{Key: name, Value: 1}}); invalid(err) == "" {
			t.Errorf("%q in all: %v", name, err)
		}
	}
	if user, err := h.Get(t.Context(), users.Program(), "george"); err != nil || user.Meta.String() != "{}" {
		t.Errorf("%s, %v", user.Meta, err)
	}
}

// The bound is of all properties together, also of those that are set at the
// same time.
func TestMetaIsBounded(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	var kept, large atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := h.SetMetaValue(t.Context(), users.Program(), "george", "p"+strconv.Itoa(i), strings.Repeat("x", 10_000))
			var e *users.InvalidError
			switch {
			case err == nil:
				kept.Add(1)
			case errors.As(err, &e) && e.Field == "meta":
				large.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if kept.Load() != 6 || large.Load() != 14 {
		t.Errorf("%d kept, %d too large", kept.Load(), large.Load())
	}
}
