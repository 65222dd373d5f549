package players

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Player is somebody who plays, under one or several aliases.
type Player struct {
	ID         string    `bson:"_id"` // a UUID
	Props      []Prop    `bson:"props"`
	DevBuild   bool      `bson:"devBuild"`
	CreatedAt  time.Time `bson:"createdAt"`
	LastSeenAt time.Time `bson:"lastSeenAt"`

	// Presence is nil where the player was never online and said nothing.
	Presence *Presence `bson:"-"`

	version int64
}

// devBuildProp marks players that a development build has made.
var devBuildProp = Prop{Key: "META_DEV_BUILD", Value: "1"}

// newPlayer makes a player, to be inserted.
func newPlayer(now time.Time, devBuild bool) Player {
	p := Player{ID: uuid.NewString(), Props: []Prop{}, DevBuild: devBuild, CreatedAt: now, LastSeenAt: now}
	if devBuild {
		p.Props = append(p.Props, devBuildProp)
	}
	return p
}

// player reads a player with its presence.
func (p *Players) player(ctx context.Context, id string) (Player, error) {
	found := Player{}
	var at storedPresence
	err := together(
		func() (err error) { found, err = p.readPlayer(ctx, id); return err },
		func() (err error) { at, err = p.presenceOf(ctx, id); return err },
	)
	if err != nil {
		return Player{}, err
	}
	if at.version > 0 {
		found.Presence = &at.Presence
	}
	return found, nil
}

func (p *Players) readPlayer(ctx context.Context, id string) (Player, error) {
	raw, err := p.store.Get(ctx, players, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Player{}, ErrUnknown
	case err != nil:
		return Player{}, fmt.Errorf("reading a player: %w", err)
	}
	found := Player{version: store.VersionOf(raw)}
	if err := bson.Unmarshal(raw, &found); err != nil {
		return Player{}, fmt.Errorf("the player %.64s in the store is damaged: %w", id, err)
	}
	return found, nil
}

// Player returns a player and its aliases, the oldest first, or [ErrUnknown].
func (p *Players) Player(ctx context.Context, id string) (Player, []Alias, error) {
	found, err := p.player(ctx, id)
	if err != nil {
		return Player{}, nil, err
	}
	raws, err := p.store.Find(ctx, aliases, store.Query{Where: bson.D{{Key: "player", Value: id}}, Limit: 100})
	if err != nil {
		return Player{}, nil, fmt.Errorf("reading the aliases of a player: %w", err)
	}
	list := make([]Alias, len(raws))
	for i, raw := range raws {
		if err := bson.Unmarshal(raw, &list[i]); err != nil {
			return Player{}, nil, fmt.Errorf("an alias of %s in the store is damaged: %w", id, err)
		}
		list[i].Player = found
	}
	return found, list, nil
}

// Patch changes props of a player and returns it, with those that were refused;
// the others are stored. Props of the server's own are left alone. [ErrUnknown]:
// there is no such player.
func (p *Players) Patch(ctx context.Context, id string, props []PropChange) (Player, []Alias, []Rejected, error) {
	if len(props) > maxProps {
		return Player{}, nil, nil, ErrTooManyProps
	}
	good, rejected := checkProps(props, true)
	err := again(ctx, func() error {
		had, err := p.player(ctx, id)
		if err != nil {
			return err
		}
		if len(good) == 0 {
			return nil
		}
		now := changed(had.Props, good)
		if len(now) > maxProps {
			return ErrTooManyProps
		}
		set := bson.D{{Key: "props", Value: now}}
		return met(p.store.Apply(ctx, store.Update(players, id, set).IfVersion(had.version)))
	})
	if err != nil {
		return Player{}, nil, nil, err
	}
	now, list, err := p.Player(ctx, id)
	return now, list, rejected, err
}
