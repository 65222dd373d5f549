package usersws

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/events"
	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
	"gatehouse/users"
)

// metaTimeout is how long a request for meta waits for the store.
const metaTimeout = 4500 * time.Millisecond

// meta answers a request for a user's meta, or one that sets it. Who may not ask
// gets the same answer whether the user exists or not.
func (s *session) meta(r request.Request) error {
	name, err := r.Text("username")
	if err != nil {
		return err
	}
	property := ""
	_, one := r.Properties["property"]
	if one {
		if property, err = r.Text("property"); err != nil {
			return err
		}
	}
	val, sets := r.Properties["val"]
	scope := "read:users"
	if sets {
		scope = "write:users"
	}
	ctx, cancel := context.WithTimeout(s.service.ctx, metaTimeout)
	defer cancel()
	by, err := s.by(ctx, scope)
	if err != nil {
		return err
	}
	if sets {
		name, err = s.setMeta(ctx, by, name, property, one, r)
	} else {
		name, val, err = s.getMeta(ctx, by, name, property, one)
	}
	if err != nil {
		return err
	}
	answer := struct {
		EventType events.Type     `json:"eventType"`
		Username  string          `json:"username"`
		Property  *string         `json:"property,omitempty"`
		Val       json.RawMessage `json:"val"`
		RequestID json.RawMessage `json:"requestId,omitempty"`
	}{events.MetaRequest, name, nil, val, r.ID}
	if one {
		answer.Property = &property
	}
	b, err := json.Marshal(answer)
	if err == nil {
		s.conn.Send(reply(b))
	}
	return err
}

// getMeta reads all of a user's meta, or one property; the username is the stored
// one.
func (s *session) getMeta(ctx context.Context, by users.Actor, name, property string, one bool) (username string, val json.RawMessage, err error) {
	if !one {
		u, err := s.service.o.Meta.Get(ctx, by, name)
		return u.Username, store.JSONDocument(u.Meta), err
	}
	username, v, err := s.service.o.Meta.MetaValue(ctx, by, name, property)
	return username, store.JSONValue(v), err
}

func (s *session) setMeta(ctx context.Context, by users.Actor, name, property string, one bool, r request.Request) (username string, err error) {
	value, err := r.Any("val")
	if err != nil {
		return "", err
	}
	if one {
		return s.service.o.Meta.SetMetaValue(ctx, by, name, property, value)
	}
	all, ok := value.(bson.D)
	if !ok {
		return "", fault.Invalid("val", "must be an object where no property is named: it replaces all of meta")
	}
	return s.service.o.Meta.SetMeta(ctx, by, name, all)
}

// by finds as whom a socket asks: by its key, which needs the scope, or by the
// session that it was opened with, if that has not ended.
func (s *session) by(ctx context.Context, scope string) (users.Actor, error) {
	if s.keyID != "" || s.actor == nil {
		return users.Program(), s.need(scope, "meta")
	}
	actor, err := s.actor(ctx)
	if errors.Is(err, users.ErrNoSession) {
		err = fault.New(fault.Forbidden, "the session of this socket has ended")
	}
	return actor, err
}
