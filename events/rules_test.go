package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

func raw(t *testing.T, doc any) bson.Raw {
	t.Helper()
	if doc == nil {
		return nil
	}
	b, err := bson.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// told is what a change tells: type and body of each event.
func told(es []Event) string {
	var lines []string
	for _, e := range es {
		lines = append(lines, fmt.Sprintf("%d %s", e.Type, e.Body))
	}
	return strings.Join(lines, "\n")
}

type D = bson.D

func TestBuiltinRules(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	id, _ := bson.ObjectIDFromHex("65b9048dbc0bd1f1c0f2c4a1")
	george := func(more ...bson.E) D {
		return append(D{{Key: "_id", Value: id}, {Key: "username", Value: "George"}}, more...)
	}
	for name, tc := range map[string]struct {
		collection    string
		op            store.Op
		before, after any
		fields        []string
		want          string
	}{
		"registered": {Users, store.OpInsert, nil, george(bson.E{Key: "password", Value: true}), nil, `11 {"username":"George"}`},
		"a character that changed": {
			Characters, store.OpUpdate,
			D{{Key: "owner", Value: "George"}},
			D{{Key: "owner", Value: "George"}},
			[]string{"profile.age"},
			`12 {"username":"George","fields":["characters"]}`,
		},
		"a character that came":   {Characters, store.OpInsert, nil, D{{Key: "owner", Value: "George"}}, nil, `12 {"username":"George","fields":["characters"]}`},
		"a character that went":   {Characters, store.OpDelete, D{{Key: "owner", Value: "George"}}, nil, nil, `12 {"username":"George","fields":["characters"]}`},
		"a character of nobody's": {Characters, store.OpInsert, nil, D{{Key: "name", Value: "Selena"}}, nil, ""},
		"a character that was given to somebody": {
			Characters, store.OpUpdate,
			D{{Key: "owner", Value: "George"}},
			D{{Key: "owner", Value: "Martha"}},
			[]string{"owner"},
			`12 {"username":"George","fields":["characters"]}` + "\n" + `12 {"username":"Martha","fields":["characters"]}`,
		},
		"a session of the original, and no more": {Users, store.OpUpdate, george(), george(), []string{"sessionId"}, ""},
		"removed":                                {Users, store.OpDelete, george(), nil, nil, `4 {"username":"George"}`},
		"removed, nothing known of it":           {Users, store.OpDelete, nil, nil, nil, `4 {"username":""}`},
		"login": {
			Users, store.OpUpdate, george(bson.E{Key: "lastLoggedIn", Value: when}), george(bson.E{Key: "lastLoggedIn", Value: when.Add(time.Second)}),
			[]string{"lastLoggedIn"},
			`1 {"username":"George"}`,
		},
		"login of the original server, in milliseconds": {
			Users, store.OpUpdate, george(bson.E{Key: "lastLoggedIn", Value: 1.7e12}), george(bson.E{Key: "lastLoggedIn", Value: 1.7e12 + 5}),
			[]string{"lastLoggedIn"},
			`1 {"username":"George"}`,
		},
		"a clock set back is no login": {
			Users, store.OpUpdate, george(bson.E{Key: "lastLoggedIn", Value: when}), george(bson.E{Key: "lastLoggedIn", Value: when.Add(-time.Second)}),
			[]string{"lastLoggedIn"},
			``,
		},
		"login without a before": {
			Users, store.OpUpdate, nil, george(bson.E{Key: "lastLoggedIn", Value: when}), []string{"lastLoggedIn"}, `1 {"username":"George"}`,
		},
		"activated": {
			Users, store.OpUpdate, george(bson.E{Key: "registerKey", Value: true}), george(bson.E{Key: "registerKey", Value: ""}),
			[]string{"registerKey"},
			`3 {"username":"George"}`,
		},
		"activated by removing the key": {
			Users, store.OpUpdate, george(bson.E{Key: "registerKey", Value: true}), george(), []string{"registerKey"}, `3 {"username":"George"}`,
		},
		"a new key is a secret": {
			Users, store.OpUpdate, george(bson.E{Key: "registerKey", Value: true}), george(bson.E{Key: "registerKey", Value: true}),
			[]string{"registerKey"},
			``,
		},
		"a password is a secret": {Users, store.OpUpdate, george(), george(), []string{"password"}, ``},
		"privileges": {
			Users, store.OpUpdate, george(bson.E{Key: "privileges", Value: 3}), george(bson.E{Key: "privileges", Value: 2}),
			[]string{"privileges"},
			`13 {"username":"George","privileges":2}`,
		},
		"profile": {
			Users, store.OpUpdate, george(), george(),
			[]string{"meta.colour", "meta.size.x", "meta.size.y", "email", "avatar.url"},
			`12 {"username":"George","fields":["avatar","email","meta.colour","meta.size"]}`,
		},
		"all of meta at once": {
			Users, store.OpUpdate, george(bson.E{Key: "meta", Value: D{{Key: "a", Value: 1}, {Key: "b", Value: 2}}}), george(bson.E{Key: "meta", Value: D{{Key: "a", Value: 1}, {Key: "c", Value: 3}}}),
			[]string{"meta"},
			`12 {"username":"George","fields":["meta.b","meta.c"]}`,
		},
		"all of meta, no before": {
			Users, store.OpUpdate, nil, george(bson.E{Key: "meta", Value: D{{Key: "a", Value: 1}}}), []string{"meta"}, `12 {"username":"George","fields":["meta"]}`,
		},
		"several at once, in the order of their numbers": {
			Users, store.OpUpdate, george(bson.E{Key: "registerKey", Value: true}), george(bson.E{Key: "privileges", Value: 1}, bson.E{Key: "lastLoggedIn", Value: when}),
			[]string{"lastLoggedIn", "name", "password", "privileges", "registerKey"},
			"1 {\"username\":\"George\"}\n3 {\"username\":\"George\"}\n12 {\"username\":\"George\",\"fields\":[\"name\"]}\n13 {\"username\":\"George\",\"privileges\":1}",
		},
		"logout":                             {Sessions, store.OpDelete, D{{Key: "_id", Value: "s"}, {Key: "username", Value: "George"}}, nil, nil, `2 {"username":"George"}`},
		"a session begins":                   {Sessions, store.OpInsert, nil, D{{Key: "username", Value: "George"}}, nil, ``},
		"a session of nobody":                {Sessions, store.OpDelete, nil, nil, nil, ``},
		"file":                               {Files, store.OpInsert, nil, D{{Key: "_id", Value: id}, {Key: "user", Value: "George"}, {Key: "size", Value: int64(5)}, {Key: store.VersionField, Value: int64(1)}}, nil, `5 {"username":"George","file":{"_id":"65b9048dbc0bd1f1c0f2c4a1","user":"George","size":5}}`},
		"file removed":                       {Files, store.OpDelete, D{{Key: "_id", Value: id}, {Key: "username", Value: "George"}}, nil, nil, `6 {"username":"George","file":{"_id":"65b9048dbc0bd1f1c0f2c4a1","username":"George"}}`},
		"file removed, no image":             {Files, store.OpDelete, nil, nil, nil, `6 {"username":"","file":{"_id":"65b9048dbc0bd1f1c0f2c4a1"}}`},
		"file touched":                       {Files, store.OpUpdate, nil, nil, []string{"size"}, ``},
		"bucket":                             {Buckets, store.OpInsert, nil, D{{Key: "user", Value: "George"}, {Key: "created", Value: when}}, nil, `7 {"username":"George","bucket":{"user":"George","created":"2026-01-02T03:04:05.678Z"}}`},
		"bucket removed":                     {Buckets, store.OpDelete, D{{Key: "user", Value: "George"}}, nil, nil, `8 {"username":"George","bucket":{"user":"George"}}`},
		"echo":                               {announcements, store.OpInsert, nil, announcement{Echo, "", `{"message":9007199254740993}`}, nil, `10 {"message":9007199254740993}`},
		"announcement of a type that arises": {announcements, store.OpInsert, nil, announcement{Login, "", `{}`}, nil, ``},
		"announcement that is no JSON":       {announcements, store.OpInsert, nil, announcement{Echo, "", `{"message":`}, nil, ``},
		"announcement that is no object":     {announcements, store.OpInsert, nil, announcement{Echo, "", `[1]`}, nil, ``},
		"another collection":                 {"orders", store.OpInsert, nil, D{{Key: "a", Value: 1}}, nil, ``},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := NewRules()
			if err != nil {
				t.Fatal(err)
			}
			_, idRaw, _ := bson.MarshalValue(id)
			es := rules.events(store.Change{
				Collection: tc.collection, Op: tc.op, ID: bson.RawValue{Type: bson.TypeObjectID, Value: idRaw},
				Before: raw(t, tc.before), After: raw(t, tc.after), Fields: tc.fields, Position: "p", Time: when,
			})
			if got := told(es); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			seen := map[string]bool{}
			for _, e := range es {
				if seen[e.ID] {
					t.Errorf("the id %s comes twice", e.ID)
				}
				seen[e.ID] = true
			}
		})
	}
}

