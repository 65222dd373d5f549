package players

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// The errors of channels, to be compared with errors.Is.
var (
	ErrNoChannel = errors.New("there is no such channel")
	ErrNotOwner  = errors.New("this player is not the owner of the channel")
	ErrNotMember = errors.New("this player is not a member of the channel")
	ErrPrivate   = errors.New("this channel is private")
	ErrNewOwner  = errors.New("there is no such new owner")
	ErrOneself   = errors.New("this cannot be done to oneself")
)

// Channel is where players meet.
type Channel struct {
	ID                  int32     `bson:"_id"`
	Name                string    `bson:"name"`
	OwnerID             int32     `bson:"owner"` // an alias; 0: nobody
	OwnerIdentifier     string    `bson:"ownerIdentifier"`
	TotalMessages       int32     `bson:"totalMessages"`
	Props               []Prop    `bson:"props"`
	AutoCleanup         bool      `bson:"autoCleanup"`
	Private             bool      `bson:"private"`
	TemporaryMembership bool      `bson:"temporaryMembership"`
	CreatedAt           time.Time `bson:"createdAt"`
	UpdatedAt           time.Time `bson:"updatedAt"`

	// Owner is the alias of OwnerID, where it was read.
	Owner *Alias `bson:"-"`

	version int64
}

// member is the document of a membership.
type member struct {
	ID        string    `bson:"_id"`
	Channel   int32     `bson:"channel"`
	Alias     int32     `bson:"alias"`
	Player    string    `bson:"player"`
	DevBuild  bool      `bson:"devBuild"` // of the player
	CreatedAt time.Time `bson:"createdAt"`
}

func memberID(channel, alias int32) string {
	return strconv.Itoa(int(channel)) + "/" + strconv.Itoa(int(alias))
}

// splitMemberID reads what memberID has written.
func splitMemberID(id string) (channel, alias int32, ok bool) {
	first, second, found := strings.Cut(id, "/")
	c, err := strconv.ParseInt(first, 10, 32)
	a, err2 := strconv.ParseInt(second, 10, 32)
	return int32(c), int32(a), found && err == nil && err2 == nil
}

func memberOf(c Channel, a Alias) member {
	return member{memberID(c.ID, a.ID), c.ID, a.ID, a.PlayerID, a.Player.DevBuild, moment(time.Now())}
}

// Channel returns a channel with its owner, or [ErrNoChannel].
func (p *Players) Channel(ctx context.Context, id int64) (Channel, error) {
	if id <= 0 || id > math.MaxInt32 {
		return Channel{}, ErrNoChannel
	}
	raw, err := p.store.Get(ctx, channels, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Channel{}, ErrNoChannel
	case err != nil:
		return Channel{}, fmt.Errorf("reading a channel: %w", err)
	}
	return p.decodeChannel(ctx, raw)
}

func (p *Players) decodeChannel(ctx context.Context, raw bson.Raw) (Channel, error) {
	c := Channel{version: store.VersionOf(raw)}
	if err := bson.Unmarshal(raw, &c); err != nil {
		return Channel{}, fmt.Errorf("a channel in the store is damaged: %w", err)
	}
	if c.OwnerID == 0 {
		return c, nil
	}
	owner, err := p.Alias(ctx, int64(c.OwnerID))
	switch {
	case errors.Is(err, ErrUnknown): // another program has removed it
	case err != nil:
		return Channel{}, err
	default:
		c.Owner = &owner
	}
	return c, nil
}

// guard is a write that lets nobody change or delete the channel in between.
func (c Channel) guard() store.Write {
	return store.Update(channels, c.ID, nil).IfVersion(c.version)
}

// IsMember reports whether an alias is in a channel.
func (p *Players) IsMember(ctx context.Context, channel, alias int32) (bool, error) {
	_, err := p.store.Get(ctx, members, memberID(channel, alias))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading a membership: %w", err)
	}
	return true, nil
}

