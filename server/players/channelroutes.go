package players

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"gatehouse/users/players"
)

// itemsPerPage is how many a page of a list has.
const itemsPerPage = 50

const (
	maxChannelName = 255
	maxPropKeys    = 50 // that are asked for at once
)

// channelRoutes are those under /v1/game-channels.
func channelRoutes() map[string]Route {
	const one = "/v1/game-channels/:id"
	read, write := "read:gameChannels", "write:gameChannels"
	return map[string]Route{
		"GET /v1/game-channels":               {scope: read, query: paged, do: listChannels},
		"GET /v1/game-channels/subscriptions": {scope: read, aliased: true, do: joinedChannels},
		"GET " + one:                          {scope: read, path: numbered, do: getChannel},
		"POST /v1/game-channels":              {scope: write, aliased: true, body: newChannel, do: createChannel},
		"PUT " + one:                          {scope: write, aliased: true, body: channelChanges, path: numbered, do: updateChannel},
		"DELETE " + one:                       {scope: write, aliased: true, path: numbered, do: deleteChannel},
		"POST " + one + "/join":               {scope: write, aliased: true, path: numbered, do: joinChannel},
		"POST " + one + "/leave":              {scope: write, aliased: true, path: numbered, do: leaveChannel},
		"POST " + one + "/invite":             {scope: write, aliased: true, body: invitation, path: numbered, do: inviteToChannel},
		"GET " + one + "/members":             {scope: read, aliased: true, query: paged, path: numbered, do: listMembers},
		"GET " + one + "/storage":             {scope: read, aliased: true, query: oneProp, path: numbered, do: getStorage},
		"GET " + one + "/storage/list":        {scope: read, aliased: true, query: someProps, path: numbered, do: listStorage},
		"PUT " + one + "/storage":             {scope: write, aliased: true, body: storageChanges, path: numbered, do: putStorage},
	}
}

// channelFault gives an error of channels its answer.
func channelFault(err error) error {
	var rejected *players.RejectedError
	switch {
	case errors.Is(err, players.ErrNoChannel):
		return refuse(http.StatusNotFound, "Channel not found")
	case errors.Is(err, players.ErrNotOwner):
		return refuse(http.StatusForbidden, "This player is not the owner of the channel")
	case errors.Is(err, players.ErrNotMember):
		return refuse(http.StatusForbidden, "This player is not a member of the channel")
	case errors.Is(err, players.ErrPrivate):
		return refuse(http.StatusForbidden, "This channel is private")
	case errors.Is(err, players.ErrNewOwner):
		return refuse(http.StatusNotFound, "New owner not found")
	case errors.As(err, &rejected):
		return &refusal{status: http.StatusBadRequest, body: struct {
			Errors   problems           `json:"errors"`
			Rejected []players.Rejected `json:"rejectedProps"`
		}{problems{"props": {"One or more props are invalid, see rejectedProps"}}, rejected.Props}}
	}
	return err
}

