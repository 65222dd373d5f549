package players

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// The errors of relationships, to be compared with errors.Is.
var (
	ErrNoSubscription = errors.New("there is no such subscription")
	ErrSubscribed     = errors.New("there is such a subscription")
)

// Bidirectional is a relationship that goes both ways once it is confirmed; the
// other goes one way.
const (
	Unidirectional = "unidirectional"
	Bidirectional  = "bidirectional"
)

// Subscription lets one alias hear what another one broadcasts, once that one has
// confirmed it.
type Subscription struct {
	ID               int32     `bson:"_id"`
	SubscriberID     int32     `bson:"subscriber"`
	SubscribedToID   int32     `bson:"subscribedTo"`
	Confirmed        bool      `bson:"confirmed"`
	RelationshipType string    `bson:"relationshipType"`
	CreatedAt        time.Time `bson:"createdAt"`
	UpdatedAt        time.Time `bson:"updatedAt"`

	Subscriber   *Alias `bson:"-"`
	SubscribedTo *Alias `bson:"-"`

	version int64
}

func (p *Players) decodeSubscription(ctx context.Context, raw bson.Raw) (Subscription, error) {
	s := Subscription{version: store.VersionOf(raw)}
	if err := bson.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("a subscription in the store is damaged: %w", err)
	}
	var from, to Alias
	err := together(
		func() (err error) { from, err = p.Alias(ctx, int64(s.SubscriberID)); return err },
		func() (err error) { to, err = p.Alias(ctx, int64(s.SubscribedToID)); return err },
	)
	s.Subscriber, s.SubscribedTo = &from, &to
	return s, err
}

func (p *Players) subscription(ctx context.Context, id int64) (Subscription, error) {
	if id <= 0 || id > math.MaxInt32 {
		return Subscription{}, ErrNoSubscription
	}
	raw, err := p.store.Get(ctx, subscriptions, id)
	if errors.Is(err, store.ErrNotFound) {
		return Subscription{}, ErrNoSubscription
	}
	if err != nil {
		return Subscription{}, fmt.Errorf("reading a subscription: %w", err)
	}
	return p.decodeSubscription(ctx, raw)
}

// between returns the subscription of one alias to another, or
// [ErrNoSubscription].
func (p *Players) between(ctx context.Context, from, to int32) (Subscription, error) {
	raws, err := p.store.Find(ctx, subscriptions, store.Query{Where: bson.D{{Key: "subscriber", Value: from}, {Key: "subscribedTo", Value: to}}, Limit: 1})
	switch {
	case err != nil:
		return Subscription{}, fmt.Errorf("reading a subscription: %w", err)
	case len(raws) == 0:
		return Subscription{}, ErrNoSubscription
	}
	return p.decodeSubscription(ctx, raws[0])
}

// Subscribe asks to hear of another alias. Errors: [ErrUnknown], [ErrOneself],
// [ErrSubscribed].
func (p *Players) Subscribe(ctx context.Context, by Alias, to int64, kind string) (Subscription, error) {
	other, err := p.Alias(ctx, to)
	switch {
	case err != nil:
		return Subscription{}, err
	case other.ID == by.ID:
		return Subscription{}, ErrOneself
	}
	id, err := p.number(ctx, subscriptions)
	if err != nil {
		return Subscription{}, err
	}
	now := moment(time.Now())
	s := Subscription{ID: id, SubscriberID: by.ID, SubscribedToID: other.ID, RelationshipType: kind, CreatedAt: now, UpdatedAt: now, Subscriber: &by, SubscribedTo: &other}
	err = p.store.Apply(ctx, store.Insert(subscriptions, s), tell(Event{Kind: SubscriptionCreated, Subscription: &s, To: []int32{other.ID}}))
	if errors.Is(err, store.ErrDuplicate) {
		return Subscription{}, ErrSubscribed
	}
	if err != nil {
		return Subscription{}, fmt.Errorf("making a subscription: %w", err)
	}
	return s, nil
}

// Confirm lets who asked hear. Error: [ErrNoSubscription] where nobody asked this
// alias, or it was confirmed before.
func (p *Players) Confirm(ctx context.Context, by Alias, id int64) (s Subscription, err error) {
	err = again(ctx, func() error {
		if s, err = p.subscription(ctx, id); err != nil {
			return err
		}
		if s.SubscribedToID != by.ID || s.Confirmed {
			return ErrNoSubscription
		}
		now := moment(time.Now())
		s.Confirmed, s.UpdatedAt = true, now
		writes := []store.Write{store.Update(subscriptions, s.ID, confirmed(now)).IfVersion(s.version)}
		if s.RelationshipType == Bidirectional {
			w, err := p.reverse(ctx, s, now)
			if err != nil {
				return err
			}
			writes = append(writes, w...)
		}
		return met(p.store.Apply(ctx, append(writes, tell(Event{Kind: SubscriptionConfirmed, Subscription: &s, To: []int32{s.SubscriberID}}))...))
	})
	return s, err
}

