package keys

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

const collection = "keys"

// The errors, to be compared with errors.Is. Others are the store's.
var (
	// ErrInvalid: a name or a scope that cannot be; the error says which.
	ErrInvalid = errors.New("invalid")

	// ErrTaken: another key has this name.
	ErrTaken = errors.New("another key has this name; revoke it first, or choose another name")

	// ErrUnknown: no key has this name or id.
	ErrUnknown = errors.New("no key has this name")

	// ErrWrong: the token is malformed, unknown, revoked or wrong; which of
	// them is not told.
	ErrWrong = errors.New("the access key is wrong or was revoked")
)

// Key is an access key without its secret.
type Key struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	CreatedOn time.Time `json:"createdOn"`
}

// Has reports whether the key may do what a scope stands for. The empty scope
// asks for nothing.
func (k Key) Has(scope string) bool {
	return scope == "" || slices.Contains(k.Scopes, scope) || slices.Contains(k.Scopes, All)
}

// document is a key as the store holds it.
type document struct {
	ID        string    `bson:"_id"`
	Name      string    `bson:"name"`
	Hash      []byte    `bson:"hash"`
	Scopes    []string  `bson:"scopes"`
	CreatedOn time.Time `bson:"createdOn"`
}

func (d document) key() Key { return Key{d.ID, d.Name, d.Scopes, d.CreatedOn.UTC()} }

// Collection is what the store must hold for keys.
func Collection() store.Collection {
	return store.Collection{
		Name:    collection,
		Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}},
		Secret:  []string{"hash"},
	}
}

// Keys are the access keys in a store that has declared [Collection].
type Keys struct{ st store.Store }

// New gives the keys of a store.
func New(st store.Store) *Keys { return &Keys{st} }

var validName = regexp.MustCompile(`^[\pL\pN][\pL\pN ._-]{0,63}$`)

// Create makes a key and the token that is shown for it, which nobody can find
// out again. Names are unique without regard to case.
func (k *Keys) Create(ctx context.Context, name string, scopes []string) (Key, string, error) {
	if !validName.MatchString(name) {
		return Key{}, "", fmt.Errorf("%w: the name %.80q must be 1 to 64 letters, digits, spaces, dots, _ or -, and begin with a letter or a digit", ErrInvalid, name)
	}
	if err := checkScopes(scopes); err != nil {
		return Key{}, "", err
	}
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	id, token := newToken()
	d := document{id, name, hash(token), scopes, time.Now().UTC().Truncate(time.Millisecond)}
	err := k.st.Apply(ctx, store.Insert(collection, d))
	if errors.Is(err, store.ErrDuplicate) {
		err = ErrTaken
	}
	if err != nil {
		return Key{}, "", err
	}
	return d.key(), token, nil
}

// List gives all keys, by name.
func (k *Keys) List(ctx context.Context) ([]Key, error) {
	raws, err := k.st.Find(ctx, collection, store.Query{Order: "name"})
	if err != nil {
		return nil, err
	}
	all := make([]Key, 0, len(raws))
	for _, raw := range raws {
		var d document
		if err := bson.Unmarshal(raw, &d); err != nil {
			return nil, fmt.Errorf("a document of %s cannot be read: %w", collection, err)
		}
		all = append(all, d.key())
	}
	return all, nil
}

// Revoke ends the key with this name, or this id.
func (k *Keys) Revoke(ctx context.Context, name string) error {
	raws, err := k.st.Find(ctx, collection, store.Query{Where: bson.D{{Key: "name", Value: name}}, Limit: 1})
	if err != nil {
		return err
	}
	id := name
	if len(raws) > 0 {
		id, _ = raws[0].Lookup("_id").StringValueOK()
	}
	err = k.st.Apply(ctx, store.Delete(collection, id))
	if errors.Is(err, store.ErrNotFound) {
		return ErrUnknown
	}
	return err
}

// Verify finds the key of a token, or says [ErrWrong].
func (k *Keys) Verify(ctx context.Context, token string) (Key, error) {
	id, ok := tokenID(token)
	if !ok {
		return Key{}, ErrWrong
	}
	d, err := k.get(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return Key{}, ErrWrong
	}
	if err != nil {
		return Key{}, err
	}
	if subtle.ConstantTimeCompare(d.Hash, hash(token)) != 1 {
		return Key{}, ErrWrong
	}
	return d.key(), nil
}

// Get gives a key that was verified before, for who holds on to it, or
// [ErrUnknown] once it was revoked.
func (k *Keys) Get(ctx context.Context, id string) (Key, error) {
	d, err := k.get(ctx, id)
	return d.key(), err
}

func (k *Keys) get(ctx context.Context, id string) (document, error) {
	raw, err := k.st.Get(ctx, collection, id)
	if errors.Is(err, store.ErrNotFound) {
		return document{}, ErrUnknown
	}
	if err != nil {
		return document{}, err
	}
	var d document
	if err := bson.Unmarshal(raw, &d); err != nil {
		return document{}, fmt.Errorf("a document of %s cannot be read: %w", collection, err)
	}
	return d, nil
}
