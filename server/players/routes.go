package players

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"

	"gatehouse/users/players"
)

// Bounds of what calls a player, in UTF-16 units.
const (
	maxService    = 255
	maxIdentifier = 1024
	maxStatus     = 512
)

// Routes are those under /v1, by method and path.
func Routes() map[string]Route {
	all := map[string]Route{
		"POST /v1/socket-tickets":       {enters: true, do: newTicket},
		"GET /v1/players/identify":      {enters: true, scope: "read:players", query: whom, do: identifyPlayer},
		"POST /v1/players/socket-token": {enters: true, scope: "write:players", aliased: true, do: newToken},
		"GET /v1/players/:id":           {scope: "read:players", do: getPlayer},
		"PATCH /v1/players/:id":         {scope: "write:players", body: props, do: patchPlayer},
		"GET /v1/players/presence/:id":  {scope: "read:playerPresence", path: byUUID, do: getPresence},
		"PUT /v1/players/presence":      {scope: "write:playerPresence", aliased: true, body: presence, do: putPresence},
		"GET /v1/game-config":           {scope: "read:gameConfig", do: getConfig},
	}
	maps.Copy(all, channelRoutes())
	maps.Copy(all, relationshipRoutes())
	return all
}

type playerAnswer struct {
	Player playerView `json:"player"`
}

func newTicket(ctx context.Context, v *Service, c *Call) (any, error) {
	ticket, err := v.o.Players.NewTicket(ctx, c.key.ID)
	return map[string]string{"ticket": ticket}, err
}

// whom looks at who is to be identified.
func whom(c *Call, wrong problems) {
	q := c.URL.Query()
	for name, most := range map[string]int{"service": maxService, "identifier": maxIdentifier} {
		value := strings.TrimSpace(q.Get(name))
		switch {
		case !q.Has(name):
			wrong.add(name, name+" is missing from the request query")
		case value == "":
			wrong.add(name, "Invalid "+name+", must be a non-empty string")
		case len(utf16.Encode([]rune(value))) > most:
			wrong.add(name, fmt.Sprintf("Invalid %s, must have at most %d characters", name, most))
		}
	}
}

func identifyPlayer(ctx context.Context, v *Service, c *Call) (any, error) {
	q := c.URL.Query()
	service, identifier := strings.TrimSpace(q.Get("service")), strings.TrimSpace(q.Get("identifier"))
	create := c.key.Has("write:players") && service != "talo" // those come from elsewhere only
	a, token, err := v.o.Players.Identify(ctx, service, identifier, create, c.Header.Get("X-Talo-Dev-Build") == "1")
	if errors.Is(err, players.ErrUnknown) {
		return nil, refuse(http.StatusNotFound, "Player not found. Use an access key with the write:players scope to automatically create players")
	}
	return struct {
		Alias       aliasView `json:"alias"`
		SocketToken string    `json:"socketToken"`
	}{aliasOf(a), token}, err
}

func newToken(ctx context.Context, v *Service, c *Call) (any, error) {
	token, err := v.o.Players.NewToken(ctx, c.alias)
	return map[string]string{"socketToken": token}, err
}

func getPlayer(ctx context.Context, v *Service, c *Call) (any, error) {
	p, list, err := v.o.Players.Player(ctx, strings.ToLower(c.PathValue("id")))
	return playerAnswer{Player: withAliases(p, list)}, err
}

// props looks at changes of props.
func props(c *Call, wrong problems) { _ = readProps(c, wrong) }

// readProps reads changes of props; nil where none were sent.
func readProps(c *Call, wrong problems) []players.PropChange {
	raw, given := c.fields["props"]
	var list []json.RawMessage
	switch {
	case !given || string(raw) == "null":
		return nil
	case json.Unmarshal(raw, &list) != nil:
		wrong.add("props", "Props must be an array")
		return nil
	}
	changes := []players.PropChange{}
	for i, raw := range list {
		at := fmt.Sprintf("props.%d", i)
		fields, ok := object(raw)
		if !ok {
			wrong.add(at, "A prop must be an object")
			continue
		}
		change := players.PropChange{}
		if change.Key, ok = text(fields["key"]); !ok {
			wrong.add(at+".key", "A prop's key must be a string")
		}
		value, isText := text(fields["value"])
		switch given := fields["value"]; {
		case isText:
			change.Value = &value
		case string(given) != "null":
			wrong.add(at+".value", "A prop's value must be a string or null")
		}
		changes = append(changes, change)
	}
	return changes
}

func patchPlayer(ctx context.Context, v *Service, c *Call) (any, error) {
	p, list, rejected, err := v.o.Players.Patch(ctx, strings.ToLower(c.PathValue("id")), readProps(c, problems{}))
	if rejected == nil {
		rejected = []players.Rejected{}
	}
	return struct {
		Player        playerView         `json:"player"`
		RejectedProps []players.Rejected `json:"rejectedProps"`
	}{withAliases(p, list), rejected}, err
}

// byUUID looks at an id of a player.
func byUUID(c *Call, wrong problems) {
	if id := c.PathValue("id"); len(id) != 36 || uuid.Validate(id) != nil {
		wrong.add("id", "id must be a valid UUID")
	}
}

type presenceAnswer struct {
	Presence ofAlias `json:"presence"`
}

func getPresence(ctx context.Context, v *Service, c *Call) (any, error) {
	p, err := v.o.Players.PresenceOf(ctx, strings.ToLower(c.PathValue("id")))
	if err != nil {
		return nil, err
	}
	answer := presenceAnswer{ofAlias{nil, presenceOf(p)}}
	if p.AliasID == 0 {
		return answer, nil
	}
	a, err := v.o.Players.Alias(ctx, int64(p.AliasID))
	if err != nil {
		return nil, err
	}
	alias := aliasOf(a)
	answer.Presence.PlayerAlias = &alias
	return answer, nil
}

// presence looks at what is said of a presence.
func presence(c *Call, wrong problems) {
	online, status := c.given("online"), c.given("customStatus")
	if _, ok := flag(online); len(online) > 0 && !ok {
		wrong.add("online", "online must be a boolean")
	}
	if s, ok := text(status); len(status) > 0 && !ok {
		wrong.add("customStatus", "customStatus must be a string")
	} else if len(utf16.Encode([]rune(s))) > maxStatus {
		wrong.add("customStatus", fmt.Sprintf("customStatus must have at most %d characters", maxStatus))
	}
}

func flag(raw json.RawMessage) (b, ok bool) {
	return string(raw) == "true", string(raw) == "true" || string(raw) == "false"
}

func putPresence(ctx context.Context, v *Service, c *Call) (any, error) {
	var online *bool
	var status *string
	if b, ok := flag(c.fields["online"]); ok {
		online = &b
	}
	if s, ok := text(c.fields["customStatus"]); ok {
		status = &s
	}
	p, err := v.o.Players.SetPresence(ctx, c.alias, online, status)
	if err != nil {
		return nil, err
	}
	c.alias.Player.Presence = &p
	alias := aliasOf(c.alias)
	return presenceAnswer{ofAlias{&alias, presenceOf(p)}}, nil
}

func getConfig(ctx context.Context, v *Service, _ *Call) (any, error) {
	r, err := v.gameConfig()
	if err != nil {
		return nil, err
	}
	now, err := v.o.Resources.Get(ctx, r)
	return configView{configOf(now.Data)}, err
}
