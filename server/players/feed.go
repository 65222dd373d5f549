package players

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/keys"
	"gatehouse/users/players"
	"gatehouse/users/resources"
)

// Run tells of changes until ctx ends.
func (v *Service) Run(ctx context.Context) error { return v.feed.Run(ctx) }

func (v *Service) endAll() {
	for _, s := range v.list(func(*session) bool { return true }) {
		s.conn.Close(wsconn.CloseGoingAway, "changes may have been missed; come back")
	}
}

// The collections that are followed, beside those of players.
var (
	keysName   = keys.Collection().Name
	configName = resources.CollectionOf(resources.LiveConfig)
)

// seen follows a change.
func (v *Service) seen(ctx context.Context, c store.Change) {
	switch c.Collection {
	case keysName:
		if id, ok := c.ID.StringValueOK(); ok && c.Op == store.OpDelete {
			v.revoked(id)
		}
	case configName:
		v.configured(c)
	case players.MembersCollection:
		if m, ok := players.ReadMembership(c); ok {
			v.book.changed(m)
		}
	case players.EventsCollection:
		if e, ok := players.ReadEvent(c); ok {
			v.happened(e)
		}
	default:
		v.presence(ctx, c)
	}
}

// revoked closes the sockets of a key.
func (v *Service) revoked(id string) {
	v.mu.Lock()
	list := make([]*session, 0, len(v.byKey[id]))
	for s := range v.byKey[id] {
		list = append(list, s)
	}
	v.mu.Unlock()
	for _, s := range list {
		s.conn.Close(closeUnauthorized, "")
	}
}

// presence tells of a presence all who are identified and may know, and who waits
// for that of its own.
func (v *Service) presence(ctx context.Context, c store.Change) {
	now, ok := players.ReadPresence(c)
	if !ok {
		return
	}
	to := v.list(func(s *session) bool { return s.key.Has("read:playerPresence") && s.speaksFor() })
	if len(to) > 0 {
		if a, found := v.aliasFor(ctx, now); found {
			b := message("v1.players.presence.updated", presenceMessage(now, a))
			for _, s := range to {
				s.conn.Send(b)
			}
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if seen := v.expected[now.By]; seen != nil {
		close(seen)
		delete(v.expected, now.By)
	}
}

// aliasFor reads the alias that a presence is of; a store that does not answer is
// waited for, so that nothing is left out.
func (v *Service) aliasFor(ctx context.Context, now players.PresenceChange) (players.Alias, bool) {
	for {
		a, err := v.o.Players.Alias(ctx, int64(now.AliasID))
		switch {
		case err == nil:
			a.Player.Presence = &now.Presence
			return a, true
		case !errors.Is(err, store.ErrUnavailable):
			if !errors.Is(err, players.ErrUnknown) && ctx.Err() == nil {
				v.o.Logger.Error("a presence could not be told", "error", err)
			}
			return players.Alias{}, false
		}
		if !pause(ctx, time.Second) {
			return players.Alias{}, false
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// presenceMessage is what is told of a change; meta says what was one.
func presenceMessage(now players.PresenceChange, a players.Alias) any {
	alias := aliasOf(a)
	type meta struct {
		OnlineChanged       bool `json:"onlineChanged"`
		CustomStatusChanged bool `json:"customStatusChanged"`
	}
	return struct {
		Presence ofAlias `json:"presence"`
		Meta     meta    `json:"meta"`
	}{ofAlias{&alias, presenceOf(now.Presence)}, meta{now.OnlineChanged, now.CustomStatusChanged}}
}

// configured tells of the game's configuration.
func (v *Service) configured(c store.Change) {
	r, err := v.gameConfig()
	if id, ok := c.ID.StringValueOK(); err != nil || !ok || id != r.ID {
		return
	}
	now, news, _ := resources.Seen(c, resources.State{})
	if !news {
		return
	}
	b := message("v1.live-config.updated", configView{configOf(now.Data)})
	for _, s := range v.list(func(s *session) bool { return s.key.Has("read:gameConfig") }) {
		s.conn.Send(b)
	}
}

// gameConfig is the live configuration of games.
func (v *Service) gameConfig() (resources.Resource, error) {
	s := v.settings.Load()
	return resources.InLiveConfig(resources.Place{resources.Organization: s.Organization, resources.Project: s.Project}, "game")
}

type configView struct {
	Config []players.Prop `json:"config"`
}

// configOf is a configuration as games know it: texts as they are, other values as
// JSON; what is the server's own is left out.
func configOf(data bson.RawValue) []players.Prop {
	config := []players.Prop{}
	doc, ok := data.DocumentOK()
	if !ok {
		return config
	}
	elements, err := doc.Elements()
	if err != nil {
		return config
	}
	for _, e := range elements {
		if players.Reserved(e.Key()) {
			continue
		}
		value, isText := e.Value().StringValueOK()
		if !isText {
			value = string(store.JSONValue(e.Value()))
		}
		config = append(config, players.Prop{Key: e.Key(), Value: value})
	}
	return config
}
