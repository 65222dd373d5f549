package events

import (
	"encoding/json"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// The collections that the built-in rules look at. Users, files and buckets are
// the original server's, under its names.
const (
	Users         = "users"
	Sessions      = "sessions"
	Files         = "files"
	Buckets       = "buckets"
	Characters    = "characters"
	announcements = "announcements"
)

// draft is an event before it has an id and a time.
type draft struct {
	kind     Type
	username string
	body     json.RawMessage
}

// rule says what a change of one collection means.
type rule func(c store.Change) []draft

// builtin is the table of rules.
var builtin = map[string]rule{
	Users:         userChanged,
	Sessions:      sessionChanged,
	Files:         documentChanged("file", FileUploaded, FileRemoved),
	Buckets:       documentChanged("bucket", BucketUploaded, BucketRemoved),
	Characters:    characterChanged,
	announcements: announced,
}

// secretFields are the fields of a user whose change nobody hears of. The names
// are the original server's, sessionId its session.
var secretFields = []string{"password", "registerKey", "passwordTag", "sessionId"}

// userChanged: see the table of types. An update can mean several things at
// once; they come in the order of their numbers.
func userChanged(c store.Change) []draft {
	name := text(c.After, "username")
	if name == "" {
		name = text(c.Before, "username")
	}
	one := func(t Type, more ...property) draft {
		return draft{t, name, body(append([]property{{"username", name}}, more...)...)}
	}
	switch c.Op {
	case store.OpInsert:
		return []draft{one(Registered)}
	case store.OpDelete:
		return []draft{one(Removed)}
	}
	var ds []draft
	touched := map[string]bool{}
	for _, f := range c.Fields {
		top, _, _ := strings.Cut(f, ".")
		touched[top] = true
	}
	if touched["lastLoggedIn"] && later(c, "lastLoggedIn") {
		ds = append(ds, one(Login))
	}
	if touched["registerKey"] && empty(c.After, "registerKey") {
		ds = append(ds, one(Activated))
	}
	if fields := publicFields(c); len(fields) > 0 {
		ds = append(ds, one(ProfileUpdated, property{"fields", fields}))
	}
	if touched["privileges"] {
		if v, err := c.After.LookupErr("privileges"); err == nil {
			ds = append(ds, one(PrivilegesChanged, property{"privileges", store.JSONValue(v)}))
		}
	}
	return ds
}

// publicFields are the sorted names of what a profile update may tell: top-level
// fields, and the keys of meta one by one.
func publicFields(c store.Change) []string {
	var names []string
	for _, f := range c.Fields {
		top, rest, deep := strings.Cut(f, ".")
		switch {
		case top == "lastLoggedIn", top == "privileges", slices.Contains(secretFields, top):
			continue
		case top == "meta" && deep:
			key, _, _ := strings.Cut(rest, ".")
			names = append(names, "meta."+key)
		case top == "meta":
			names = append(names, metaKeys(c)...)
		default:
			names = append(names, top)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// metaKeys names what differs where all of meta was replaced, or "meta" where
// that cannot be told.
func metaKeys(c store.Change) []string {
	before, okB := c.Before.Lookup("meta").DocumentOK()
	after, okA := c.After.Lookup("meta").DocumentOK()
	if !okA || !okB {
		return []string{"meta"}
	}
	var names []string
	for _, f := range store.Diff(before, after) {
		key, _, _ := strings.Cut(f, ".")
		names = append(names, "meta."+key)
	}
	return names
}

// sessionChanged: a session that goes is a logout, whatever made it go.
func sessionChanged(c store.Change) []draft {
	name := text(c.Before, "username")
	if c.Op != store.OpDelete || name == "" {
		return nil
	}
	return []draft{{Logout, name, body(property{"username", name})}}
}

// documentChanged is the rule of files and buckets, which are only watched: the
// event carries the document.
func documentChanged(name string, added, removed Type) rule {
	return func(c store.Change) []draft {
		doc, kind := c.After, added
		switch c.Op {
		case store.OpUpdate:
			return nil
		case store.OpDelete:
			doc, kind = c.Before, removed
		}
		user := text(doc, "user")
		if user == "" {
			user = text(doc, "username")
		}
		d := store.JSONDocument(doc)
		if doc == nil {
			d = store.JSONDocument(idOnly(c.ID))
		}
		return []draft{{kind, user, body(property{"username", user}, property{name, d})}}
	}
}

// characterChanged: what a user's characters say is a part of what the user says.
// A character that goes from one user to another is news of both.
func characterChanged(c store.Change) (ds []draft) {
	before, after := text(c.Before, "owner"), text(c.After, "owner")
	for i, owner := range []string{before, after} {
		if owner == "" || i == 1 && after == before {
			continue
		}
		ds = append(ds, draft{ProfileUpdated, owner, body(property{"username", owner}, property{"fields", []string{"characters"}})})
	}
	return ds
}

// announced: an echo, or a deployment's own event that was published as it is.
func announced(c store.Change) []draft {
	if c.Op != store.OpInsert {
		return nil
	}
	var a announcement
	if bson.Unmarshal(c.After, &a) != nil || !isObject(a.Body) {
		return nil // another program wrote it, and it means nothing
	}
	if a.Type != Echo && a.Type < FirstCustom {
		return nil
	}
	return []draft{{a.Type, a.Username, json.RawMessage(a.Body)}}
}

func isObject(s string) bool {
	return strings.HasPrefix(s, "{") && json.Valid([]byte(s))
}

// text is the string at a top-level field, or "".
func text(doc bson.Raw, field string) string {
	s, _ := doc.Lookup(field).StringValueOK()
	return s
}

// empty reports whether a field is absent, null or an empty string.
func empty(doc bson.Raw, field string) bool {
	v, err := doc.LookupErr(field)
	if err != nil || v.Type == bson.TypeNull {
		return true
	}
	s, ok := v.StringValueOK()
	return ok && s == ""
}

// later reports whether a time (a date, or the original's number) advanced.
func later(c store.Change, field string) bool {
	after, ok := millis(c.After, field)
	if !ok {
		return false
	}
	before, known := millis(c.Before, field)
	return !known || after > before
}

func millis(doc bson.Raw, field string) (int64, bool) {
	v, err := doc.LookupErr(field)
	if err != nil {
		return 0, false
	}
	if t, ok := v.DateTimeOK(); ok {
		return t, true
	}
	if f, ok := v.DoubleOK(); ok {
		return int64(f), true
	}
	return v.AsInt64OK()
}

func idOnly(id bson.RawValue) bson.Raw {
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
	if err != nil {
		return nil
	}
	return raw
}

// SecretFields are the fields of a user whose values never leave the store.
func SecretFields() []string { return slices.Clone(secretFields) }