// Memberships are the ids of the channels that an alias is in.
func (p *Players) Memberships(ctx context.Context, alias int32) ([]int32, error) {
	list, err := p.membersWhere(ctx, bson.D{{Key: "alias", Value: alias}})
	ids := make([]int32, len(list))
	for i, m := range list {
		ids[i] = m.Channel
	}
	slices.Sort(ids)
	return ids, err
}

func (p *Players) membersWhere(ctx context.Context, where bson.D) ([]member, error) {
	raws, err := p.store.Find(ctx, members, store.Query{Where: where, Order: "createdAt"})
	if err != nil {
		return nil, fmt.Errorf("reading memberships: %w", err)
	}
	list := make([]member, len(raws))
	for i, raw := range raws {
		if err := bson.Unmarshal(raw, &list[i]); err != nil {
			return nil, fmt.Errorf("a membership in the store is damaged: %w", err)
		}
	}
	return list, nil
}

// Members are the aliases in a channel, who came first first.
func (p *Players) Members(ctx context.Context, channel int32) ([]Alias, error) {
	list, err := p.membersWhere(ctx, bson.D{{Key: "channel", Value: channel}})
	if err != nil {
		return nil, err
	}
	found := make([]Alias, len(list))
	err = forEach(len(list), func(i int) error {
		a, err := p.Alias(ctx, int64(list[i].Alias))
		if found[i] = a; errors.Is(err, ErrUnknown) { // another program has removed it
			err = nil
		}
		return err
	})
	return slices.DeleteFunc(found, func(a Alias) bool { return a.ID == 0 }), err
}

// CountMembers counts those in a channel, of development builds too where that is
// wanted.
func (p *Players) CountMembers(ctx context.Context, channel int32, devBuilds bool) (n int, err error) {
	list, err := p.membersWhere(ctx, bson.D{{Key: "channel", Value: channel}})
	for _, m := range list {
		if devBuilds || !m.DevBuild {
			n++
		}
	}
	return n, err
}

// Channels lists those that are not private, or those that an alias is in: with
// most messages first. Search is a text in the name or the owner's identifier.
func (p *Players) Channels(ctx context.Context, of *Alias, search string, wanted func(Channel) bool, skip, limit int) (page []Channel, count int, err error) {
	all, err := p.findChannels(ctx, of, search)
	if err != nil {
		return nil, 0, err
	}
	all = slices.DeleteFunc(all, func(c Channel) bool { return !wanted(c) })
	count = len(all)
	page = all[min(skip, count):min(skip+limit, count)]
	err = forEach(len(page), func(i int) error {
		if page[i].OwnerID == 0 {
			return nil
		}
		owner, err := p.Alias(ctx, int64(page[i].OwnerID))
		if errors.Is(err, ErrUnknown) {
			return nil
		}
		page[i].Owner = &owner
		return err
	})
	return page, count, err
}

func (p *Players) findChannels(ctx context.Context, of *Alias, search string) (list []Channel, err error) {
	var raws []bson.Raw
	if of == nil {
		q := store.Query{Where: bson.D{{Key: "private", Value: false}}, Order: "totalMessages", Descending: true}
		if search != "" {
			q.Contains = &store.Contains{Text: search, Fields: []string{"name", "ownerIdentifier"}}
		}
		if raws, err = p.store.Find(ctx, channels, q); err != nil {
			return nil, fmt.Errorf("listing channels: %w", err)
		}
	} else {
		ids, err := p.Memberships(ctx, of.ID)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			raw, err := p.store.Get(ctx, channels, id)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, fmt.Errorf("reading a channel: %w", err)
			}
			if err == nil {
				raws = append(raws, raw)
			}
		}
	}
	for _, raw := range raws {
		var c Channel
		if err := bson.Unmarshal(raw, &c); err != nil {
			return nil, fmt.Errorf("a channel in the store is damaged: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}