func confirmed(now time.Time) bson.D {
	return bson.D{{Key: "confirmed", Value: true}, {Key: "updatedAt", Value: now}}
}

// reverse are the writes that make or confirm the way back.
func (p *Players) reverse(ctx context.Context, s Subscription, now time.Time) ([]store.Write, error) {
	back, err := p.between(ctx, s.SubscribedToID, s.SubscriberID)
	switch {
	case errors.Is(err, ErrNoSubscription):
		id, err := p.number(ctx, subscriptions)
		if err != nil {
			return nil, err
		}
		return []store.Write{store.Insert(subscriptions, Subscription{
			ID: id, SubscriberID: s.SubscribedToID, SubscribedToID: s.SubscriberID, Confirmed: true, RelationshipType: Bidirectional, CreatedAt: now, UpdatedAt: now,
		})}, nil
	case err != nil || back.Confirmed:
		return nil, err
	}
	return []store.Write{store.Update(subscriptions, back.ID, confirmed(now)).IfVersion(back.version)}, nil
}

// Unsubscribe ends a subscription, for its subscriber. Error: [ErrNoSubscription].
func (p *Players) Unsubscribe(ctx context.Context, by Alias, id int64) error {
	return again(ctx, func() error {
		s, err := p.subscription(ctx, id)
		switch {
		case err != nil:
			return err
		case s.SubscriberID != by.ID:
			return ErrNoSubscription
		}
		e := Event{Kind: SubscriptionDeleted, Subscription: &s, To: []int32{s.SubscriberID, s.SubscribedToID}}
		writes := []store.Write{store.Delete(subscriptions, s.ID).IfVersion(s.version)}
		if s.RelationshipType == Bidirectional {
			back, err := p.between(ctx, s.SubscribedToID, s.SubscriberID)
			if err != nil && !errors.Is(err, ErrNoSubscription) {
				return err
			}
			if err == nil {
				e.Reciprocal = &back
				writes = append(writes, store.Delete(subscriptions, back.ID).IfVersion(back.version))
			}
		}
		return met(p.store.Apply(ctx, append(writes, tell(e))...))
	})
}

// SubscriptionQuery says which subscriptions are wanted.
type SubscriptionQuery struct {
	Subscribers      bool // those to the alias; otherwise those that it has
	Confirmed        *bool
	Other            int64 // 0: of whomever
	RelationshipType string
}

// Subscriptions lists a page of the subscriptions of an alias, the oldest first,
// and counts all.
func (p *Players) Subscriptions(ctx context.Context, of Alias, q SubscriptionQuery, skip, limit int) (page []Subscription, count int, err error) {
	field := "subscriber"
	if q.Subscribers {
		field = "subscribedTo"
	}
	raws, err := p.store.Find(ctx, subscriptions, store.Query{Where: bson.D{{Key: field, Value: of.ID}}})
	if err != nil {
		return nil, 0, fmt.Errorf("listing subscriptions: %w", err)
	}
	raws = slices.DeleteFunc(raws, func(raw bson.Raw) bool {
		var s Subscription
		if bson.Unmarshal(raw, &s) != nil {
			return true
		}
		other := s.SubscribedToID
		if q.Subscribers {
			other = s.SubscriberID
		}
		return q.Confirmed != nil && s.Confirmed != *q.Confirmed || q.Other != 0 && int64(other) != q.Other || q.RelationshipType != "" && s.RelationshipType != q.RelationshipType
	})
	count = len(raws)
	raws = raws[min(skip, count):min(skip+limit, count)]
	page = make([]Subscription, len(raws))
	err = forEach(len(raws), func(i int) error {
		s, err := p.decodeSubscription(ctx, raws[i])
		if page[i] = s; errors.Is(err, ErrUnknown) { // another program has removed an alias
			page[i], err = Subscription{}, nil
		}
		return err
	})
	return slices.DeleteFunc(page, func(s Subscription) bool { return s.ID == 0 }), count, err
}

// Broadcast tells those who have a confirmed subscription to an alias.
func (p *Players) Broadcast(ctx context.Context, from int32, text string) error {
	var raws []bson.Raw
	var a Alias
	err := together(
		func() (err error) { a, err = p.Alias(ctx, int64(from)); return err },
		func() (err error) {
			raws, err = p.store.Find(ctx, subscriptions, store.Query{Where: bson.D{{Key: "subscribedTo", Value: from}}})
			return err
		},
	)
	if err != nil {
		return fmt.Errorf("looking for subscribers: %w", err)
	}
	var to []int32
	for _, raw := range raws {
		var s Subscription
		if bson.Unmarshal(raw, &s) == nil && s.Confirmed {
			to = append(to, s.SubscriberID)
		}
	}
	if len(to) == 0 {
		return nil
	}
	if err := p.store.Apply(ctx, tell(Event{Kind: Broadcast, Alias: &a, Text: text, To: to})); err != nil {
		return fmt.Errorf("broadcasting: %w", err)
	}
	return nil
}
