package users_test

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/users"
)

// Who may do what to whom. Ann is the super admin, bob an admin; nobody.else is
// not there.
func TestWhoMay(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	who["a program"], who["the operator"], who["nobody"] = users.Program(), users.Operator(), users.Actor{}
	if _, err := h.CreateAdmin(t.Context(), someone("ben")); err != nil {
		t.Fatal(err)
	}
	words := "hush-hush-3"
	two, three, one := users.Admin, users.Regular, users.Super
	edit := func(c users.Changes) func(users.Actor, string) error {
		return func(by users.Actor, name string) error {
			_, err := h.Edit(t.Context(), by, name, c)
			return err
		}
	}
	see := func(by users.Actor, name string) error { _, err := h.Get(t.Context(), by, name); return err }
	meta := func(by users.Actor, name string) error {
		_, err := h.SetMetaValue(t.Context(), by, name, "p", 1)
		return err
	}
	yes, no, absent, wrong := "yes", "no", "absent", "wrong"
	for _, c := range []struct {
		what string
		do   func(users.Actor, string) error
		by   string
		on   string
		want string
	}{
		{"see", see, "cid", "cid", yes},
		{"see", see, "cid", "CID@example.com", yes},
		{"see", see, "cid", "dan", no},
		{"see", see, "cid", "ann", no},
		{"see", see, "cid", "nobody.else", no},
		{"see", see, "bob", "cid", yes},
		{"see", see, "bob", "ann", yes},
		{"see", see, "bob", "nobody.else", absent},
		{"see", see, "a program", "ann", yes},
		{"see", see, "nobody", "cid", no},
		{"see", see, "nobody", "nobody.else", no},
		{"see", see, "nobody", "", no},
		{"meta", meta, "cid", "cid", yes},
		{"meta", meta, "cid", "dan", no},
		{"meta", meta, "bob", "cid", yes},
		{"meta", meta, "bob", "ben", no},
		{"meta", meta, "bob", "ann", no},
		{"meta", meta, "bob", "bob", yes},
		{"meta", meta, "ann", "ben", yes},
		{"meta", meta, "a program", "cid", yes},
		{"meta", meta, "a program", "bob", no},
		{"meta", meta, "nobody", "cid", no},
		{"privileges", edit(users.Changes{Privileges: &two}), "cid", "cid", no},
		{"privileges", edit(users.Changes{Privileges: &two}), "bob", "cid", no},
		{"privileges", edit(users.Changes{Privileges: &one}), "ann", "cid", wrong},
		{"privileges", edit(users.Changes{Privileges: &three}), "ann", "ann", no},
		{"privileges", edit(users.Changes{Privileges: &three}), "the operator", "ann", no},
		{"privileges", edit(users.Changes{Privileges: &three}), "bob", "ben", no},
		{"privileges", edit(users.Changes{Privileges: &two}), "ann", "dan", yes},
		{"privileges", edit(users.Changes{Privileges: &three}), "ann", "dan", yes},
		{"password", edit(users.Changes{Password: &words}), "cid", "cid", wrong}, // without the current one
		{"password", edit(users.Changes{Password: &words, CurrentPassword: &words}), "cid", "cid", wrong},
		{"password", edit(users.Changes{Password: &words}), "cid", "dan", no},
		{"password", edit(users.Changes{Password: &words}), "bob", "dan", yes},
		{"password", edit(users.Changes{Password: &words}), "bob", "bob", wrong},
		{"password", edit(users.Changes{Password: &words}), "a program", "ann", no},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "cid", "dan", no},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "bob", "ben", no},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "ann", "ann", no},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "the operator", "ann", no},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "ann", "ben", yes},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "cid", "cid", yes},
		{"delete", func(by users.Actor, name string) error { return h.Delete(t.Context(), by, name) }, "bob", "cid", absent},
	} {
		err := c.do(who[c.by], c.on)
		got := "yes"
		switch {
		case refused(err):
			got = "no"
		case errors.Is(err, users.ErrUnknown):
			got = "absent"
		case invalid(err) != "":
			got = "wrong"
		case err != nil:
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s to %s: %s (%v), want %s", c.what, c.by, c.on, got, err, c.want)
		}
	}
}

