package players

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"gatehouse/users/players"
)

// relationshipRoutes are those under /v1/players/relationships.
func relationshipRoutes() map[string]Route {
	const root = "/v1/players/relationships"
	read, write := "read:playerRelationships", "write:playerRelationships"
	return map[string]Route{
		"POST " + root:                   {scope: write, aliased: true, body: newSubscription, do: createSubscription},
		"PUT " + root + "/:id/confirm":   {scope: write, aliased: true, path: numbered, do: confirmSubscription},
		"DELETE " + root + "/:id":        {scope: write, aliased: true, path: numbered, do: deleteSubscription},
		"GET " + root + "/subscribers":   {scope: read, aliased: true, query: subscriptionQuery, do: listSubscribers},
		"GET " + root + "/subscriptions": {scope: read, aliased: true, query: subscriptionQuery, do: listSubscriptions},
	}
}

func isRelationship(s string) bool { return s == players.Unidirectional || s == players.Bidirectional }

const wrongRelationship = `relationshipType must be either "unidirectional" or "bidirectional"`

func newSubscription(c *Call, wrong problems) {
	if raw, given := c.fields["aliasId"]; !given {
		wrong.add("aliasId", "aliasId is missing from the request body")
	} else if _, ok := whole(raw); !ok {
		wrong.add("aliasId", "aliasId must be a number")
	}
	if kind, ok := text(c.fields["relationshipType"]); !ok || !isRelationship(kind) {
		wrong.add("relationshipType", wrongRelationship)
	}
}

func createSubscription(ctx context.Context, v *Service, c *Call) (any, error) {
	id, _ := whole(c.fields["aliasId"])
	kind, _ := text(c.fields["relationshipType"])
	s, err := v.o.Players.Subscribe(ctx, c.alias, id, kind)
	switch {
	case errors.Is(err, players.ErrUnknown):
		return nil, refuse(http.StatusNotFound, "Player alias for subscription not found")
	case errors.Is(err, players.ErrOneself):
		return nil, refuse(http.StatusBadRequest, "Cannot subscribe to yourself")
	case errors.Is(err, players.ErrSubscribed):
		return nil, refuse(http.StatusBadRequest, "Subscription already exists")
	}
	return map[string]*subscriptionView{"subscription": subscriptionOf(&s)}, err
}

func confirmSubscription(ctx context.Context, v *Service, c *Call) (any, error) {
	s, err := v.o.Players.Confirm(ctx, c.alias, c.id())
	if errors.Is(err, players.ErrNoSubscription) {
		return nil, refuse(http.StatusNotFound, "Subscription request not found")
	}
	if err != nil {
		return nil, err
	}
	return map[string]*subscriptionView{"subscription": subscriptionOf(&s)}, nil
}

func deleteSubscription(ctx context.Context, v *Service, c *Call) (any, error) {
	err := v.o.Players.Unsubscribe(ctx, c.alias, c.id())
	if errors.Is(err, players.ErrNoSubscription) {
		return nil, refuse(http.StatusNotFound, "Subscription not found")
	}
	return nil, err
}

func subscriptionQuery(c *Call, wrong problems) {
	paged(c, wrong)
	q := c.URL.Query()
	if s := q.Get("confirmed"); s != "" && s != "true" && s != "false" {
		wrong.add("confirmed", `confirmed must be either "true" or "false"`)
	}
	if s := q.Get("aliasId"); s != "" && !isNumber(s) {
		wrong.add("aliasId", "aliasId must be a number")
	}
	if s := q.Get("relationshipType"); s != "" && !isRelationship(s) {
		wrong.add("relationshipType", wrongRelationship)
	}
}

func listSubscribers(ctx context.Context, v *Service, c *Call) (any, error) {
	return subscriptionsOf(ctx, v, c, true)
}

func listSubscriptions(ctx context.Context, v *Service, c *Call) (any, error) {
	return subscriptionsOf(ctx, v, c, false)
}

func subscriptionsOf(ctx context.Context, v *Service, c *Call, subscribers bool) (any, error) {
	q := c.URL.Query()
	n, _ := pageOf(q)
	wanted := players.SubscriptionQuery{Subscribers: subscribers, RelationshipType: q.Get("relationshipType")}
	if s := q.Get("confirmed"); s != "" {
		is := s == "true"
		wanted.Confirmed = &is
	}
	if s := q.Get("aliasId"); s != "" {
		if wanted.Other, _ = whole(json.RawMessage(s)); wanted.Other == 0 {
			wanted.Other = -1 // nobody has that
		}
	}
	list, count, err := v.o.Players.Subscriptions(ctx, c.alias, wanted, n*itemsPerPage, itemsPerPage)
	views := make([]*subscriptionView, len(list))
	for i := range list {
		views[i] = subscriptionOf(&list[i])
	}
	return struct {
		Subscriptions []*subscriptionView `json:"subscriptions"`
		page
	}{views, pageAt(n, count)}, err
}
