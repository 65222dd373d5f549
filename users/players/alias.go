package players

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Alias is a name of a player: what a service, such as a shop of games, calls it.
type Alias struct {
	ID         int32     `bson:"_id"`
	Service    string    `bson:"service"`
	Identifier string    `bson:"identifier"`
	PlayerID   string    `bson:"player"`
	LastSeenAt time.Time `bson:"lastSeenAt"`
	CreatedAt  time.Time `bson:"createdAt"`
	UpdatedAt  time.Time `bson:"updatedAt"`
	Player     Player    `bson:"-"`

	Token   string    `bson:"token"` // the hash of the socket token
	Expires time.Time `bson:"tokenExpires"`
}

// Alias returns an alias with its player, or [ErrUnknown].
func (p *Players) Alias(ctx context.Context, id int64) (Alias, error) {
	if id <= 0 || id > math.MaxInt32 {
		return Alias{}, ErrUnknown
	}
	raw, err := p.store.Get(ctx, aliases, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Alias{}, ErrUnknown
	case err != nil:
		return Alias{}, fmt.Errorf("reading an alias: %w", err)
	}
	return p.decodeAlias(ctx, raw)
}

func (p *Players) decodeAlias(ctx context.Context, raw bson.Raw) (a Alias, err error) {
	if err := bson.Unmarshal(raw, &a); err != nil {
		return Alias{}, fmt.Errorf("an alias in the store is damaged: %w", err)
	}
	a.Player, err = p.player(ctx, a.PlayerID)
	return a, err
}

// named returns the alias of an identifier at a service, or [ErrUnknown].
func (p *Players) named(ctx context.Context, service, identifier string) (Alias, error) {
	raws, err := p.store.Find(ctx, aliases, store.Query{Where: bson.D{{Key: "service", Value: service}, {Key: "identifier", Value: identifier}}, Limit: 1})
	switch {
	case err != nil:
		return Alias{}, fmt.Errorf("looking for an alias: %w", err)
	case len(raws) == 0:
		return Alias{}, ErrUnknown
	}
	return p.decodeAlias(ctx, raws[0])
}

// Identify returns the alias of an identifier at a service, which was seen now,
// and a new socket token for it. Where there is none it is made, with a player of
// its own, if create says so; otherwise it is [ErrUnknown].
func (p *Players) Identify(ctx context.Context, service, identifier string, create, devBuild bool) (a Alias, token string, err error) {
	err = again(ctx, func() error {
		a, err = p.named(ctx, service, identifier)
		switch {
		case errors.Is(err, ErrUnknown) && create:
			return met(p.create(ctx, service, identifier, devBuild))
		case err != nil:
			return err
		}
		return nil
	})
	if err != nil {
		return Alias{}, "", err
	}
	if a.ID == 0 { // it was made just now
		if a, err = p.named(ctx, service, identifier); err != nil {
			return Alias{}, "", err
		}
	}
	now := moment(time.Now())
	a.LastSeenAt, a.UpdatedAt, a.Player.LastSeenAt = now, now, now
	token, err = p.newToken(ctx, a, store.Update(players, a.PlayerID, bson.D{{Key: "lastSeenAt", Value: now}}))
	return a, token, err
}

// create makes an alias and its player.
func (p *Players) create(ctx context.Context, service, identifier string, devBuild bool) error {
	id, err := p.store.Sequence(ctx, aliases)
	if err != nil {
		return fmt.Errorf("numbering an alias: %w", err)
	}
	if id > math.MaxInt32 {
		return errors.New("there are more aliases than clients can count")
	}
	now := moment(time.Now())
	player := newPlayer(now, devBuild)
	return p.store.Apply(ctx, store.Insert(players, player), store.Insert(aliases, bson.D{
		{Key: "_id", Value: id},
		{Key: "service", Value: service},
		{Key: "identifier", Value: identifier},
		{Key: "player", Value: player.ID},
		{Key: "lastSeenAt", Value: now},
		{Key: "createdAt", Value: now},
		{Key: "updatedAt", Value: now},
	}))
}

// NewToken gives an alias a new socket token; the one before is good no more.
func (p *Players) NewToken(ctx context.Context, a Alias) (string, error) { return p.newToken(ctx, a) }

func (p *Players) newToken(ctx context.Context, a Alias, more ...store.Write) (string, error) {
	token := uuid.NewString()
	set := bson.D{
		{Key: "token", Value: digest(token)},
		{Key: "tokenExpires", Value: time.Now().Add(p.settings.Load().TokenLifetime)},
		{Key: "lastSeenAt", Value: a.LastSeenAt},
		{Key: "updatedAt", Value: a.UpdatedAt},
	}
	err := p.store.Apply(ctx, append(more, store.Update(aliases, a.ID, set))...)
	if errors.Is(err, store.ErrNotFound) {
		return "", ErrUnknown
	}
	if err != nil {
		return "", fmt.Errorf("making a socket token: %w", err)
	}
	return token, nil
}

// Verify returns the alias that a socket token is for. [ErrUnknown]: there is no
// such alias; [ErrToken].
func (p *Players) Verify(ctx context.Context, id int64, token string) (Alias, error) {
	a, err := p.Alias(ctx, id)
	switch {
	case err != nil:
		return Alias{}, err
	case a.Token == "", subtle.ConstantTimeCompare([]byte(a.Token), []byte(digest(token))) == 0, !time.Now().Before(a.Expires):
		return Alias{}, ErrToken
	}
	return a, nil
}
