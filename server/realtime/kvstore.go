package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
	"gatehouse/users"
	"gatehouse/users/resources"
)

// How many values one request may be about, and how much data one answer may
// hold. What is beyond that has to be asked for by itself.
const (
	maxEntries = 100
	maxAnswer  = 4 << 20
)

// kvObject is a value under its key.
type kvObject struct {
	Key  string          `json:"key"`
	Data json.RawMessage `json:"data,omitempty"`
}

// kvAnswer is what became of one entry of a request.
type kvAnswer struct {
	Status  string    `json:"status"` // ok or error
	ID      string    `json:"id,omitempty"`
	Store   string    `json:"store,omitempty"`
	Scope   string    `json:"scope,omitempty"`
	Object  *kvObject `json:"object,omitempty"`
	Version string    `json:"version,omitempty"`
	*fault.Error
}

// kvEntry is one entry of a request, and the value that it is about.
type kvEntry struct {
	resources.Resource
	sent   request.Body
	object request.Body // of a write
}

// operation is what is done for each entry of a request.
type operation struct {
	fields []string // of an entry, beside id, store and scope
	writes bool
	may    func(resources.Viewer, resources.Resource) bool
	do     func(ctx context.Context, e kvEntry) (data json.RawMessage, v resources.Version, err error)
}

// ReadKV answers values.
func (v *Service) ReadKV(ctx context.Context, c *Call) (any, error) {
	return v.each(ctx, c, operation{[]string{"key"}, false, resources.Viewer.MayRead, func(ctx context.Context, e kvEntry) (json.RawMessage, resources.Version, error) {
		now, err := v.o.Resources.Get(ctx, e.Resource)
		switch {
		case err != nil:
			return nil, 0, err
		case !now.Exists:
			return nil, 0, resources.ErrUnknown
		}
		return store.JSONValue(now.Data), now.Version, nil
	}})
}

// WriteKV writes values.
func (v *Service) WriteKV(ctx context.Context, c *Call) (any, error) {
	return v.each(ctx, c, operation{[]string{"object", "ifVersion"}, true, resources.Viewer.MayWrite, func(ctx context.Context, e kvEntry) (json.RawMessage, resources.Version, error) {
		data, given := e.object.Value("data")
		switch {
		case !given:
			return nil, 0, fault.Invalid("object.data", "is missing")
		case data == nil:
			return nil, 0, fault.Invalid("object.data", "cannot be null: that is what is told of a value that was deleted")
		}
		ifVersion, err := condition(e.sent)
		if err != nil {
			return nil, 0, err
		}
		version, err := v.write(ctx, c, e.Resource, data, ifVersion)
		return nil, version, err
	}})
}

// DeleteKV removes values.
func (v *Service) DeleteKV(ctx context.Context, c *Call) (any, error) {
	return v.each(ctx, c, operation{[]string{"key", "ifVersion"}, true, resources.Viewer.MayWrite, func(ctx context.Context, e kvEntry) (json.RawMessage, resources.Version, error) {
		ifVersion, err := condition(e.sent)
		if err != nil {
			return nil, 0, err
		}
		version, err := v.o.Resources.Delete(ctx, e.Resource, ifVersion)
		return nil, version, err
	}})
}

// each does an operation for each entry of a request, in their order. One that is
// wrong, or fails, does not stop the others.
func (v *Service) each(ctx context.Context, c *Call, op operation) (any, error) {
	var raws []json.RawMessage
	switch err := json.Unmarshal(c.body, &raws); {
	case err != nil || raws == nil:
		return nil, fault.New(fault.InvalidJSON, "the body is not a JSON list of entries")
	case len(raws) > maxEntries:
		return nil, fault.New(fault.TooLarge, "a request can have at most "+strconv.Itoa(maxEntries)+" entries")
	}
	answers, size := make([]kvAnswer, len(raws)), 0
	for i, raw := range raws {
		a := &answers[i]
		err := v.entry(ctx, c, raw, op, a)
		if a.Object != nil {
			if size += len(a.Object.Data); size > maxAnswer && size > len(a.Object.Data) { // one always fits
				size -= len(a.Object.Data)
				a.Object.Data, a.Version = nil, ""
				err = fault.New(fault.TooLarge, "the answer holds as much as it may already; ask for this by itself")
			}
		}
		if err != nil {
			a.Status, a.Error = "error", fault.From(faultOf(err))
			if a.Code == fault.Internal {
				v.o.Logger.Error("an entry of a request failed", "error", err)
			}
		}
	}
	return answers, nil
}

