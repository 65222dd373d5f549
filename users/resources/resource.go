package resources

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Type is a type of resources, as it is written on the wire.
type Type string

// The types.
const (
	KVStore    Type = "kvStore"
	Collection Type = "collection"
	LiveConfig Type = "liveConfig"
)

// The collections of the store, one for each type.
const (
	kvStore     = "kvstore"
	collections = "collections"
	liveConfig  = "liveconfig"
)

// CollectionOf is the collection of the store in which resources of a type are
// kept.
func CollectionOf(t Type) string {
	return map[Type]string{KVStore: kvStore, Collection: collections, LiveConfig: liveConfig}[t]
}

// Names are those of the collections in which resources are kept.
func Names() []string { return []string{kvStore, collections, liveConfig} }

// Collections declares what this package keeps in the store.
func Collections() []store.Collection {
	owned := store.Index{Fields: []string{OwnerField}}
	return []store.Collection{
		{Name: kvStore, Indexes: []store.Index{owned, {Fields: listed}}, Expiry: expiryField},
		{Name: collections, Indexes: []store.Index{owned}, Expiry: expiryField},
		{Name: liveConfig, Expiry: expiryField},
	}
}

// OwnerField is the field of a document that holds whose it is. Collections
// without an index on it are nobody's.
const OwnerField = "userId"

// listed are the fields by which the keys of a store are found.
var listed = []string{"organization", "scope", "scopeId", OwnerField, "store"}

// The stores of a kvStore.
const (
	ClientStore = "kvstoreClient" // its owner writes it
	ServerStore = "kvstoreServer" // programs write it
)

// The names of collections that are not those of a datasource.
const (
	Public  = "public"
	Private = "private" // each user has one
)

// Scope says for what a value of a kvStore is kept.
type Scope string

// The scopes, the narrowest first.
const (
	World         Scope = "World"
	LaunchContext Scope = "LaunchContext"
	Project       Scope = "Project"
	Organization  Scope = "Organization"
)

// Scopes are all of them, the narrowest first.
var Scopes = []Scope{World, LaunchContext, Project, Organization}

// Header is the one that says which world, project and so on is meant.
func (s Scope) Header() string {
	switch s {
	case World:
		return "x-m2-world"
	case LaunchContext:
		return "x-m2-launch-context"
	case Project:
		return "x-m2-project"
	case Organization:
		return "x-m2-organization"
	}
	return ""
}

// Place is where somebody is: the organization, and of the rest what was said.
type Place map[Scope]string

// Narrowest is the first scope that is known.
func (p Place) Narrowest() Scope {
	for _, s := range Scopes {
		if p[s] != "" {
			return s
		}
	}
	return Organization
}

// Key is what a resource is known by in the store. Keys are equal where the
// resources are.
type Key struct{ Collection, ID string }

// Resource is one of them, whether it exists or not. It is made by [Parse],
// [KV], [InCollection] and [InLiveConfig].
type Resource struct {
	Key
	Type Type
	Name string // within the place and the user: what a client calls it by

	UserID string // whose it is; empty: nobody's
	Store  string // of a kvStore
	fields bson.D // what is written beside data and version
}

// ErrMalformed says that what was sent names no resource.
var ErrMalformed = errors.New("this names no resource")

// MissingHeaderError says that a resource cannot be found without a header.
type MissingHeaderError struct{ Header string }

func (e *MissingHeaderError) Error() string { return "Missing header " + e.Header }

// NameError says that something cannot be a name.
type NameError struct {
	Field string
	Why   string
}

func (e *NameError) Error() string { return e.Field + ": " + e.Why }

// Bounds of names, in bytes.
const (
	MaxPlace = 128 // of an organization, project, world, launch context or user
	MaxKey   = 512 // of a key, or the name of a collection or live configuration
)

// CheckName refuses what cannot be a name of at most so many bytes.
func CheckName(field, name string, most int) error {
	switch {
	case name == "":
		return &NameError{field, "cannot be empty"}
	case len(name) > most:
		return &NameError{field, fmt.Sprintf("has more than %d bytes", most)}
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
		return &NameError{field, "holds a control character, or is not UTF-8"}
	}
	return nil
}

// Parse finds the resource that a client means by a type and an id. Errors:
// [ErrMalformed], [*MissingHeaderError].
func Parse(kind, id string, at Place, user string) (Resource, error) {
	r, err := parse(Type(kind), id, at, user)
	if errors.As(err, new(*NameError)) {
		err = ErrMalformed
	}
	return r, err
}

func parse(kind Type, id string, at Place, user string) (Resource, error) {
	switch kind {
	case KVStore:
		scope, rest, _ := strings.Cut(id, ":")
		name, key, ok := strings.Cut(rest, ":")
		if !ok {
			return Resource{}, ErrMalformed
		}
		return KV(at, user, Scope(scope), name, key)
	case Collection:
		return InCollection(at, user, id)
	case LiveConfig:
		return InLiveConfig(at, id)
	}
	return Resource{}, ErrMalformed
}

// KV is a user's value under a key. Errors: [*NameError], [*MissingHeaderError].
func KV(at Place, user string, scope Scope, name, key string) (Resource, error) {
	switch {
	case !slices.Contains(Scopes, scope):
		return Resource{}, &NameError{"scope", "must be World, LaunchContext, Project or Organization"}
	case name != ClientStore && name != ServerStore:
		return Resource{}, &NameError{"store", "must be " + ClientStore + " or " + ServerStore}
	case at[scope] == "":
		return Resource{}, &MissingHeaderError{scope.Header()}
	}
	r := Resource{
		Key:    Key{kvStore, join(at[Organization], string(scope), at[scope], user, name) + "/" + key},
		Type:   KVStore,
		Name:   string(scope) + ":" + name + ":" + key,
		UserID: user,
		Store:  name,
		fields: bson.D{
			{Key: "organization", Value: at[Organization]},
			{Key: "scope", Value: string(scope)},
			{Key: "scopeId", Value: at[scope]},
			{Key: OwnerField, Value: user},
			{Key: "store", Value: name},
			{Key: "key", Value: key},
		},
	}
	return r, CheckName("key", key, MaxKey)
}

// InCollection is a collection of the organization: the public one, the user's
// private one, or that of a datasource. Errors: [*NameError].
func InCollection(at Place, user, name string) (Resource, error) {
	r := Resource{
		Key:    Key{collections, join(at[Organization], name)},
		Type:   Collection,
		Name:   name,
		fields: bson.D{{Key: "organization", Value: at[Organization]}, {Key: "name", Value: name}},
	}
	if name == Private {
		r.ID, r.UserID = join(at[Organization], name, user), user
		r.fields = append(r.fields, bson.E{Key: OwnerField, Value: user})
	}
	return r, CheckName("name", name, MaxKey)
}

// InLiveConfig is a live configuration of the project. Errors: [*NameError],
// [*MissingHeaderError].
func InLiveConfig(at Place, name string) (Resource, error) {
	if at[Project] == "" {
		return Resource{}, &MissingHeaderError{Project.Header()}
	}
	return Resource{
		Key:  Key{liveConfig, join(at[Organization], at[Project], name)},
		Type: LiveConfig,
		Name: name,
		fields: bson.D{
			{Key: "organization", Value: at[Organization]},
			{Key: "project", Value: at[Project]},
			{Key: "name", Value: name},
		},
	}, CheckName("name", name, MaxKey)
}

// join makes a path of names, which stay apart whatever they hold.
func join(names ...string) string {
	escaped := make([]string, len(names))
	for i, n := range names {
		escaped[i] = url.PathEscape(n)
	}
	return strings.Join(escaped, "/")
}
