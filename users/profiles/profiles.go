package profiles

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// The errors of this package, to be compared with errors.Is. Errors of the store
// pass through beside them.
var (
	// ErrUnknown: there is no such character.
	ErrUnknown = errors.New("there is no such character")

	// ErrTaken: another character has this world and name.
	ErrTaken = errors.New("there is a character of this name in this world")

	// ErrNotYours: the character belongs to somebody else.
	ErrNotYours = errors.New("this is not your character")

	// ErrBusy: others change the character all the time.
	ErrBusy = errors.New("others change this character all the time; try again in a moment")
)

// Name is the collection's.
const Name = "characters"

// Collection declares what this package keeps in the store.
func Collection() store.Collection {
	return store.Collection{Name: Name, Indexes: []store.Index{{Fields: []string{"key"}, Unique: true}, {Fields: []string{"owner"}}}}
}

// Editor is who changes a character: its owner, by a session, or a program, by
// an access key.
type Editor struct {
	Username string
	Program  bool
}

// Profiles are the characters in a store.
type Profiles struct{ store store.Store }

// New returns the characters in a store in which [Collection] is declared, or
// will be before they are used.
func New(st store.Store) *Profiles { return &Profiles{st} }

// Get returns a character, or [ErrUnknown].
func (p *Profiles) Get(ctx context.Context, world, name string) (Character, error) {
	if Check(world, name) != nil { // nobody can be called so
		return Character{}, ErrUnknown
	}
	raws, err := p.store.Find(ctx, Name, store.Query{Where: bson.D{{Key: "key", Value: Key(world, name)}}, Limit: 1})
	switch {
	case err != nil:
		return Character{}, fmt.Errorf("looking for a character: %w", err)
	case len(raws) == 0:
		return Character{}, ErrUnknown
	}
	return decode(raws[0])
}

// Put sets fields of a profile; those that are not named stay, and a program
// makes the character where there is none. Errors: [ErrUnknown], [ErrNotYours],
// [*InvalidError].
func (p *Profiles) Put(ctx context.Context, by Editor, world, name string, fields map[string]string) (Character, error) {
	for f, text := range fields {
		if !slices.Contains(Fields, f) {
			return Character{}, &InvalidError{f, "is no field of a profile"}
		}
		if len(text) > maxField {
			return Character{}, &InvalidError{f, "must have at most " + strconv.Itoa(maxField) + " bytes"}
		}
	}
	return p.change(ctx, by, world, name, func(c Character) (set bson.D, err error) {
		for _, f := range Fields {
			if text, given := fields[f]; given && text != c.Profile[f] {
				set = append(set, bson.E{Key: "profile." + f, Value: text})
			}
		}
		if v, err := c.raw.LookupErr("profile"); err == nil && v.Type != bson.TypeEmbeddedDocument && len(set) > 0 {
			return bson.D{{Key: "profile", Value: stripped(set)}}, nil // another program left what is none
		}
		return set, nil
	})
}

// Create makes a character, which may belong to a user. Errors: [ErrTaken],
// [*InvalidError].
func (p *Profiles) Create(ctx context.Context, world, name, owner string) (Character, error) {
	c := Character{World: world, Name: name, Owner: owner}
	return p.insert(ctx, c, nil)
}

// Changes of a character; what is nil stays.
type Changes struct {
	World, Name *string
	Owner       *string // of a program only
}

// Change renames a character, moves it to another world, or gives it to somebody.
// Errors: [ErrUnknown], [ErrNotYours], [ErrTaken], [*InvalidError].
func (p *Profiles) Change(ctx context.Context, by Editor, world, name string, to Changes) (Character, error) {
	if to.Owner != nil && !by.Program {
		return Character{}, ErrNotYours
	}
	return p.change(ctx, by, world, name, func(c Character) (set bson.D, err error) {
		if c.id.Type == 0 {
			return nil, ErrUnknown
		}
		next := c
		for field, text := range map[*string]*string{&next.World: to.World, &next.Name: to.Name, &next.Owner: to.Owner} {
			if text != nil {
				*field = *text
			}
		}
		if err := next.check(); err != nil {
			return nil, err
		}
		for _, f := range []struct{ name, was, is string }{
			{"world", c.World, next.World},
			{"name", c.Name, next.Name},
			{"owner", c.Owner, next.Owner},
			{"key", Key(c.World, c.Name), Key(next.World, next.Name)},
		} {
			if f.was != f.is {
				set = append(set, bson.E{Key: f.name, Value: f.is})
			}
		}
		return set, nil
	})
}