// entry does an operation for one entry.
func (v *Service) entry(ctx context.Context, c *Call, raw []byte, op operation, a *kvAnswer) error {
	e := kvEntry{}
	key, err := e.read(raw, op.fields, a)
	if err != nil {
		return err
	}
	a.Object = &kvObject{Key: key}
	if a.Scope == "" {
		a.Scope = string(c.Place.Narrowest())
	}
	owner, err := v.owner(ctx, c.Viewer, a.ID, op.writes)
	if err != nil {
		return err
	}
	a.ID = owner
	if e.Resource, err = resources.KV(c.Place, owner, resources.Scope(a.Scope), a.Store, key); err != nil {
		return err
	}
	if !op.may(c.Viewer, e.Resource) {
		return errNotAllowed
	}
	data, version, err := op.do(ctx, e)
	if err != nil {
		return err
	}
	a.Status, a.Object.Data, a.Version = "ok", data, version.String()
	return nil
}

// read reads an entry, and returns the key that it names.
func (e *kvEntry) read(raw []byte, fields []string, a *kvAnswer) (key string, err error) {
	if e.sent, err = request.ParseBody(raw, append([]string{"id", "store", "scope"}, fields...)...); err != nil {
		return "", err
	}
	for _, field := range []struct {
		name string
		into *string
	}{{"id", &a.ID}, {"scope", &a.Scope}} {
		text, err := e.sent.OptionalText(field.name)
		if err != nil {
			return "", err
		}
		if text != nil {
			*field.into = *text
		}
	}
	texts, err := e.sent.Texts("store")
	if err != nil {
		return "", err
	}
	a.Store = texts[0]
	if fields[0] == "object" {
		if _, given := e.sent.Value("object"); !given {
			return "", fault.Invalid("object", "is missing")
		}
		var sent struct {
			Object json.RawMessage `json:"object"`
		}
		_ = json.Unmarshal(raw, &sent) // it was read before
		if err := sized(sent.Object); err != nil {
			return "", err
		}
		if e.object, err = request.ParseBody(sent.Object, "key", "data"); err != nil {
			return "", inObject(err)
		}
		if texts, err = e.object.Texts("key"); err != nil {
			return "", inObject(err)
		}
		return texts[0], nil
	}
	if texts, err = e.sent.Texts("key"); err != nil {
		return "", err
	}
	return texts[0], nil
}

// inObject says of an error that it is about a field of object.
func inObject(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Property != "" {
		return fault.Invalid("object."+f.Property, strings.TrimPrefix(f.Message, f.Property+": "))
	}
	return err
}

// owner finds whose values are meant: the viewer's own where no id is given. Of
// others' a user is told nothing, not even whether they exist.
func (v *Service) owner(ctx context.Context, by resources.Viewer, id string, writes bool) (string, error) {
	switch {
	case writes && !by.Write, !writes && !by.Read: // who is told of nothing is not told who is a user
		return "", errNotAllowed
	case id == "" && by.UserID == "", id != "" && !by.Program && !strings.EqualFold(id, by.UserID):
		return "", errNotAllowed
	case id == "" || !by.Program:
		return by.UserID, nil
	case strings.HasPrefix(id, ProgramPrefix):
		return id, resources.CheckName("id", id, resources.MaxPlace)
	}
	stored, err := v.o.Username(ctx, id)
	if errors.Is(err, users.ErrUnknown) {
		err = fault.Invalid("id", "is no user")
	}
	return stored, err
}

// keysView is a page of the keys of a store.
type keysView struct {
	ID    string   `json:"id"`
	Store string   `json:"store"`
	Scope string   `json:"scope"`
	Keys  []string `json:"keys"`
	Index int      `json:"index"`
	More  bool     `json:"more"`
}

// ListKV answers a page of the keys of a user's store.
func (v *Service) ListKV(ctx context.Context, c *Call) (any, error) {
	q := c.URL.Query()
	index, limit, err := request.Paging(q)
	if err != nil {
		return nil, err
	}
	page := keysView{Store: q.Get("store"), Scope: q.Get("scope"), Keys: []string{}, Index: index}
	if page.Store == "" {
		page.Store = resources.ClientStore
	}
	if page.Scope == "" {
		page.Scope = string(c.Place.Narrowest())
	}
	if page.ID, err = v.owner(ctx, c.Viewer, q.Get("id"), false); err != nil {
		return nil, err
	}
	r, err := resources.KV(c.Place, page.ID, resources.Scope(page.Scope), page.Store, "-") // any key
	switch {
	case err != nil:
		return nil, err
	case !c.Viewer.MayRead(r):
		return nil, errNotAllowed
	}
	found, more, err := v.o.Resources.Keys(ctx, r, index, limit)
	page.Keys, page.More = append(page.Keys, found...), more
	return page, err
}