func TestOwnPassword(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.register("george")
	other, err := h.login("george", password)
	if err != nil {
		t.Fatal(err)
	}
	own, err := h.login("george", password)
	if err != nil {
		t.Fatal(err)
	}
	by, _, err := h.Session(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	current, chosen := password, "hush-hush-2"
	if _, err := h.Edit(t.Context(), by, "george", users.Changes{Password: &chosen, CurrentPassword: &current}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Session(t.Context(), own); err != nil {
		t.Errorf("the session that changed it: %v", err)
	}
	_, _, err = h.Session(t.Context(), other)
	want(t, "another session", err, users.ErrNoSession)
	_, err = h.login("george", password)
	want(t, "the old password", err, users.ErrWrong)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	address, other, current := "New@example.com", "DAN@example.com", password
	if user, err := h.Edit(t.Context(), who["cid"], "cid", users.Changes{Email: &address, CurrentPassword: &current}); err != nil || user.Email != address {
		t.Errorf("%+v, %v", user, err)
	}
	_, err := h.Edit(t.Context(), who["cid"], "cid", users.Changes{Email: &other, CurrentPassword: &current})
	want(t, "dan's", err, users.ErrTaken)
	h.SetSettings(users.Settings{Activation: users.ActivationEmail, Cost: 4})
	next := "newer@example.com"
	if _, err := h.Edit(t.Context(), who["cid"], "cid", users.Changes{Email: &next, CurrentPassword: &current}); !refused(err) {
		t.Errorf("not confirmed: %v", err)
	}
	if _, err := h.Edit(t.Context(), who["bob"], "cid", users.Changes{Email: &next}); err != nil {
		t.Errorf("by an admin: %v", err)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	h.SetSettings(users.Settings{Activation: users.ActivationEmail, Cost: 4})
	n := someone("eve")
	n.Meta = bson.D{{Key: "color", Value: "red"}}
	user, err := h.Create(t.Context(), who["bob"], n)
	if err != nil || !user.Activated || user.Privileges != users.Regular || user.Meta.Lookup("color").StringValue() != "red" {
		t.Errorf("%+v, %v", user, err)
	}
	_, err = h.Create(t.Context(), who["bob"], n)
	want(t, "twice", err, users.ErrTaken)
	n = someone("fay")
	n.Privileges = users.Admin
	if _, err := h.Create(t.Context(), who["bob"], n); !refused(err) {
		t.Errorf("an admin by an admin: %v", err)
	}
	if _, err := h.Create(t.Context(), who["cid"], someone("fay")); !refused(err) {
		t.Errorf("by a regular user: %v", err)
	}
	if user, err := h.Create(t.Context(), who["ann"], n); err != nil || user.Privileges != users.Admin {
		t.Errorf("%+v, %v", user, err)
	}
	n.Privileges = users.Super
	if _, err := h.Create(t.Context(), who["ann"], n); invalid(err) != "privileges" {
		t.Errorf("another super admin: %v", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	who := h.admins()
	for _, c := range []struct {
		search      string
		skip, limit int
		want        string
		more        bool
	}{
		{"", 0, 10, "ann bob cid dan ", false},
		{"", 0, 2, "ann bob ", true},
		{"", 2, 2, "cid dan ", false},
		{"", 9, 2, "", false},
		{"an@EX", 0, 10, "dan ", false},
		{".*", 0, 10, "", false},
	} {
		page, more, err := h.List(t.Context(), who["bob"], c.search, c.skip, c.limit)
		names := ""
		for _, u := range page {
			names += u.Username + " "
		}
		if err != nil || names != c.want || more != c.more {
			t.Errorf("%+v: %s, %t, %v", c, names, more, err)
		}
	}
	if _, _, err := h.List(t.Context(), who["cid"], "", 0, 1); !refused(err) {
		t.Errorf("by a regular user: %v", err)
	}
}

// Of any number of first admins one is the super admin.
func TestOneSuperAdmin(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	var supers atomic.Int32
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			user, err := h.CreateAdmin(t.Context(), someone("a"+strconv.Itoa(i)))
			if err != nil {
				t.Error(err)
			}
			if user.Privileges == users.Super {
				supers.Add(1)
			}
		})
	}
	all.Wait()
	if supers.Load() != 1 {
		t.Errorf("%d super admins", supers.Load())
	}
}
