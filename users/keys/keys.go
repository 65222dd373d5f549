package keys

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// The errors of this package, to be compared with errors.Is. Errors of the
// store pass through beside them.
var (
	// ErrInvalid: a name or a scope that no key can have. The error that wraps
	// it says why, and what can be.
	ErrInvalid = errors.New("invalid")

	// ErrTaken: a key with this name exists, whatever the case of its letters.
	ErrTaken = errors.New("the name is taken")

	// ErrUnknown: no key has this name or id, or it was revoked.
	ErrUnknown = errors.New("no such key")

	// ErrWrong: the token is none, or was revoked. It does not say more, since
	// whoever shows a wrong one has no business knowing how wrong it is.
	ErrWrong = errors.New("the access key is wrong or was revoked")
)

const collection = "keys"

// Collection declares what this package keeps in the store: one document for
// each key.
func Collection() store.Collection {
	return store.Collection{
		Name:    collection,
		Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}},
		Secret:  []string{"hash"},
	}
}

// Key is an access key, without its secret.
type Key struct {
	ID        string    `json:"id"`        // 12 hexadecimal digits; public, a part of the token
	Name      string    `json:"name"`      // 1 to 64 letters, digits, spaces and . _ -
	Scopes    []string  `json:"scopes"`    // sorted; at least one
	CreatedOn time.Time `json:"createdOn"` // to the millisecond, UTC
}

// Has reports whether the key has a scope. Every key has the empty one, and
// one with the scope * has all.
func (k Key) Has(scope string) bool {
	return scope == "" || slices.Contains(k.Scopes, All) || slices.Contains(k.Scopes, scope)
}

// document is a key as it is stored.
type document struct {
	ID        string    `bson:"_id"`
	Name      string    `bson:"name"`
	Hash      []byte    `bson:"hash"`
	Scopes    []string  `bson:"scopes"`
	CreatedOn time.Time `bson:"createdOn"`
}

func (d document) key() Key {
	return Key{ID: d.ID, Name: d.Name, Scopes: d.Scopes, CreatedOn: d.CreatedOn.UTC()}
}

// Keys are the access keys in a store. Make it with [New].
type Keys struct {
	store store.Store
}

// New returns the keys in a store in which [Collection] is declared, or will be
// before they are used.
func New(st store.Store) *Keys { return &Keys{st} }

// Create makes a key and returns its token, which cannot be had again. Errors:
// [ErrInvalid] for the name or the scopes, [ErrTaken] for the name.
func (k *Keys) Create(ctx context.Context, name string, scopes []string) (Key, string, error) {
	if err := checkName(name); err != nil {
		return Key{}, "", err
	}
	scopes, err := checkScopes(scopes)
	if err != nil {
		return Key{}, "", err
	}
	token, id := newToken()
	d := document{
		ID:        id,
		Name:      name,
		Hash:      hash(token),
		Scopes:    scopes,
		CreatedOn: time.Now().UTC().Truncate(time.Millisecond), // as BSON keeps it
	}
	err = k.store.Apply(ctx, store.Insert(collection, d))
	var taken *store.DuplicateError
	switch {
	case errors.As(err, &taken) && slices.Equal(taken.Fields, []string{"name"}):
		return Key{}, "", fmt.Errorf("%w: a key named %q exists; revoke it, or choose another name", ErrTaken, name)
	case err != nil:
		return Key{}, "", fmt.Errorf("creating the key %q: %w", name, err)
	}
	return d.key(), token, nil
}

// List returns all keys in the order of their names.
func (k *Keys) List(ctx context.Context) ([]Key, error) {
	found, err := k.find(ctx, store.Query{Order: "name"})
	if err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	return found, nil
}

// Revoke makes the key with this name unusable for good, or the one with this
// id where no key has the name. Otherwise it is [ErrUnknown]. Names are
// compared without regard to case.
func (k *Keys) Revoke(ctx context.Context, name string) error {
	id := name
	found, err := k.find(ctx, store.Query{Where: bson.D{{Key: "name", Value: name}}})
	if err == nil {
		if len(found) > 0 {
			id = found[0].ID
		}
		err = k.store.Apply(ctx, store.Delete(collection, id))
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w: %q; the list of keys has all names", ErrUnknown, clip(name))
	case err != nil:
		return fmt.Errorf("revoking the key %q: %w", clip(name), err)
	}
	return nil
}

// Verify returns the key of a token, or [ErrWrong] for anything that is not the
// token of a key: malformed, unknown, revoked and wrong are not told apart.
func (k *Keys) Verify(ctx context.Context, token string) (Key, error) {
	id, ok := parse(token)
	if !ok {
		return Key{}, ErrWrong
	}
	d, err := k.get(ctx, id)
	switch {
	case errors.Is(err, ErrUnknown):
		return Key{}, ErrWrong
	case err != nil:
		return Key{}, err
	case subtle.ConstantTimeCompare(d.Hash, hash(token)) == 0:
		return Key{}, ErrWrong
	}
	return d.key(), nil
}

// Get returns the key with this id, or [ErrUnknown]. It is how one that was
// verified when a connection began is known to be still good.
func (k *Keys) Get(ctx context.Context, id string) (Key, error) {
	d, err := k.get(ctx, id)
	return d.key(), err
}

func (k *Keys) get(ctx context.Context, id string) (d document, err error) {
	raw, err := k.store.Get(ctx, collection, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return document{}, ErrUnknown
	case err != nil:
		return document{}, fmt.Errorf("reading the key %s: %w", clip(id), err)
	}
	return decode(raw)
}

func (k *Keys) find(ctx context.Context, q store.Query) ([]Key, error) {
	raws, err := k.store.Find(ctx, collection, q)
	if err != nil {
		return nil, err
	}
	found := make([]Key, len(raws))
	for i, raw := range raws {
		d, err := decode(raw)
		if err != nil {
			return nil, err
		}
		found[i] = d.key()
	}
	return found, nil
}

func decode(raw bson.Raw) (d document, err error) {
	if err := bson.Unmarshal(raw, &d); err != nil {
		return document{}, fmt.Errorf("the key %s in the store is damaged: %w", raw.Lookup("_id"), err)
	}
	return d, nil
}