func TestOwnRules(t *testing.T) {
	paid := Rule{
		Number: 1000, Name: "order-paid", Collection: "orders", Operation: "update", Fields: []string{"status"},
		Where:      map[string]any{"status": "paid", "total": 12.0, "coupon": nil},
		Properties: map[string]string{"total": "total", "buyer": "customer.name", "note": "absent"}, Username: "customer.login",
	}
	anyOrder := Rule{Number: 1001, Name: "order", Collection: "orders", Operation: "any"}
	rules, err := NewRules(paid, anyOrder)
	if err != nil {
		t.Fatal(err)
	}
	doc := raw(t, D{{Key: "status", Value: "paid"}, {Key: "total", Value: 12}, {Key: "customer", Value: D{{Key: "name", Value: "G"}, {Key: "login", Value: "george"}}}})
	full := "1000 {\"username\":\"george\",\"buyer\":\"G\",\"total\":12}\n1001 {}"
	for name, tc := range map[string]struct {
		change store.Change
		want   string
	}{
		"all holds":         {store.Change{Op: store.OpUpdate, After: doc, Fields: []string{"status"}}, full},
		"another field":     {store.Change{Op: store.OpUpdate, After: doc, Fields: []string{"statuses"}}, "1001 {}"},
		"a part of it":      {store.Change{Op: store.OpUpdate, After: doc, Fields: []string{"status.x"}}, full},
		"another operation": {store.Change{Op: store.OpInsert, After: doc}, "1001 {}"},
		"another value":     {store.Change{Op: store.OpUpdate, After: raw(t, D{{Key: "status", Value: "open"}, {Key: "total", Value: 12}}), Fields: []string{"status"}}, "1001 {}"},
		"a value too many":  {store.Change{Op: store.OpUpdate, After: raw(t, D{{Key: "status", Value: "paid"}, {Key: "total", Value: 12}, {Key: "coupon", Value: "X"}}), Fields: []string{"status"}}, "1001 {}"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.change.Collection = "orders"
			if got := told(rules.events(tc.change)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	for _, bad := range []Rule{
		{Number: 999, Collection: "orders", Operation: "any"},
		{Number: 1000, Operation: "any"},
		{Number: 1000, Collection: Users, Operation: "any", Properties: map[string]string{"p": "password"}},
		{Number: 1000, Collection: Users, Operation: "any", Where: map[string]any{"email": "a@example.com"}},
		{Number: 1000, Collection: Users, Operation: "any", Username: "registerKey.x"},
	} {
		if _, err := NewRules(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestIDs(t *testing.T) {
	for _, p := range []place{{"p", 0, true}, {"\x00\xff\x10", 3, false}, {store.Position(strings.Repeat("x", 200)), 12, true}} {
		id := p.String()
		got, ok := parseID(id)
		if !ok || got != p {
			t.Errorf("%+v came back as %+v, %v", p, got, ok)
		}
		for i := range id {
			changed := id[:i] + string("AB"[b2i(id[i] == 'A')]) + id[i+1:]
			if _, ok := parseID(changed); ok {
				t.Errorf("%s was taken for %s", changed, id)
			}
		}
	}
	for _, id := range []string{"", "x", "=", strings.Repeat("A", 10_000), "not an id", "\xff", place{"", 0, true}.String(), place{"", 100, true}.String()} {
		if _, ok := parseID(id); ok {
			t.Errorf("%.20q was taken for an id", id)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func FuzzParseID(f *testing.F) {
	f.Add(place{"p", 1, false}.String())
	f.Fuzz(func(t *testing.T, id string) {
		if p, ok := parseID(id); ok && p.String() != id {
			t.Errorf("%q came back as %q", id, p.String())
		}
	})
}

func TestFilter(t *testing.T) {
	frame := func(p []byte) []byte { return p }
	echo := entry(Event{Type: Echo}, frame)
	login := entry(Event{Type: Login, Username: "George"}, frame)
	gap := entry(Event{Type: Error}, frame)
	for name, tc := range map[string]struct {
		types, username    string
		echo, login, equal bool
	}{
		"all":         {"", "", true, true, false},
		"echoes":      {"10", "", true, false, false},
		"not 1 of 10": {"11,12,10", "", true, false, false},
		"both":        {" 10 , 1,1", "", true, true, false},
		"a name":      {"", "gEORGE", false, true, false},
		"own types":   {"1000", "", false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := ParseFilter(tc.types, tc.username)
			if err != nil {
				t.Fatal(err)
			}
			if f.Match(echo) != tc.echo || f.Match(login) != tc.login || !f.Match(gap) {
				t.Errorf("echo %v, login %v, gap %v", f.Match(echo), f.Match(login), f.Match(gap))
			}
		})
	}
	a, _ := ParseFilter("1,10", "")
	b, _ := ParseFilter("10, 1, 10", "")
	if a != b {
		t.Error("two filters that want the same are not equal")
	}
	for _, bad := range []string{"x", "1,,2", "-1", "14", "999", "99999999999", "1.5"} {
		if _, err := ParseFilter(bad, ""); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
