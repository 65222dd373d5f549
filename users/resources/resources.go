package resources

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/turns"
)

// The errors of this package, to be compared with errors.Is. Errors of the store
// pass through beside them.
var (
	// ErrUnknown: the resource does not exist.
	ErrUnknown = errors.New("this does not exist")

	// ErrChanged: the resource is not of the version that was expected.
	ErrChanged = errors.New("this has changed meanwhile: read it again")

	// ErrBusy: others change the resource all the time.
	ErrBusy = errors.New("others change this all the time; try again in a moment")
)

// The fields of a resource's document that every type has.
const (
	dataField    = "data"
	versionField = "version"
	expiryField  = "expires" // of what is left of a resource that was deleted
)

// lateAfter is after how many looks, some milliseconds apart, nobody else seems to
// give a resource its version.
const lateAfter = 15

// remembered is for how long the version of what was deleted is kept.
const remembered = 30 * 24 * time.Hour

// Resources are those in a store.
type Resources struct {
	store store.Store
	turns *turns.Turns[Key] // of who writes: all but the first would only have to write again
}

// New returns the resources in a store in which [Collections] are declared, or
// will be before they are used.
func New(st store.Store) *Resources { return &Resources{st, turns.New[Key]()} }

// Get returns a resource as it is. One that another program has written without
// a version is given one: by who follows the feed, who knows when that was, or a
// while later here.
func (r *Resources) Get(ctx context.Context, of Resource) (s State, err error) {
	waited := 0
	err = again(ctx, func() error {
		if s, _, err = r.read(ctx, of.Key); err != nil || !s.Exists || s.Version > 0 {
			return err
		}
		if waited++; waited < lateAfter {
			return store.ErrConflict // it is read again in a moment
		}
		s.Version = Version(0).after(time.Now())
		return r.stamp(ctx, of.Key, s)
	})
	return s, err
}

// read returns a resource, and whether anything of it is there.
func (r *Resources) read(ctx context.Context, k Key) (s State, there bool, err error) {
	raw, err := r.store.Get(ctx, k.Collection, k.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return stateOf(nil), false, nil
	case err != nil:
		return State{}, false, fmt.Errorf("reading a resource: %w", err)
	}
	return stateOf(raw), true, nil
}

// Put writes a resource, whether it existed or not, and returns its version. If
// is nil, or the version that the resource must have: 0 where it must not exist.
// Errors: [ErrChanged], [ErrBusy].
func (r *Resources) Put(ctx context.Context, of Resource, data any, ifVersion *Version) (v Version, err error) {
	err = r.inTurn(ctx, of.Key, func() error {
		had, there, err := r.read(ctx, of.Key)
		if err != nil {
			return err
		}
		if ifVersion != nil && had.told() != *ifVersion {
			return ErrChanged
		}
		v = had.Version.after(time.Now())
		doc := append(bson.D{{Key: "_id", Value: of.ID}}, of.fields...)
		doc = append(doc, bson.E{Key: dataField, Value: data}, bson.E{Key: versionField, Value: bson.DateTime(v)})
		return r.replace(ctx, of.Key, had, there, doc)
	})
	return v, err
}

// told is the version by which clients know the resource: 0 where it does not
// exist.
func (s State) told() Version {
	if !s.Exists {
		return 0
	}
	return s.Version
}

// Delete removes a resource and returns the version of that. If is nil, or the
// version that the resource must have. Errors: [ErrUnknown], [ErrChanged],
// [ErrBusy].
func (r *Resources) Delete(ctx context.Context, of Resource, ifVersion *Version) (v Version, err error) {
	err = r.inTurn(ctx, of.Key, func() error {
		had, there, err := r.read(ctx, of.Key)
		switch {
		case err != nil:
			return err
		case ifVersion != nil && had.told() != *ifVersion:
			return ErrChanged
		case !had.Exists:
			return ErrUnknown
		}
		v = had.Version.after(time.Now())
		return r.replace(ctx, of.Key, had, there, bson.D{
			{Key: "_id", Value: of.ID},
			{Key: versionField, Value: bson.DateTime(v)},
			{Key: expiryField, Value: time.Now().Add(remembered)},
			{Key: OwnerField, Value: owner(of)}, // so that it goes with its user
		})
	})
	return v, err
}

// replace writes a document in place of what was read, or says that somebody was
// quicker.
func (r *Resources) replace(ctx context.Context, k Key, had State, there bool, doc bson.D) error {
	w := store.Insert(k.Collection, doc)
	if there {
		w = store.Put(k.Collection, k.ID, doc).IfVersion(had.counter).IfField(versionField, had.stored)
	}
	return written(r.store.Apply(ctx, w))
}

func written(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrDuplicate):
		return store.ErrConflict
	case err != nil && !errors.Is(err, store.ErrConflict):
		return fmt.Errorf("writing a resource: %w", err)
	}
	return err
}

// Stamp writes down the version of a change that another program has made, see
// [Seen]. What has it already, or is gone, stays as it is.
func (r *Resources) Stamp(ctx context.Context, k Key, v Version) error {
	return r.inTurn(ctx, k, func() error {
		s, _, err := r.read(ctx, k)
		if err != nil || !s.Exists || s.Version >= v {
			return err
		}
		s.Version = v
		return r.stamp(ctx, k, s)
	})
}

// stamp writes the version of a state, unless the document has another one than
// the state was read with.
func (r *Resources) stamp(ctx context.Context, k Key, s State) error {
	set := bson.D{{Key: versionField, Value: bson.DateTime(s.Version)}}
	return written(r.store.Apply(ctx, store.Update(k.Collection, k.ID, set).IfVersion(s.counter).IfField(versionField, s.stored)))
}

// Keys lists a page of the keys of a user's store of a scope, in their order.
// More says whether others follow.
func (r *Resources) Keys(ctx context.Context, in Resource, skip, limit int) (page []string, more bool, err error) {
	where := bson.D{}
	for _, e := range in.fields {
		if e.Key != "key" {
			where = append(where, e)
		}
	}
	raws, err := r.store.Find(ctx, in.Collection, store.Query{Where: where, Order: "key", Skip: skip, Limit: limit + 1})
	if err != nil {
		return nil, false, fmt.Errorf("listing keys: %w", err)
	}
	if more = len(raws) > limit; more {
		raws = raws[:limit]
	}
	for _, raw := range raws {
		if key, ok := raw.Lookup("key").StringValueOK(); ok && stateOf(raw).Exists {
			page = append(page, key)
		}
	}
	return page, more, nil
}

// owner is whose a resource is; null where it is nobody's.
func owner(of Resource) any {
	if of.UserID == "" {
		return nil
	}
	return of.UserID
}

// inTurn is again, for one at a time.
func (r *Resources) inTurn(ctx context.Context, k Key, f func() error) error {
	done, err := r.turns.Take(ctx, k)
	if err != nil {
		return ErrBusy
	}
	defer done()
	return again(ctx, f)
}

// again is [store.Again], with this package's word for who does not come to it.
func again(ctx context.Context, f func() error) error {
	err := store.Again(ctx, f)
	if errors.Is(err, store.ErrConflict) {
		return ErrBusy
	}
	return err
}
