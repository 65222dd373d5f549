package users

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Bounds of what a user's meta can be.
const (
	maxMetaBytes = 64 << 10 // as BSON
	maxMetaName  = 128      // bytes
)

// MetaValue returns one property of a user's meta, and the username as it is
// stored, or [ErrUnknown].
func (a *Accounts) MetaValue(ctx context.Context, by Actor, name, property string) (string, bson.RawValue, error) {
	found, err := a.visible(ctx, by, name)
	if err != nil {
		return "", bson.RawValue{}, err
	}
	v, err := found.Meta.LookupErr(property)
	if err != nil {
		return "", bson.RawValue{}, ErrUnknown
	}
	return found.Username, v, nil
}

// SetMeta replaces all of a user's meta, and returns the username as it is
// stored.
func (a *Accounts) SetMeta(ctx context.Context, by Actor, name string, meta bson.D) (string, error) {
	if err := checkMeta(meta); err != nil {
		return "", err
	}
	return a.changeMeta(ctx, by, name, func(of account) (store.Write, error) {
		return store.Update(users, of.id, bson.D{{Key: "meta", Value: meta}}), nil
	})
}

// SetMetaValue sets one property of a user's meta, and returns the username as it
// is stored.
func (a *Accounts) SetMetaValue(ctx context.Context, by Actor, name, property string, value any) (string, error) {
	if err := checkMeta(bson.D{{Key: property, Value: value}}); err != nil {
		return "", err
	}
	return a.changeMeta(ctx, by, name, func(of account) (store.Write, error) {
		var all bson.D
		if err := bson.Unmarshal(of.Meta, &all); err != nil {
			return store.Write{}, err
		}
		if err := checkMeta(with(all, property, value)); err != nil {
			return store.Write{}, err
		}
		if t := of.raw.Lookup("meta").Type; t != 0 && t != bson.TypeEmbeddedDocument { // not ours: null, or a list
			return store.Update(users, of.id, bson.D{{Key: "meta", Value: bson.D{{Key: property, Value: value}}}}), nil
		}
		return store.Update(users, of.id, bson.D{{Key: "meta." + property, Value: value}}), nil
	})
}

// UnsetMetaValue removes one property of a user's meta, or says [ErrUnknown].
func (a *Accounts) UnsetMetaValue(ctx context.Context, by Actor, name, property string) error {
	_, err := a.changeMeta(ctx, by, name, func(of account) (store.Write, error) {
		if _, err := of.Meta.LookupErr(property); err != nil || checkName(property) != "" {
			return store.Write{}, ErrUnknown
		}
		return store.Update(users, of.id, nil, "meta."+property), nil
	})
	return err
}

// changeMeta writes what is made of meta as it is.
func (a *Accounts) changeMeta(ctx context.Context, by Actor, name string, change func(account) (store.Write, error)) (username string, err error) {
	err = again(ctx, func() error {
		found, err := a.changeable(ctx, by, name)
		if err != nil {
			return err
		}
		username = found.Username
		w, err := change(found)
		if err != nil {
			return err
		}
		// The bound holds of all of meta: nobody else may add to it meanwhile.
		err = a.store.Apply(ctx, w.IfField("meta", valueAt(found.raw, "meta")))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return ErrUnknown
		case errors.Is(err, store.ErrInvalid):
			return &InvalidError{"meta", err.Error()}
		case err != nil:
			return fmt.Errorf("changing a user's meta: %w", err)
		}
		return nil
	})
	return username, err
}

// with is a document with one field set.
func with(doc bson.D, name string, value any) bson.D {
	for i, e := range doc {
		if e.Key == name {
			doc[i].Value = value
			return doc
		}
	}
	return append(doc, bson.E{Key: name, Value: value})
}

// checkMeta says what of a user's meta cannot be kept.
func checkMeta(meta bson.D) error {
	if err := checkNames("meta", meta); err != nil {
		return err
	}
	if meta == nil {
		return nil
	}
	raw, err := bson.Marshal(meta)
	switch {
	case err != nil:
		return &InvalidError{"meta", "cannot be kept: " + err.Error()}
	case len(raw) > maxMetaBytes:
		return &InvalidError{"meta", "is larger than " + strconv.Itoa(maxMetaBytes) + " bytes, all properties together, as BSON"}
	}
	return nil
}

func checkNames(path string, value any) error {
	switch v := value.(type) {
	case bson.D:
		for _, e := range v {
			at := path + "." + e.Key
			if why := checkName(e.Key); why != "" {
				return &InvalidError{strings.ToValidUTF8(at[:min(len(at), 2*maxMetaName)], ""), why}
			}
			if err := checkNames(at, e.Value); err != nil {
				return err
			}
		}
	case bson.A:
		for i, e := range v {
			if err := checkNames(path+"."+strconv.Itoa(i), e); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkName says why a property cannot have a name: MongoDB would take it for an
// operator or a path, and JavaScript for the prototype.
func checkName(name string) string {
	switch {
	case name == "":
		return "a property's name cannot be empty"
	case len(name) > maxMetaName:
		return "a property's name can have at most " + strconv.Itoa(maxMetaName) + " bytes"
	case name[0] == '$':
		return "a property's name cannot begin with $"
	case strings.Contains(name, "."):
		return "a property's name cannot hold a dot; nest objects instead"
	case name == "__proto__":
		return "a property cannot be called __proto__: programs in JavaScript would take it for the object's prototype"
	case strings.Contains(name, "\x00"), !utf8.ValidString(name):
		return "a property's name must be UTF-8 without a zero byte"
	}
	return ""
}
