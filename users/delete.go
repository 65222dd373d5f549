package users

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// together is how many documents are removed in one transaction.
const together = 100

// Delete removes an account, and the records of its files and buckets and what
// else is its own, and its sessions. The super admin cannot be deleted.
func (a *Accounts) Delete(ctx context.Context, by Actor, name string) error {
	found, err := a.changeable(ctx, by, name)
	switch {
	case err != nil:
		return err
	case found.Privileges == Super:
		return errSuperStays
	}
	if err := a.deleteAllOwned(ctx, found.Username); err != nil {
		return err
	}
	err = again(ctx, func() error {
		now, err := a.byID(ctx, found.id)
		switch {
		case err != nil:
			return err
		case now.Privileges == Super:
			return errSuperStays
		}
		return a.applyEnding(ctx, now, "", store.Delete(users, now.id))
	})
	if err != nil {
		return err
	}
	// Once more, for what was written while the sessions had not ended.
	return a.deleteAllOwned(ctx, found.Username)
}

func (a *Accounts) deleteAllOwned(ctx context.Context, username string) error {
	for _, o := range a.owned {
		if err := a.deleteOwned(ctx, o.Collection, o.Field, username); err != nil {
			return err
		}
	}
	return nil
}

var errSuperStays = &RefusedError{"the super admin cannot be deleted"}

// deleteOwned removes the records of what a user owned.
func (a *Accounts) deleteOwned(ctx context.Context, collection, field, username string) error {
	for username != "" { // what has no owner is nobody's
		raws, err := a.store.Find(ctx, collection, store.Query{Where: bson.D{{Key: field, Value: username}}, Limit: together})
		if err != nil {
			return fmt.Errorf("looking for a user's %s: %w", collection, err)
		}
		if err := a.deleteAll(ctx, collection, idsOf(raws)); err != nil {
			return err
		}
		if len(raws) < together {
			return nil
		}
	}
	return nil
}

// deleteAll removes documents together; some may have gone meanwhile.
func (a *Accounts) deleteAll(ctx context.Context, collection string, ids []any) error {
	writes := make([]store.Write, len(ids))
	for i, id := range ids {
		writes[i] = store.Delete(collection, id)
	}
	err := a.store.Apply(ctx, writes...)
	if errors.Is(err, store.ErrNotFound) {
		for _, w := range writes {
			if err = a.store.Apply(ctx, w); err != nil && !errors.Is(err, store.ErrNotFound) {
				break
			}
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("deleting a user's %s: %w", collection, err)
	}
	return nil
}

// idsOf are the ids of documents; those that are texts as texts.
func idsOf(raws []bson.Raw) []any {
	ids := make([]any, len(raws))
	for i, raw := range raws {
		id := raw.Lookup("_id")
		if ids[i] = id; id.Type == bson.TypeString {
			ids[i] = id.StringValue()
		}
	}
	return ids
}
