package players

import (
	"encoding/json"

	"gatehouse/server/wsconn"
	"gatehouse/users/players"
)

// maxFrame is how large a frame should be at most: a published client drops larger
// ones.
const maxFrame = 4096

type channelView struct {
	ID                  int32          `json:"id"`
	Name                string         `json:"name"`
	Owner               *aliasView     `json:"owner"`
	TotalMessages       int32          `json:"totalMessages"`
	Props               []players.Prop `json:"props"`
	AutoCleanup         bool           `json:"autoCleanup"`
	Private             bool           `json:"private"`
	TemporaryMembership bool           `json:"temporaryMembership"`
	CreatedAt           string         `json:"createdAt"`
	UpdatedAt           string         `json:"updatedAt"`
	MemberCount         *int           `json:"memberCount,omitempty"`
}

func channelOf(c players.Channel) channelView {
	v := channelView{
		ID: c.ID, Name: c.Name, TotalMessages: c.TotalMessages, Props: c.Props,
		AutoCleanup: c.AutoCleanup, Private: c.Private, TemporaryMembership: c.TemporaryMembership,
		CreatedAt: told(c.CreatedAt), UpdatedAt: told(c.UpdatedAt), Owner: ownerOf(c.Owner),
	}
	if v.Props == nil {
		v.Props = []players.Prop{}
	}
	return v
}

func ownerOf(a *players.Alias) *aliasView {
	if a == nil {
		return nil
	}
	v := aliasOf(*a)
	return &v
}

type subscriptionView struct {
	ID               int32      `json:"id"`
	Subscriber       *aliasView `json:"subscriber"`
	SubscribedTo     *aliasView `json:"subscribedTo"`
	Confirmed        bool       `json:"confirmed"`
	RelationshipType string     `json:"relationshipType"`
	CreatedAt        string     `json:"createdAt"`
	UpdatedAt        string     `json:"updatedAt"`
}

func subscriptionOf(s *players.Subscription) *subscriptionView {
	if s == nil {
		return nil
	}
	return &subscriptionView{s.ID, ownerOf(s.Subscriber), ownerOf(s.SubscribedTo), s.Confirmed, s.RelationshipType, told(s.CreatedAt), told(s.UpdatedAt)}
}

// happened tells of an event those whom it concerns.
func (v *Service) happened(e players.Event) {
	batches, scope := render(e)
	to := v.book.of(e.To)
	if e.Channel != nil {
		to = v.book.inChannel(e.Channel.ID)
	}
	for _, s := range to {
		if !s.key.Has(scope) {
			continue
		}
		for _, b := range batches {
			s.conn.Send(b)
		}
	}
}

// render makes the frames of an event, and says which scope it takes to hear it.
func render(e players.Event) (frames []*wsconn.Batch, scope string) {
	type with map[string]any
	one := func(res string, data with) []*wsconn.Batch { return []*wsconn.Batch{message(res, data)} }
	if e.Channel == nil {
		return renderRelationship(e)
	}
	data := with{"channel": channelOf(*e.Channel)}
	if e.Alias != nil {
		data["playerAlias"] = ownerOf(e.Alias)
	}
	const prefix = "v1.channels."
	switch e.Kind {
	case players.Message:
		data["message"] = e.Text
		frames = one(prefix+"message", data)
	case players.Joined:
		frames = one(prefix+"player-joined", data)
	case players.Left:
		data["meta"] = map[string]int{"reason": e.Reason}
		frames = one(prefix+"player-left", data)
	case players.OwnershipTransferred:
		frames = one(prefix+"ownership-transferred", with{"channel": data["channel"], "newOwner": ownerOf(e.NewOwner)})
	case players.Updated:
		frames = one(prefix+"updated", with{"channel": data["channel"], "changedProperties": e.ChangedProperties})
	case players.Deleted:
		frames = one(prefix+"deleted", with{"channel": data["channel"]})
	case players.StorageUpdated:
		frames = renderStorage(e)
	}
	return frames, "read:gameChannels"
}

func renderRelationship(e players.Event) (frames []*wsconn.Batch, scope string) {
	const prefix = "v1.player-relationships."
	if e.Kind == players.Broadcast {
		return []*wsconn.Batch{message(prefix+"broadcast", struct {
			Message     string     `json:"message"`
			PlayerAlias *aliasView `json:"playerAlias"`
		}{e.Text, ownerOf(e.Alias)})}, "read:playerBroadcasts"
	}
	data := map[string]any{"subscription": subscriptionOf(e.Subscription)}
	if e.Kind == players.SubscriptionDeleted {
		data["reciprocalSubscription"] = subscriptionOf(e.Reciprocal)
	}
	return []*wsconn.Batch{message(prefix+string(e.Kind), data)}, "read:playerRelationships"
}

// storedView is a value of a storage as it is told: without whose it is, which
// would make frames too large.
type storedView struct {
	Key       string `json:"key"`
	Value     string `json:"value"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

func storedOf(list []players.Stored) []storedView {
	views := make([]storedView, len(list))
	for i, s := range list {
		views[i] = storedView{s.Key, s.Value, told(s.CreatedAt), told(s.UpdatedAt)}
	}
	return views
}

// renderStorage makes as few frames as stay below maxFrame, but never parts the
// values of a key: clients replace them together.
func renderStorage(e players.Event) (frames []*wsconn.Batch) {
	type data struct {
		Channel  channelView  `json:"channel"`
		Upserted []storedView `json:"upsertedProps"`
		Deleted  []storedView `json:"deletedProps"`
	}
	empty := func() data {
		return data{channelOf(*e.Channel), []storedView{}, []storedView{}}
	}
	size := func(v any) int { b, _ := json.Marshal(v); return len(b) }
	const around = len(`{"res":"v1.channels.storage.updated","data":}`)
	now := empty()
	held := around + size(now)
	flush := func() {
		frames = append(frames, message("v1.channels.storage.updated", now))
		now, held = empty(), around+size(empty())
	}
	for _, of := range byKey(e.Upserted, e.Deleted) {
		more := size(of.upserted) + size(of.deleted)
		if held+more > maxFrame && len(now.Upserted)+len(now.Deleted) > 0 {
			flush()
		}
		now.Upserted, now.Deleted = append(now.Upserted, of.upserted...), append(now.Deleted, of.deleted...)
		held += more
	}
	if len(frames) == 0 || len(now.Upserted)+len(now.Deleted) > 0 {
		flush()
	}
	return frames
}

// keyed is what happened to the values of a key.
type keyed struct{ upserted, deleted []storedView }

func byKey(upserted, deleted []players.Stored) (list []*keyed) {
	known := map[string]*keyed{}
	at := func(key string) *keyed {
		if known[key] == nil {
			known[key] = &keyed{}
			list = append(list, known[key])
		}
		return known[key]
	}
	for _, s := range storedOf(upserted) {
		k := at(s.Key)
		k.upserted = append(k.upserted, s)
	}
	for _, s := range storedOf(deleted) {
		k := at(s.Key)
		k.deleted = append(k.deleted, s)
	}
	return list
}
