package players

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gatehouse/store"
)

// NewChannel is what a channel is made of.
type NewChannel struct {
	Name                                      string
	Props                                     []PropChange
	AutoCleanup, Private, TemporaryMembership bool
}

// RejectedError says which props cannot be stored; nothing was.
type RejectedError struct{ Props []Rejected }

func (e *RejectedError) Error() string { return "some props are not valid" }

// CreateChannel makes a channel that belongs to an alias, which is in it. Error:
// [*RejectedError].
func (p *Players) CreateChannel(ctx context.Context, owner Alias, n NewChannel) (Channel, error) {
	if len(n.Props) > maxProps {
		return Channel{}, ErrTooManyProps
	}
	good, rejected := checkProps(n.Props, false)
	if len(rejected) > 0 {
		return Channel{}, &RejectedError{rejected}
	}
	id, err := p.number(ctx, channels)
	if err != nil {
		return Channel{}, err
	}
	now := moment(time.Now())
	c := Channel{
		ID: id, Name: n.Name, OwnerID: owner.ID, OwnerIdentifier: owner.Identifier, Props: changed(nil, good),
		AutoCleanup: n.AutoCleanup, Private: n.Private, TemporaryMembership: n.TemporaryMembership,
		CreatedAt: now, UpdatedAt: now, Owner: &owner,
	}
	err = p.store.Apply(ctx, store.Insert(channels, c), store.Insert(members, memberOf(c, owner)), tell(Event{Kind: Joined, Channel: &c, Alias: &owner}))
	if err != nil {
		return Channel{}, fmt.Errorf("making a channel: %w", err)
	}
	return c, nil
}

// number returns the next number of a collection, one that clients can count to.
func (p *Players) number(ctx context.Context, collection string) (int32, error) {
	id, err := p.store.Sequence(ctx, collection)
	if err != nil {
		return 0, fmt.Errorf("numbering: %w", err)
	}
	if id > math.MaxInt32 {
		return 0, errors.New("there are more than clients can count")
	}
	return int32(id), nil
}

// change does something to a channel as it is, and to no other state of it; one
// after the other on this node. What f returns is written together with that the
// channel has not changed meanwhile.
func (p *Players) changeChannel(ctx context.Context, id int64, f func(c Channel) ([]store.Write, error)) error {
	done, err := p.turns.Take(ctx, int32(id))
	if err != nil {
		return ErrBusy
	}
	defer done()
	return again(ctx, func() error {
		c, err := p.Channel(ctx, id)
		if err != nil {
			return err
		}
		writes, err := f(c)
		if err != nil || len(writes) == 0 {
			return err
		}
		return met(p.store.Apply(ctx, writes...))
	})
}

// ChannelChanges are changes of a channel; what is nil stays.
type ChannelChanges struct {
	Name                                      *string
	Props                                     []PropChange // nil: none
	Owner                                     *int64       // 0: nobody
	AutoCleanup, Private, TemporaryMembership *bool
}

// UpdateChannel changes a channel, for its owner. Errors: [ErrNoChannel],
// [ErrNotOwner], [ErrNewOwner], [*RejectedError].
func (p *Players) UpdateChannel(ctx context.Context, by Alias, channel int64, to ChannelChanges) (now Channel, err error) {
	if len(to.Props) > maxProps {
		return Channel{}, ErrTooManyProps
	}
	good, rejected := checkProps(to.Props, false)
	err = p.changeChannel(ctx, channel, func(c Channel) ([]store.Write, error) {
		switch {
		case c.OwnerID != by.ID:
			return nil, ErrNotOwner
		case len(rejected) > 0:
			return nil, &RejectedError{rejected}
		}
		now = c
		var properties []string
		given := func(name string, is bool) {
			if is {
				properties = append(properties, name)
			}
		}
		given("name", to.Name != nil)
		given("props", to.Props != nil)
		given("ownerAliasId", to.Owner != nil)
		given("autoCleanup", to.AutoCleanup != nil)
		given("private", to.Private != nil)
		given("temporaryMembership", to.TemporaryMembership != nil)
		if len(properties) == 0 {
			return nil, nil
		}
		now.UpdatedAt = moment(time.Now())
		if to.Name != nil {
			now.Name = *to.Name
		}
		if now.Props = changed(c.Props, good); len(now.Props) > maxProps {
			return nil, ErrTooManyProps
		}
		for into, b := range map[*bool]*bool{&now.AutoCleanup: to.AutoCleanup, &now.Private: to.Private, &now.TemporaryMembership: to.TemporaryMembership} {
			if b != nil {
				*into = *b
			}
		}
		var writes []store.Write
		if to.Owner != nil {
			if writes, err = p.transfer(ctx, &now, *to.Owner); err != nil {
				return nil, err
			}
		}
		if len(properties) > 1 || len(properties) == 1 && to.Owner == nil {
			writes = append(writes, tell(Event{Kind: Updated, Channel: &now, ChangedProperties: properties}))
		}
		return append([]store.Write{store.Put(channels, c.ID, now).IfVersion(c.version)}, writes...), nil
	})
	return now, err
}

// transfer gives a channel to another owner, who becomes a member without a word.
func (p *Players) transfer(ctx context.Context, c *Channel, to int64) ([]store.Write, error) {
	if to == 0 {
		c.Owner, c.OwnerID, c.OwnerIdentifier = nil, 0, ""
		return nil, nil
	}
	a, err := p.Alias(ctx, to)
	if errors.Is(err, ErrUnknown) {
		err = ErrNewOwner
	}
	if err != nil {
		return nil, err
	}
	in, err := p.IsMember(ctx, c.ID, a.ID)
	if err != nil {
		return nil, err
	}
	var writes []store.Write
	if !in {
		writes = append(writes, store.Insert(members, memberOf(*c, a)))
	}
	c.Owner, c.OwnerID, c.OwnerIdentifier = &a, a.ID, a.Identifier
	return append(writes, tell(Event{Kind: OwnershipTransferred, Channel: c, NewOwner: &a})), nil
}
