package resources_test

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/resources"
)

func TestVersionText(t *testing.T) {
	t.Parallel()
	const text = "2024-01-30T15:50:35.742Z"
	v, err := resources.ParseVersion(text)
	if err != nil || v.String() != text || v != 1706629835742 {
		t.Errorf("%d %s, %v", v, v, err)
	}
	if got := resources.Version(1706629835700).String(); got != "2024-01-30T15:50:35.700Z" {
		t.Errorf("%s has not three digits", got)
	}
	for _, text := range []string{"", "2024-01-30", "2024-01-30T15:50:35Z", "2024-01-30T15:50:35.7Z", "2024-01-30T15:50:35.742+01:00", "1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "1706629835742"} {
		if v, err := resources.ParseVersion(text); err == nil {
			t.Errorf("%q is the version %d", text, v)
		}
	}
}

// doc is a document with data (nil: none) and a version (0: none).
func doc(data any, version int64) bson.Raw {
	d := bson.D{{Key: "_id", Value: "x"}}
	if data != nil {
		d = append(d, bson.E{Key: "data", Value: data})
	}
	if version != 0 {
		d = append(d, bson.E{Key: "version", Value: bson.DateTime(version)})
	}
	raw, err := bson.Marshal(d)
	if err != nil {
		panic(err)
	}
	return raw
}

func TestSeen(t *testing.T) {
	t.Parallel()
	const at = 1000
	there, gone := func(v resources.Version) resources.State { return resources.State{Exists: true, Version: v} }, func(v resources.Version) resources.State { return resources.State{Version: v} }
	for name, c := range map[string]struct {
		op            store.Op
		before, after bson.Raw
		fields        []string
		last          resources.State
		exists        bool
		version       int64 // 0: nobody is told
		stamp         bool
	}{
		"made":                                  {store.OpInsert, nil, doc(1, 500), nil, gone(0), true, 500, false},
		"changed":                               {store.OpUpdate, doc(1, 500), doc(2, 501), nil, there(500), true, 501, false},
		"written as it was":                     {store.OpUpdate, doc(1, 500), doc(1, 501), nil, there(500), true, 501, false},
		"deleted by us":                         {store.OpUpdate, doc(1, 500), doc(nil, 501), nil, there(500), false, 501, false},
		"made again by us":                      {store.OpUpdate, doc(nil, 501), doc(1, 502), nil, gone(501), true, 502, false},
		"what is left expires":                  {store.OpDelete, doc(nil, 501), nil, nil, gone(501), false, 0, false},
		"what is left expires, unseen":          {store.OpDelete, doc(nil, 501), nil, nil, gone(0), false, 0, false},
		"made without a version":                {store.OpInsert, nil, doc(1, 0), nil, gone(0), true, at, true},
		"changed without a version":             {store.OpUpdate, doc(1, 500), doc(2, 500), nil, there(500), true, at, true},
		"changed twice in a millisecond":        {store.OpUpdate, doc(2, 500), doc(3, 500), nil, there(at), true, at + 1, true},
		"changed behind a clock that is ahead":  {store.OpUpdate, doc(2, 2000), doc(3, 2000), nil, gone(0), true, 2001, true},
		"version taken away":                    {store.OpUpdate, doc(1, 500), doc(1, 0), nil, there(500), true, at, true},
		"version taken back":                    {store.OpUpdate, doc(1, 500), doc(1, 400), nil, there(500), true, at, true},
		"stamped":                               {store.OpUpdate, doc(2, 500), doc(2, at), nil, there(at), true, 0, false},
		"stamped, unseen":                       {store.OpUpdate, doc(2, 500), doc(2, at), nil, gone(0), true, at, false},
		"another field":                         {store.OpUpdate, doc(2, 500), doc(2, 500), []string{"note"}, there(500), true, 0, false},
		"deleted by another":                    {store.OpDelete, doc(2, 500), nil, nil, there(500), false, at, false},
		"deleted by another, ahead":             {store.OpDelete, doc(2, 2000), nil, nil, there(2000), false, 2001, false},
		"data taken away by another":            {store.OpUpdate, doc(2, 500), doc(nil, 500), nil, there(500), false, at, false},
		"made again by another":                 {store.OpInsert, nil, doc(1, 0), nil, gone(2001), true, 2002, true},
		"made again with a version that is old": {store.OpInsert, nil, doc(1, 500), nil, gone(2001), true, 2002, true},
		"without images, changed":               {store.OpUpdate, nil, doc(2, 501), []string{"data", "version"}, there(500), true, 501, false},
		"without images, replaced":              {store.OpUpdate, nil, doc(2, 501), nil, there(500), true, 501, false},
		"without images, no version":            {store.OpUpdate, nil, doc(2, 500), []string{"data"}, there(500), true, at, true},
		"without images, no version, unseen":    {store.OpUpdate, nil, doc(2, 500), []string{"data"}, gone(0), true, at, true},
		"without images, stamped":               {store.OpUpdate, nil, doc(2, 501), []string{"version"}, there(501), true, 0, false},
		"without images, deleted":               {store.OpDelete, nil, nil, nil, there(500), false, at, false},
		"without images, what is left expires":  {store.OpDelete, nil, nil, nil, gone(501), false, 0, false},
	} {
		now, news, stamp := resources.Seen(store.Change{Op: c.op, Before: c.before, After: c.after, Fields: c.fields, Time: time.UnixMilli(at)}, c.last)
		if news != (c.version != 0) || stamp != c.stamp || news && (now.Exists != c.exists || int64(now.Version) != c.version) {
			t.Errorf("%s: told %v, exists %v, version %d, stamp %v; want version %d, exists %v, stamp %v", name, news, now.Exists, now.Version, stamp, c.version, c.exists, c.stamp)
		}
	}
}

func TestViewers(t *testing.T) {
	t.Parallel()
	session := resources.Viewer{UserID: "ann", Read: true, Write: true}
	program := resources.Viewer{UserID: "key:x", Program: true, Read: true, Write: true}
	anonymous := resources.Viewer{Read: true}
	for _, c := range []struct {
		kind, id, user string
		session        string // what it may: r, w
		anonymous      string
	}{
		{"kvStore", "World:kvstoreClient:k", "ann", "rw", ""},
		{"kvStore", "World:kvstoreClient:k", "bob", "", ""},
		{"kvStore", "World:kvstoreServer:k", "ann", "", ""},
		{"kvStore", "World:kvstoreClient:k", "", "", ""},
		{"collection", "private", "ann", "rw", ""},
		{"collection", "private", "bob", "", ""},
		{"collection", "private", "", "", ""},
		{"collection", "public", "ann", "rw", "r"},
		{"collection", "source", "ann", "r", "r"},
		{"liveConfig", "game", "ann", "r", "r"},
	} {
		r := parsed(t, c.kind, c.id, place, c.user)
		may := func(v resources.Viewer) (s string) {
			if v.MayRead(r) {
				s += "r"
			}
			if v.MayWrite(r) {
				s += "w"
			}
			return s
		}
		if got := may(session); got != c.session {
			t.Errorf("%s %s of %q: ann may %q, want %q", c.kind, c.id, c.user, got, c.session)
		}
		if got := may(anonymous); got != c.anonymous {
			t.Errorf("%s %s of %q: who is not known may %q, want %q", c.kind, c.id, c.user, got, c.anonymous)
		}
		if may(program) != "rw" || may(resources.Viewer{UserID: "ann"}) != "" || may(resources.Viewer{UserID: "key:x", Program: true, Write: true}) != "w" {
			t.Errorf("%s %s of %q: a program", c.kind, c.id, c.user)
		}
	}
}
