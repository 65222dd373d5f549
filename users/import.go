package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Import takes over a user's document of the original server, with its password
// hash. What belongs to sessions and mails of that server is left out, and what
// this server does not know is kept. Errors: [*InvalidError], [ErrTaken].
func (a *Accounts) Import(ctx context.Context, document bson.D) error {
	d, err := imported(document)
	if err != nil {
		return err
	}
	super := slices.ContainsFunc(d, func(e bson.E) bool {
		v, err := store.MarshalValue(e.Value)
		n, whole := integer(v)
		return e.Key == "privileges" && err == nil && whole && n == int64(Super)
	})
	err = again(ctx, func() error {
		var first []store.Write
		if super {
			var err error
			if first, err = a.firstSuper(ctx); err != nil {
				return err
			}
			if _, err := a.find(ctx, usernameOf(d)); first == nil && errors.Is(err, ErrUnknown) {
				return &InvalidError{"privileges", "there is a super admin (1) already; import this one as an admin (2)"}
			}
		}
		err := a.store.Apply(ctx, append(first, store.Insert(users, d))...)
		var d *store.DuplicateError
		if errors.As(err, &d) && d.Collection == counters {
			err = store.ErrConflict
		}
		return err
	})
	switch {
	case duplicate(err, "_id"):
		return fmt.Errorf("%w: _id", ErrTaken)
	case duplicate(err, "username"):
		return fmt.Errorf("%w: username", ErrTaken)
	case duplicate(err, "email"):
		return fmt.Errorf("%w: email", ErrTaken)
	case errors.Is(err, store.ErrInvalid):
		return &InvalidError{"the document", err.Error()}
	}
	return err
}

func usernameOf(d bson.D) string {
	for _, e := range d {
		if name, ok := e.Value.(string); ok && e.Key == "username" {
			return name
		}
	}
	return ""
}

// imported is the document as it is kept.
func imported(document bson.D) (bson.D, error) {
	d := slices.DeleteFunc(slices.Clone(document), func(e bson.E) bool {
		return e.Key == resetKeyField || e.Key == "sessionId" || e.Key == store.VersionField
	})
	at := func(name string) any {
		for _, e := range d {
			if e.Key == name {
				return e.Value
			}
		}
		return nil
	}
	name, _ := at("username").(string)
	email, _ := at("email").(string)
	hash, _ := at(passwordField).(string)
	if name == "" || len(name) > maxEmail || strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) || strings.Contains(name, "@") {
		return nil, &InvalidError{"username", "must be a text, not empty, without an @, control characters, and spaces around it"}
	}
	if err := checkEmail(email); err != nil {
		return nil, err
	}
	if !usable(hash) {
		return nil, &InvalidError{passwordField, "is no bcrypt hash whose cost is at most " + strconv.Itoa(maxCost)}
	}
	if k := at(registerKeyField); k == nil {
		d = with(d, registerKeyField, "")
	} else if _, ok := k.(string); !ok {
		return nil, &InvalidError{registerKeyField, "must be a text; it is empty for an activated account"}
	}
	for _, field := range []string{"createdOn", "lastLoggedIn"} {
		switch at(field).(type) {
		case nil, int32, int64, float64, bson.DateTime:
		default:
			return nil, &InvalidError{field, "must be a number of milliseconds since 1970, or a date"}
		}
	}
	switch p := at("privileges"); p {
	case nil:
		d = with(d, "privileges", int32(Regular))
	case int32(1), int32(2), int32(3), int64(1), int64(2), int64(3), 1.0, 2.0, 3.0:
	default:
		return nil, &InvalidError{"privileges", "must be 1 (super admin), 2 (admin) or 3 (regular)"}
	}
	switch m := at("meta").(type) {
	case nil:
		d = with(d, "meta", bson.D{})
	case bson.D:
		if err := checkMeta(m); err != nil {
			return nil, err
		}
	default:
		return nil, &InvalidError{"meta", "must be an object"}
	}
	return d, nil
}
