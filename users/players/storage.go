package players

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Stored is one value of a channel's storage.
type Stored struct {
	Key           string    `bson:"key"`
	Value         string    `bson:"value"`
	CreatedBy     int32     `bson:"createdBy"` // an alias
	LastUpdatedBy int32     `bson:"lastUpdatedBy"`
	CreatedAt     time.Time `bson:"createdAt"`
	UpdatedAt     time.Time `bson:"updatedAt"`
}

// maxStoredKeys is how many keys one request may change.
const maxStoredKeys = 500

// ErrTooManyKeys says that a request would change more of a storage than it may.
var ErrTooManyKeys = fmt.Errorf("at most %d keys, and %d values, can be stored at once", maxStoredKeys, maxProps)

// shelf is the document of a key: its values, of which only a key that ends with
// [] has several.
type shelf struct {
	ID      string   `bson:"_id"`
	Channel int32    `bson:"channel"`
	Values  []Stored `bson:"values"`
}

func shelfID(channel int32, key string) string { return strconv.Itoa(int(channel)) + "/" + key }

// shelf reads the values of a key, and the version of their document; 0: there is
// none.
func (p *Players) shelf(ctx context.Context, channel int32, key string) ([]Stored, int64, error) {
	raw, err := p.store.Get(ctx, storage, shelfID(channel, key))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("reading the storage of a channel: %w", err)
	}
	var s shelf
	if err := bson.Unmarshal(raw, &s); err != nil {
		return nil, 0, fmt.Errorf("the storage of a channel is damaged: %w", err)
	}
	return s.Values, store.VersionOf(raw), nil
}

// Storage returns the values of a key in a channel, the oldest first, for a
// member. Errors: [ErrNoChannel], [ErrNotMember].
func (p *Players) Storage(ctx context.Context, by Alias, channel int64, keys ...string) ([][]Stored, error) {
	c, err := p.Channel(ctx, channel)
	if err != nil {
		return nil, err
	}
	if in, err := p.IsMember(ctx, c.ID, by.ID); err != nil || !in {
		return nil, orElse(err, ErrNotMember)
	}
	all := make([][]Stored, len(keys))
	err = forEach(len(keys), func(i int) (err error) {
		all[i], _, err = p.shelf(ctx, c.ID, keys[i])
		return err
	})
	return all, err
}

// StoragePut is what became of changes of a storage.
type StoragePut struct {
	Channel           Channel
	Upserted, Deleted []Stored
	Failed            []Rejected
}

// PutStorage changes the storage of a channel, for a member: a null deletes, and
// so does an empty text under a key of one value; several values under a key that
// ends with [] replace what is there. A key with a bad value fails as a whole.
// Errors: [ErrNoChannel], [ErrNotMember].
func (p *Players) PutStorage(ctx context.Context, by Alias, channel int64, changes []PropChange) (done StoragePut, err error) {
	keys := map[string]bool{}
	for _, c := range changes {
		keys[c.Key] = true
	}
	if len(changes) > maxProps || len(keys) > maxStoredKeys {
		return StoragePut{}, ErrTooManyKeys
	}
	for i, c := range changes {
		if !isArray(c.Key) && c.Value != nil && *c.Value == "" {
			changes[i].Value = nil
		}
	}
	good, failed := checkProps(changes, false)
	for _, f := range failed {
		good = slices.DeleteFunc(good, func(c PropChange) bool { return c.Key == f.Key })
	}
	err = p.changeChannel(ctx, channel, func(c Channel) ([]store.Write, error) {
		if in, err := p.IsMember(ctx, c.ID, by.ID); err != nil || !in {
			return nil, orElse(err, ErrNotMember)
		}
		done = StoragePut{Channel: c, Failed: failed}
		writes := []store.Write{c.guard()}
		seen := map[string]bool{}
		for _, change := range good {
			if seen[change.Key] {
				continue
			}
			seen[change.Key] = true
			w, err := p.stored(ctx, &done, by, change.Key, good)
			if err != nil {
				return nil, err
			}
			writes = append(writes, w...)
		}
		return append(writes, tell(Event{Kind: StorageUpdated, Channel: &c, Alias: &by, Upserted: done.Upserted, Deleted: done.Deleted})), nil
	})
	return done, err
}

// stored are the writes that change one key, and notes what they do.
func (p *Players) stored(ctx context.Context, done *StoragePut, by Alias, key string, changes []PropChange) ([]store.Write, error) {
	had, version, err := p.shelf(ctx, done.Channel.ID, key)
	if err != nil {
		return nil, err
	}
	values := valuesOf(key, changes)
	if !isArray(key) {
		values = lastOf(key, changes)
	}
	now := moment(time.Now())
	var kept []Stored
	for _, v := range values {
		one := Stored{key, v, by.ID, by.ID, now, now}
		i := slices.IndexFunc(had, func(s Stored) bool { return !isArray(key) || s.Value == v })
		if i >= 0 {
			one.CreatedBy, one.CreatedAt = had[i].CreatedBy, had[i].CreatedAt
			if isArray(key) { // it is there already, as it was
				one.LastUpdatedBy, one.UpdatedAt = had[i].LastUpdatedBy, had[i].UpdatedAt
			}
		}
		kept = append(kept, one)
	}
	slices.SortStableFunc(kept, func(a, b Stored) int { return a.CreatedAt.Compare(b.CreatedAt) }) // the oldest first
	done.Upserted = append(done.Upserted, kept...)
	if len(values) == 0 {
		done.Deleted = append(done.Deleted, had...)
	} else if isArray(key) {
		for _, s := range had {
			if !slices.Contains(values, s.Value) {
				done.Deleted = append(done.Deleted, s)
			}
		}
	}
	id := shelfID(done.Channel.ID, key)
	doc := shelf{id, done.Channel.ID, kept}
	switch {
	case len(kept) == 0 && version == 0:
		return nil, nil
	case len(kept) == 0:
		return []store.Write{store.Delete(storage, id).IfVersion(version)}, nil
	case version == 0:
		return []store.Write{store.Insert(storage, doc)}, nil
	}
	return []store.Write{store.Put(storage, id, doc).IfVersion(version)}, nil
}

// lastOf is the value that the last of the changes gives a key of one value, if it
// gives it one.
func lastOf(key string, changes []PropChange) []string {
	for _, c := range slices.Backward(changes) {
		if c.Key == key {
			if c.Value == nil {
				return nil
			}
			return []string{*c.Value}
		}
	}
	return nil
}
