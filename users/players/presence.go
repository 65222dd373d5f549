package players

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Presence says whether somebody plays as a player, and what that somebody says
// of it.
type Presence struct {
	PlayerID     string    `bson:"_id"`
	AliasID      int32     `bson:"alias"` // under which the player was seen last; 0: none
	Online       bool      `bson:"online"`
	CustomStatus string    `bson:"customStatus"`
	UpdatedAt    time.Time `bson:"updatedAt"`

	// By is the socket that came, where the change was that one did.
	By string `bson:"by"`
}

// PresenceChange is a change of presence as it is told.
type PresenceChange struct {
	Presence
	OnlineChanged       bool
	CustomStatusChanged bool
}

// ReadPresence reads a change of [PresenceCollection]; false: it is none to be
// told.
func ReadPresence(c store.Change) (PresenceChange, bool) {
	var now PresenceChange
	if c.After == nil || bson.Unmarshal(c.After, &now.Presence) != nil {
		return PresenceChange{}, false
	}
	var before Presence
	if c.Before != nil && bson.Unmarshal(c.Before, &before) != nil {
		return PresenceChange{}, false
	}
	now.OnlineChanged = now.Online != before.Online
	now.CustomStatusChanged = now.CustomStatus != before.CustomStatus
	return now, true
}

// storedPresence is a presence with its version; 0: none is stored.
type storedPresence struct {
	Presence
	version int64
}

func (p *Players) presenceOf(ctx context.Context, player string) (s storedPresence, err error) {
	raw, err := p.store.Get(ctx, presence, player)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return storedPresence{Presence: Presence{PlayerID: player}}, nil
	case err != nil:
		return s, fmt.Errorf("reading a presence: %w", err)
	}
	s.version = max(store.VersionOf(raw), 1)
	return s, bson.Unmarshal(raw, &s.Presence)
}

// PresenceOf returns the presence of a player, or [ErrUnknown]; of one who was
// never online it is the zero one.
func (p *Players) PresenceOf(ctx context.Context, player string) (Presence, error) {
	found, err := p.player(ctx, player)
	switch {
	case err != nil:
		return Presence{}, err
	case found.Presence == nil:
		return Presence{PlayerID: player, UpdatedAt: found.CreatedAt}, nil
	}
	return *found.Presence, nil
}

// SetPresence changes what an alias says of its player; what is nil stays. It is
// told also where nothing changes. Who is offline then is in no channel for as
// long as it is online.
func (p *Players) SetPresence(ctx context.Context, a Alias, online *bool, status *string) (now Presence, err error) {
	had, err := p.presenceOf(ctx, a.PlayerID)
	if err != nil {
		return Presence{}, err
	}
	if stays := online == nil && had.Online || online != nil && *online; !stays {
		if err := p.quit(ctx, a.PlayerID); err != nil {
			return Presence{}, err
		}
	}
	return p.change(ctx, a, "", func(had *Presence) {
		if online != nil {
			had.Online = *online
		}
		if status != nil {
			had.CustomStatus = *status
		}
	})
}

// change writes the presence of an alias' player, with more writes.
func (p *Players) change(ctx context.Context, a Alias, by string, edit func(*Presence), more ...store.Write) (now Presence, err error) {
	err = again(ctx, func() error {
		had, err := p.presenceOf(ctx, a.PlayerID)
		if err != nil {
			return err
		}
		now = had.Presence
		edit(&now)
		now.AliasID, now.By, now.UpdatedAt = a.ID, by, moment(time.Now())
		return met(p.store.Apply(ctx, append(more, had.write(now))...))
	})
	return now, err
}

// write stores a presence in place of what was read.
func (s storedPresence) write(now Presence) store.Write {
	if s.version == 0 {
		return store.Insert(presence, now)
	}
	return store.Put(presence, now.PlayerID, now).IfVersion(s.version)
}

// socket is the document of a socket that is identified.
type socket struct {
	ID     string    `bson:"_id"`
	Node   string    `bson:"node"`
	Player string    `bson:"player"`
	Alias  int32     `bson:"alias"`
	Left   time.Time `bson:"left"` // when it was closed; zero: it is open
}

// Arrive notes that a socket is identified as an alias: its player is online, and
// that is told. The id of the socket is random.
func (p *Players) Arrive(ctx context.Context, a Alias, id string) error {
	select {
	case <-p.node.registered: // before that nobody would end what is left behind by a crash
	case <-ctx.Done():
		return &store.UnavailableError{Err: ctx.Err()}
	}
	s := socket{ID: id, Node: p.node.id, Player: a.PlayerID, Alias: a.ID}
	p.node.hold(s)
	// Not an insert: where this node was buried meanwhile it may be there already.
	if _, err := p.change(ctx, a, id, func(had *Presence) { had.Online = true }, store.Put(sockets, s.ID, s)); err != nil {
		p.node.leave(s) // it may have been written all the same
		return fmt.Errorf("noting that a player came: %w", err)
	}
	return nil
}

// Leave notes that a socket was closed. Where it was the last of its player, the
// player is offline a moment later. What cannot be written now is written by
// [Players.Run].
func (p *Players) Leave(a Alias, id string) {
	p.node.leave(socket{ID: id, Node: p.node.id, Player: a.PlayerID, Alias: a.ID})
}

// settle ends the presence of a player who has no socket any more.
func (p *Players) settle(ctx context.Context, player string) error {
	return again(ctx, func() error {
		had, err := p.presenceOf(ctx, player)
		if err != nil {
			return err
		}
		raws, err := p.store.Find(ctx, sockets, store.Query{Where: bson.D{{Key: "player", Value: player}}})
		if err != nil {
			return fmt.Errorf("looking for sockets of a player: %w", err)
		}
		for _, raw := range raws {
			var s socket
			if bson.Unmarshal(raw, &s) == nil && s.Left.IsZero() {
				return nil
			}
		}
		if err := p.quit(ctx, player); err != nil {
			return err
		}
		if !had.Online {
			return nil
		}
		now := had.Presence
		now.Online, now.By, now.UpdatedAt = false, "", moment(time.Now())
		return met(p.store.Apply(ctx, had.write(now)))
	})
}