// id is the number in the path.
func (c *Call) id() int64 {
	n, err := strconv.ParseInt(c.PathValue("id"), 10, 64)
	if err != nil {
		return math.MaxInt64 // more than there can be
	}
	return n
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func numbered(c *Call, wrong problems) {
	if !isNumber(c.PathValue("id")) {
		wrong.add("id", "id must be a number")
	}
}

// paged looks at which page is wanted.
func paged(c *Call, wrong problems) {
	if _, ok := pageOf(c.URL.Query()); !ok {
		wrong.add("page", "page must be a number that is not below 0")
	}
}

func pageOf(q url.Values) (int, bool) {
	s := q.Get("page")
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n <= math.MaxInt32
}

// page is what a page of a list says of itself.
type page struct {
	Count        int  `json:"count"`
	ItemsPerPage int  `json:"itemsPerPage"`
	IsLastPage   bool `json:"isLastPage"`
}

func pageAt(n, count int) page { return page{count, itemsPerPage, (n+1)*itemsPerPage >= count} }

// having reports whether props are as a query wants them.
func having(q url.Values, key, value string) func([]players.Prop) bool {
	k, v := q.Get(key), q.Get(value)
	return func(props []players.Prop) bool { return k == "" || players.HasProp(props, k, v) }
}

// view is a channel as it is answered, with the number of its members.
func (v *Service) view(ctx context.Context, c *Call, channel players.Channel) (channelView, error) {
	shown := channelOf(channel)
	n, err := v.o.Players.CountMembers(ctx, channel.ID, c.seesDevBuilds())
	shown.MemberCount = &n
	return shown, err
}

// seesDevBuilds reports whether players of development builds are listed and
// counted.
func (c *Call) seesDevBuilds() bool { return c.Header.Get("X-Talo-Include-Dev-Data") == "1" }

// answerChannel answers with a channel.
func (v *Service) answerChannel(ctx context.Context, c *Call, channel players.Channel, err error) (any, error) {
	if err != nil {
		return nil, channelFault(err)
	}
	shown, err := v.view(ctx, c, channel)
	return map[string]channelView{"channel": shown}, err
}

func (v *Service) views(ctx context.Context, c *Call, list []players.Channel) ([]channelView, error) {
	views := make([]channelView, len(list))
	for i, channel := range list {
		var err error
		if views[i], err = v.view(ctx, c, channel); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func listChannels(ctx context.Context, v *Service, c *Call) (any, error) {
	q := c.URL.Query()
	n, _ := pageOf(q)
	wanted := having(q, "propKey", "propValue")
	list, count, err := v.o.Players.Channels(ctx, nil, q.Get("search"), func(c players.Channel) bool { return wanted(c.Props) }, n*itemsPerPage, itemsPerPage)
	if err != nil {
		return nil, err
	}
	views, err := v.views(ctx, c, list)
	return struct {
		Channels []channelView `json:"channels"`
		page
	}{views, pageAt(n, count)}, err
}

func joinedChannels(ctx context.Context, v *Service, c *Call) (any, error) {
	wanted := having(c.URL.Query(), "propKey", "propValue")
	list, _, err := v.o.Players.Channels(ctx, &c.alias, "", func(c players.Channel) bool { return wanted(c.Props) }, 0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	views, err := v.views(ctx, c, list)
	return map[string][]channelView{"channels": views}, err
}

func getChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	channel, err := v.o.Players.Channel(ctx, c.id())
	return v.answerChannel(ctx, c, channel, err)
}

// flags are the fields of a channel that are true or false.
var flags = []string{"autoCleanup", "private", "temporaryMembership"}

// channelFields looks at what a new channel and changes of one have in common; the
// name is as it would be stored.
func channelFields(c *Call, wrong problems, name string) {
	for _, name := range flags {
		if _, ok := flag(c.given(name)); len(c.given(name)) > 0 && !ok {
			wrong.add(name, name+" must be a boolean")
		}
	}
	if len(utf16.Encode([]rune(name))) > maxChannelName {
		wrong.add("name", fmt.Sprintf("name must have at most %d characters", maxChannelName))
	}
	readProps(c, wrong)
}

func newChannel(c *Call, wrong problems) {
	if raw, given := c.fields["name"]; !given {
		wrong.add("name", "name is missing from the request body")
	} else if _, ok := text(raw); !ok {
		wrong.add("name", "name must be a string")
	}
	name, _ := text(c.fields["name"])
	channelFields(c, wrong, name)
}

func createChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	n := players.NewChannel{Props: readProps(c, problems{})}
	n.Name, _ = text(c.fields["name"])
	for name, into := range map[string]*bool{"autoCleanup": &n.AutoCleanup, "private": &n.Private, "temporaryMembership": &n.TemporaryMembership} {
		*into, _ = flag(c.fields[name])
	}
	channel, err := v.o.Players.CreateChannel(ctx, c.alias, n)
	return v.answerChannel(ctx, c, channel, err)
}

// newOwner is who is to own a channel: one of the clients spells it otherwise.
func (c *Call) newOwner() (raw json.RawMessage, given bool) {
	if raw, given = c.fields["ownerAliasId"]; !given {
		raw, given = c.fields["newOwnerAliasId"]
	}
	return raw, given
}

func channelChanges(c *Call, wrong problems) {
	if raw, given := c.fields["name"]; given && string(raw) != "null" {
		if _, ok := text(raw); !ok {
			wrong.add("name", "name must be a string")
		}
	}
	if raw, given := c.newOwner(); given && string(raw) != "null" {
		if _, ok := whole(raw); !ok {
			wrong.add("ownerAliasId", "ownerAliasId must be a number or null")
		}
	}
	name, _ := text(c.fields["name"])
	channelFields(c, wrong, strings.TrimSpace(name))
}

func updateChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	to := players.ChannelChanges{Props: readProps(c, problems{})}
	if name, ok := text(c.fields["name"]); ok && strings.TrimSpace(name) != "" {
		name = strings.TrimSpace(name)
		to.Name = &name
	}
	if raw, given := c.newOwner(); given {
		id, ok := whole(raw)
		if ok && id == 0 {
			id = -1 // nobody has that; null is nobody
		}
		to.Owner = &id
	}
	for name, into := range map[string]**bool{"autoCleanup": &to.AutoCleanup, "private": &to.Private, "temporaryMembership": &to.TemporaryMembership} {
		if b, ok := flag(c.fields[name]); ok {
			*into = &b
		}
	}
	channel, err := v.o.Players.UpdateChannel(ctx, c.alias, c.id(), to)
	return v.answerChannel(ctx, c, channel, err)
}

func deleteChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	return nil, channelFault(v.o.Players.DeleteChannel(ctx, c.alias, c.id()))
}

func joinChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	channel, err := v.o.Players.Join(ctx, c.alias, c.id())
	return v.answerChannel(ctx, c, channel, err)
}

func leaveChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	return nil, channelFault(v.o.Players.LeaveChannel(ctx, c.alias, c.id()))
}

func invitation(c *Call, wrong problems) {
	if raw, given := c.fields["inviteeAliasId"]; !given {
		wrong.add("inviteeAliasId", "inviteeAliasId is missing from the request body")
	} else if _, ok := whole(raw); !ok {
		wrong.add("inviteeAliasId", "inviteeAliasId must be a number")
	}
}

func inviteToChannel(ctx context.Context, v *Service, c *Call) (any, error) {
	id, _ := whole(c.fields["inviteeAliasId"])
	err := v.o.Players.Invite(ctx, c.alias, c.id(), id)
	switch {
	case errors.Is(err, players.ErrUnknown):
		return nil, refuse(http.StatusNotFound, "Invitee not found")
	case errors.Is(err, players.ErrOneself):
		return nil, refuse(http.StatusBadRequest, "Players cannot invite themselves")
	}
	return nil, channelFault(err)
}

// inChannel refuses who is not a member.
func (v *Service) inChannel(ctx context.Context, c *Call) (players.Channel, error) {
	channel, err := v.o.Players.Channel(ctx, c.id())
	if err != nil {
		return channel, channelFault(err)
	}
	in, err := v.o.Players.IsMember(ctx, channel.ID, c.alias.ID)
	if err == nil && !in {
		err = channelFault(players.ErrNotMember)
	}
	return channel, err
}

func listMembers(ctx context.Context, v *Service, c *Call) (any, error) {
	channel, err := v.inChannel(ctx, c)
	if err != nil {
		return nil, err
	}
	all, err := v.o.Players.Members(ctx, channel.ID)
	if err != nil {
		return nil, err
	}
	q := c.URL.Query()
	n, _ := pageOf(q)
	byPlayer, byProp := having(q, "playerPropKey", "playerPropValue"), having(q, "propKey", "propValue")
	is := func(name, value string) bool { return q.Get(name) == "" || q.Get(name) == value }
	all = slices.DeleteFunc(all, func(a players.Alias) bool {
		wanted := (!a.Player.DevBuild || c.seesDevBuilds()) && is("playerId", a.PlayerID) && is("aliasId", strconv.Itoa(int(a.ID))) && is("identifier", a.Identifier) &&
			byPlayer(a.Player.Props) && byProp(a.Player.Props) && q.Get("playerGroupId") == "" // nobody is in a group here
		return !wanted
	})
	members := []aliasView{}
	for _, a := range all[min(n*itemsPerPage, len(all)):min((n+1)*itemsPerPage, len(all))] {
		members = append(members, aliasOf(a))
	}
	return struct {
		Members []aliasView `json:"members"`
		page
	}{members, pageAt(n, len(all))}, nil
}
