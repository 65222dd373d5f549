package players

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Say sends a message of an alias to the members of a channel. Errors: [ErrNoChannel],
// [ErrNotMember].
func (p *Players) Say(ctx context.Context, from int32, channel int64, text string) error {
	done, err := p.turns.Take(ctx, int32(channel))
	if err != nil {
		return ErrBusy
	}
	defer done()
	return again(ctx, func() error {
		var c Channel
		var a Alias
		var in bool
		// At once: who waits for the message waits for each of these.
		err := together(
			func() (err error) { c, err = p.Channel(ctx, channel); return err },
			func() (err error) { a, err = p.Alias(ctx, int64(from)); return err },
			func() (err error) { in, err = p.IsMember(ctx, int32(channel), from); return err },
		)
		switch {
		case err != nil:
			return err
		case !in:
			return ErrNotMember
		}
		c.TotalMessages++
		return met(p.store.Apply(ctx,
			store.Update(channels, c.ID, bson.D{{Key: "totalMessages", Value: c.TotalMessages}}).IfVersion(c.version),
			tell(Event{Kind: Message, Channel: &c, Alias: &a, Text: text}),
		))
	})
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Join lets an alias into a channel; one that is in it stays. Errors:
// [ErrNoChannel], [ErrPrivate].
func (p *Players) Join(ctx context.Context, a Alias, channel int64) (joined Channel, err error) {
	err = p.changeChannel(ctx, channel, func(c Channel) ([]store.Write, error) {
		joined = c
		if c.Private {
			return nil, ErrPrivate
		}
		return p.entering(ctx, c, a)
	})
	return joined, err
}

// Invite lets another alias into a channel, for its owner. Errors: [ErrNoChannel],
// [ErrNotOwner], [ErrUnknown], [ErrOneself].
func (p *Players) Invite(ctx context.Context, by Alias, channel, invitee int64) error {
	return p.changeChannel(ctx, channel, func(c Channel) ([]store.Write, error) {
		if c.OwnerID != by.ID {
			return nil, ErrNotOwner
		}
		a, err := p.Alias(ctx, invitee)
		switch {
		case err != nil:
			return nil, err
		case a.ID == by.ID:
			return nil, ErrOneself
		}
		return p.entering(ctx, c, a)
	})
}

// entering are the writes that let an alias in, if it is not.
func (p *Players) entering(ctx context.Context, c Channel, a Alias) ([]store.Write, error) {
	in, err := p.IsMember(ctx, c.ID, a.ID)
	if err != nil || in {
		return nil, err
	}
	return []store.Write{c.guard(), store.Insert(members, memberOf(c, a)), tell(Event{Kind: Joined, Channel: &c, Alias: &a})}, nil
}

// The reasons for which somebody leaves a channel.
const (
	ReasonLeft    = 0
	ReasonOffline = 1
)

// LeaveChannel takes an alias out of a channel; who is not in it has left. Error:
// [ErrNoChannel].
func (p *Players) LeaveChannel(ctx context.Context, a Alias, channel int64) error {
	return p.leaveChannel(ctx, a, channel, ReasonLeft)
}

func (p *Players) leaveChannel(ctx context.Context, a Alias, channel int64, reason int) error {
	return p.changeChannel(ctx, channel, func(c Channel) ([]store.Write, error) {
		if in, err := p.IsMember(ctx, c.ID, a.ID); err != nil || !in {
			return nil, err
		}
		two, err := p.store.Find(ctx, members, store.Query{Where: bson.D{{Key: "channel", Value: c.ID}}, Limit: 2})
		if err != nil {
			return nil, fmt.Errorf("reading memberships: %w", err)
		}
		writes := []store.Write{tell(Event{Kind: Left, Channel: &c, Alias: &a, Reason: reason}), store.Delete(members, memberID(c.ID, a.ID))}
		owned := c.OwnerID == a.ID
		switch {
		case c.AutoCleanup && (owned || len(two) == 1):
			return append(writes, deletion(c)...), nil
		case owned:
			return append(writes, store.Update(channels, c.ID, bson.D{{Key: "owner", Value: int32(0)}, {Key: "ownerIdentifier", Value: ""}}).IfVersion(c.version)), nil
		}
		return append(writes, c.guard()), nil
	})
}

// deletion are the writes that delete a channel, which its members are told while
// they are some.
func deletion(c Channel) []store.Write {
	return []store.Write{tell(Event{Kind: Deleted, Channel: &c}), store.Delete(channels, c.ID).IfVersion(c.version), swept(c.ID)}
}

// DeleteChannel removes a channel, for its owner. Errors: [ErrNoChannel],
// [ErrNotOwner].
func (p *Players) DeleteChannel(ctx context.Context, by Alias, channel int64) error {
	return p.changeChannel(ctx, channel, func(c Channel) ([]store.Write, error) {
		if c.OwnerID != by.ID {
			return nil, ErrNotOwner
		}
		return deletion(c), nil
	})
}

// quit takes the aliases of a player out of the channels that they are in for as
// long as they are online.
func (p *Players) quit(ctx context.Context, player string) error {
	list, err := p.membersWhere(ctx, bson.D{{Key: "player", Value: player}})
	if err != nil {
		return err
	}
	for _, m := range list {
		c, err := p.Channel(ctx, int64(m.Channel))
		if errors.Is(err, ErrNoChannel) || err == nil && !c.TemporaryMembership {
			continue
		}
		var a Alias
		if err == nil {
			a, err = p.Alias(ctx, int64(m.Alias))
		}
		if err == nil {
			err = p.leaveChannel(ctx, a, int64(m.Channel), ReasonOffline)
		}
		if err != nil && !errors.Is(err, ErrNoChannel) && !errors.Is(err, ErrUnknown) {
			return err
		}
	}
	return nil
}
