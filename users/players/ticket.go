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

// NewTicket makes a ticket, a UUID, for who has an access key.
func (p *Players) NewTicket(ctx context.Context, key string) (string, error) {
	ticket := uuid.NewString()
	err := p.store.Apply(ctx, store.Insert(tickets, bson.D{
		{Key: "_id", Value: digest(ticket)},
		{Key: "key", Value: key},
		{Key: "expires", Value: time.Now().Add(p.settings.Load().TicketLifetime)},
	}))
	if err != nil {
		return "", fmt.Errorf("making a ticket: %w", err)
	}
	return ticket, nil
}

// UseTicket returns the access key that a ticket was made for, once. A ticket that
// is good for nothing is [ErrTicket].
func (p *Players) UseTicket(ctx context.Context, ticket string) (key string, err error) {
	if _, err := uuid.Parse(ticket); err != nil || len(ticket) != 36 {
		return "", ErrTicket
	}
	raw, err := p.store.Take(ctx, tickets, digest(ticket))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "", ErrTicket
	case err != nil:
		return "", fmt.Errorf("using a ticket: %w", err)
	}
	var d struct {
		Key     string    `bson:"key"`
		Expires time.Time `bson:"expires"`
	}
	if bson.Unmarshal(raw, &d) != nil || !time.Now().Before(d.Expires) {
		return "", ErrTicket
	}
	return d.Key, nil
}
