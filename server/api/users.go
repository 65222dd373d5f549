package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
	"gatehouse/users"
)

// ListUsers answers a page of the users whose name or address holds a text.
func (a *Accounts) ListUsers(ctx context.Context, c *Call) (Answer, error) {
	index, limit, err := request.Paging(c.Request.URL.Query())
	if err != nil {
		return Answer{}, err
	}
	found, more, err := a.o.Accounts.List(ctx, c.Actor, c.Request.URL.Query().Get("search"), index, limit)
	views := make([]userView, len(found))
	for i, u := range found {
		views[i] = viewOf(u)
	}
	return Answer{status: http.StatusOK, body: struct {
		Users []userView `json:"users"`
		Index int        `json:"index"`
		More  bool       `json:"more"`
	}{views, index, more}}, err
}

// CreateUser makes an account that is activated.
func (a *Accounts) CreateUser(ctx context.Context, c *Call) (Answer, error) {
	n, err := c.newUser("privileges")
	if err != nil {
		return Answer{}, err
	}
	user, err := a.o.Accounts.Create(ctx, c.Actor, n)
	return Answer{status: http.StatusCreated, body: viewOf(user), location: "/users/" + url.PathEscape(n.Username)}, err
}

// GetUser answers a user.
func (a *Accounts) GetUser(ctx context.Context, c *Call) (Answer, error) {
	user, err := a.o.Accounts.Get(ctx, c.Actor, c.user())
	return Answer{status: http.StatusOK, body: viewOf(user)}, err
}

// PatchUser changes a user.
func (a *Accounts) PatchUser(ctx context.Context, c *Call) (Answer, error) {
	body, err := c.fields("email", "password", "currentPassword", "privileges", "meta")
	if err != nil {
		return Answer{}, err
	}
	var changes users.Changes
	for _, field := range []struct {
		name string
		into **string
	}{{"email", &changes.Email}, {"password", &changes.Password}, {"currentPassword", &changes.CurrentPassword}} {
		if *field.into, err = body.OptionalText(field.name); err != nil {
			return Answer{}, err
		}
	}
	if changes.Meta, err = body.Object("meta"); err != nil {
		return Answer{}, err
	}
	privileges, err := body.Whole("privileges")
	if err != nil {
		return Answer{}, err
	}
	changes.Privileges = (*users.Privileges)(privileges)
	user, err := a.o.Accounts.Edit(ctx, c.Actor, c.user(), changes)
	return Answer{status: http.StatusOK, body: viewOf(user)}, err
}

// deletionTimeout is how long an account with all its files may take to go.
const deletionTimeout = time.Minute

// DeleteUser removes a user and all that is its own.
func (a *Accounts) DeleteUser(ctx context.Context, c *Call) (Answer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deletionTimeout)
	defer cancel()
	return Answer{status: http.StatusNoContent}, a.o.Accounts.Delete(ctx, c.Actor, c.user())
}

// GetMeta answers all of a user's meta.
func (a *Accounts) GetMeta(ctx context.Context, c *Call) (Answer, error) {
	user, err := a.o.Accounts.Get(ctx, c.Actor, c.user())
	return Answer{status: http.StatusOK, body: store.JSONDocument(user.Meta)}, err
}

// PutMeta replaces all of a user's meta.
func (a *Accounts) PutMeta(ctx context.Context, c *Call) (Answer, error) {
	meta, err := request.Plain(c.body)
	if err != nil {
		return Answer{}, err
	}
	if _, err := a.o.Accounts.SetMeta(ctx, c.Actor, c.user(), meta); err != nil {
		return Answer{}, err
	}
	kept, err := store.MarshalValue(meta) // as it is read back
	return Answer{status: http.StatusOK, body: store.JSONValue(kept)}, err
}

// metaValue is the answer about one property.
type metaValue struct {
	Value json.RawMessage `json:"value"`
}

// GetMetaValue answers one property of a user's meta.
func (a *Accounts) GetMetaValue(ctx context.Context, c *Call) (Answer, error) {
	_, v, err := a.o.Accounts.MetaValue(ctx, c.Actor, c.user(), c.Request.PathValue("name"))
	if err != nil {
		return Answer{}, err
	}
	return Answer{status: http.StatusOK, body: metaValue{store.JSONValue(v)}}, nil
}

// PutMetaValue sets one property of a user's meta.
func (a *Accounts) PutMetaValue(ctx context.Context, c *Call) (Answer, error) {
	body, err := c.fields("value")
	if err != nil {
		return Answer{}, err
	}
	value, given := body.Value("value")
	if !given {
		return Answer{}, fault.Invalid("value", "is missing")
	}
	if _, err := a.o.Accounts.SetMetaValue(ctx, c.Actor, c.user(), c.Request.PathValue("name"), value); err != nil {
		return Answer{}, err
	}
	kept, err := store.MarshalValue(value) // as it is read back
	return Answer{status: http.StatusOK, body: metaValue{store.JSONValue(kept)}}, err
}

// DeleteMetaValue removes one property of a user's meta.
func (a *Accounts) DeleteMetaValue(ctx context.Context, c *Call) (Answer, error) {
	return Answer{status: http.StatusNoContent}, a.o.Accounts.UnsetMetaValue(ctx, c.Actor, c.user(), c.Request.PathValue("name"))
}

// ListSessions answers a page of who is logged in.
func (a *Accounts) ListSessions(ctx context.Context, c *Call) (Answer, error) {
	index, limit, err := request.Paging(c.Request.URL.Query())
	if err != nil {
		return Answer{}, err
	}
	type view struct {
		ID        string  `json:"id"`
		Username  string  `json:"username"`
		CreatedOn *string `json:"createdOn"`
		Expires   *string `json:"expires"`
	}
	found, more, err := a.o.Accounts.Sessions(ctx, c.Actor, c.Request.URL.Query().Get("username"), index, limit)
	views := make([]view, len(found))
	for i, s := range found {
		views[i] = view{s.ID, s.Username, momentOf(s.CreatedOn), momentOf(s.Expires)}
	}
	return Answer{status: http.StatusOK, body: struct {
		Sessions []view `json:"sessions"`
		Index    int    `json:"index"`
		More     bool   `json:"more"`
	}{views, index, more}}, err
}

// EndSession logs somebody out.
func (a *Accounts) EndSession(ctx context.Context, c *Call) (Answer, error) {
	return Answer{status: http.StatusNoContent}, a.o.Accounts.EndSession(ctx, c.Actor, c.Request.PathValue("id"))
}
