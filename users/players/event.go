package players

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Kind is what an [Event] tells.
type Kind string

// The kinds.
const (
	Message               Kind = "message"
	Joined                Kind = "joined"
	Left                  Kind = "left"
	OwnershipTransferred  Kind = "ownership-transferred"
	Updated               Kind = "updated"
	Deleted               Kind = "deleted"
	StorageUpdated        Kind = "storage-updated"
	Broadcast             Kind = "broadcast"
	SubscriptionCreated   Kind = "subscription-created"
	SubscriptionConfirmed Kind = "subscription-confirmed"
	SubscriptionDeleted   Kind = "subscription-deleted"
)

// Event is something that is told to the members of a channel, or to the aliases
// in To. It is written together with what it tells of, into [EventsCollection],
// whose documents exist for the feed alone.
type Event struct {
	Kind    Kind
	Channel *Channel // with its owner, as it is told
	Alias   *Alias   // who says, came or went
	Text    string
	Reason  int

	NewOwner          *Alias
	ChangedProperties []string
	Upserted, Deleted []Stored

	To                       []int32
	Subscription, Reciprocal *Subscription
}

// EventsCollection is where events are written.
const EventsCollection = "players.events"

// written is an event as it is stored: with the players of its aliases.
type written struct {
	Kind         Kind          `bson:"kind"`
	Channel      *Channel      `bson:"channel,omitempty"`
	Owner        *person       `bson:"owner,omitempty"`
	Alias        *person       `bson:"alias,omitempty"`
	Text         string        `bson:"text,omitempty"`
	Reason       int           `bson:"reason,omitempty"`
	NewOwner     *person       `bson:"newOwner,omitempty"`
	Properties   []string      `bson:"properties,omitempty"`
	Upserted     []Stored      `bson:"upserted,omitempty"`
	Deleted      []Stored      `bson:"deleted,omitempty"`
	To           []int32       `bson:"to,omitempty"`
	Subscription *subscription `bson:"subscription,omitempty"`
	Reciprocal   *subscription `bson:"reciprocal,omitempty"`
}

// person is an alias with all that is told of it.
type person struct {
	Alias    Alias     `bson:"alias"`
	Player   Player    `bson:"player"`
	Presence *Presence `bson:"presence,omitempty"`
}

func personOf(a *Alias) *person {
	if a == nil {
		return nil
	}
	p := &person{*a, a.Player, a.Player.Presence}
	p.Alias.Token = "" // it stays where it is
	return p
}

func (p *person) alias() *Alias {
	if p == nil {
		return nil
	}
	a := p.Alias
	a.Player = p.Player
	a.Player.Presence = p.Presence
	return &a
}

// subscription is a subscription with its two aliases.
type subscription struct {
	Subscription Subscription `bson:"subscription"`
	Subscriber   *person      `bson:"subscriber"`
	SubscribedTo *person      `bson:"subscribedTo"`
}

func subscriptionOf(s *Subscription) *subscription {
	if s == nil {
		return nil
	}
	return &subscription{*s, personOf(s.Subscriber), personOf(s.SubscribedTo)}
}

func (s *subscription) whole() *Subscription {
	if s == nil {
		return nil
	}
	w := s.Subscription
	w.Subscriber, w.SubscribedTo = s.Subscriber.alias(), s.SubscribedTo.alias()
	return &w
}

// tell is the write by which an event is told. The event is taken as it is now.
func tell(e Event) store.Write {
	w := written{
		Kind: e.Kind, Alias: personOf(e.Alias), Text: e.Text, Reason: e.Reason, NewOwner: personOf(e.NewOwner),
		Properties: e.ChangedProperties, Upserted: e.Upserted, Deleted: e.Deleted, To: e.To,
		Subscription: subscriptionOf(e.Subscription), Reciprocal: subscriptionOf(e.Reciprocal),
	}
	if e.Channel != nil {
		c := *e.Channel
		w.Channel, w.Owner = &c, personOf(c.Owner)
	}
	return store.Insert(EventsCollection, w)
}

// ReadEvent reads an event from the feed.
func ReadEvent(c store.Change) (Event, bool) {
	var w written
	if c.Op != store.OpInsert || bson.Unmarshal(c.After, &w) != nil {
		return Event{}, false
	}
	e := Event{
		Kind: w.Kind, Channel: w.Channel, Alias: w.Alias.alias(), Text: w.Text, Reason: w.Reason, NewOwner: w.NewOwner.alias(),
		ChangedProperties: w.Properties, Upserted: w.Upserted, Deleted: w.Deleted, To: w.To,
		Subscription: w.Subscription.whole(), Reciprocal: w.Reciprocal.whole(),
	}
	if e.Channel != nil {
		e.Channel.Owner = w.Owner.alias()
	}
	return e, true
}

// Membership is a change of who is in a channel.
type Membership struct {
	Channel, Alias int32
	In             bool
}

// MembersCollection is where memberships are kept: by its changes nodes know whom
// to tell.
const MembersCollection = members

// ReadMembership reads a change of [MembersCollection].
func ReadMembership(c store.Change) (Membership, bool) {
	id, ok := c.ID.StringValueOK()
	if !ok || c.Op == store.OpUpdate {
		return Membership{}, false
	}
	channel, alias, ok := splitMemberID(id)
	return Membership{channel, alias, c.Op == store.OpInsert}, ok
}