func (c Character) check() error {
	if err := checkName("world", c.World); err != nil {
		return err
	}
	return checkName("name", c.Name)
}

// Delete removes a character. Errors: [ErrUnknown], [ErrNotYours].
func (p *Profiles) Delete(ctx context.Context, by Editor, world, name string) error {
	return again(ctx, func() error {
		c, err := p.editable(ctx, by, world, name)
		if err != nil {
			return err
		}
		return found(p.store.Apply(ctx, store.Delete(Name, c.id).IfVersion(c.Version)))
	})
}

// editable is a character whom somebody may change.
func (p *Profiles) editable(ctx context.Context, by Editor, world, name string) (Character, error) {
	c, err := p.Get(ctx, world, name)
	if err == nil && !by.Program && (by.Username == "" || !strings.EqualFold(c.Owner, by.Username)) {
		return Character{}, ErrNotYours
	}
	return c, err
}

// change writes what is to be set of a character as it is, or makes the character
// where a program asks for one that is not there: it has no id then.
func (p *Profiles) change(ctx context.Context, by Editor, world, name string, make func(Character) (bson.D, error)) (changed Character, err error) {
	err = again(ctx, func() error {
		c, err := p.editable(ctx, by, world, name)
		absent := errors.Is(err, ErrUnknown) && by.Program
		if err != nil && !absent {
			return err
		}
		if absent {
			c = Character{World: world, Name: name}
		}
		set, err := make(c)
		switch {
		case err != nil:
			return err
		case absent:
			changed, err = p.insert(ctx, c, set)
			if errors.Is(err, ErrTaken) {
				return store.ErrConflict // somebody was quicker
			}
			return err
		case len(set) == 0: // nothing that anybody would have to hear of
			changed = c
			return nil
		}
		set = append(set, bson.E{Key: "updatedAt", Value: time.Now()})
		if err := found(p.store.Apply(ctx, store.Update(Name, c.id, set).IfVersion(c.Version))); err != nil {
			return err
		}
		raw, err := p.store.Get(ctx, Name, c.id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrUnknown
		}
		if err == nil {
			changed, err = decode(raw)
		}
		return err
	})
	return changed, err
}

// insert makes a character with these fields of its profile (dotted paths).
func (p *Profiles) insert(ctx context.Context, c Character, set bson.D) (Character, error) {
	if err := c.check(); err != nil {
		return Character{}, err
	}
	profile := stripped(set)
	d := bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "world", Value: c.World}, {Key: "name", Value: c.Name}, {Key: "key", Value: Key(c.World, c.Name)}}
	if c.Owner != "" {
		d = append(d, bson.E{Key: "owner", Value: c.Owner})
	}
	d = append(d, bson.E{Key: "profile", Value: profile}, bson.E{Key: "updatedAt", Value: time.Now()})
	if err := found(p.store.Apply(ctx, store.Insert(Name, d))); err != nil {
		return Character{}, err
	}
	raw, err := store.MarshalDocument(d)
	if err != nil {
		return Character{}, err
	}
	made, err := decode(raw)
	made.Version = 1
	return made, err
}

// stripped are fields without the path of the profile before them.
func stripped(set bson.D) bson.D {
	profile := bson.D{}
	for _, e := range set {
		profile = append(profile, bson.E{Key: strings.TrimPrefix(e.Key, "profile."), Value: e.Value})
	}
	return profile
}

// found gives an error of the store this package's name.
func found(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.ErrConflict // it went meanwhile
	case errors.Is(err, store.ErrDuplicate):
		return ErrTaken
	case err != nil && !errors.Is(err, store.ErrConflict):
		return fmt.Errorf("changing a character: %w", err)
	}
	return err
}

// again is [store.Again], with this package's word for who does not come to it.
func again(ctx context.Context, f func() error) error {
	err := store.Again(ctx, f)
	if errors.Is(err, store.ErrConflict) {
		return ErrBusy
	}
	return err
}
