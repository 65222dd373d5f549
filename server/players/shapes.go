package players

import (
	"encoding/json"
	"time"

	"gatehouse/server/wsconn"
	"gatehouse/store"
	"gatehouse/users/players"
)

// The shapes that clients know. None of them is ever null, but where a pointer
// says so.

type playerView struct {
	ID         string         `json:"id"`
	Props      []players.Prop `json:"props"`
	DevBuild   bool           `json:"devBuild"`
	CreatedAt  string         `json:"createdAt"`
	LastSeenAt string         `json:"lastSeenAt"`
	Groups     []struct{}     `json:"groups"`
	Presence   *presenceView  `json:"presence"`
	Aliases    []aliasView    `json:"aliases,omitempty"`
}

type aliasView struct {
	ID          int32       `json:"id"`
	Service     string      `json:"service"`
	Identifier  string      `json:"identifier"`
	DisplayName string      `json:"displayName"`
	Player      *playerView `json:"player,omitempty"`
	LastSeenAt  string      `json:"lastSeenAt"`
	CreatedAt   string      `json:"createdAt"`
	UpdatedAt   string      `json:"updatedAt"`
}

// presenceView is a presence within its player: who it is of is known there.
type presenceView struct {
	Online       bool   `json:"online"`
	CustomStatus string `json:"customStatus"`
	UpdatedAt    string `json:"updatedAt"`
}

// ofAlias is a presence by itself.
type ofAlias struct {
	PlayerAlias *aliasView `json:"playerAlias"`
	presenceView
}

func told(t time.Time) string { return t.UTC().Format(store.TimeLayout) }

func playerOf(p players.Player) playerView {
	v := playerView{
		ID:         p.ID,
		Props:      p.Props,
		DevBuild:   p.DevBuild,
		CreatedAt:  told(p.CreatedAt),
		LastSeenAt: told(p.LastSeenAt),
		Groups:     []struct{}{},
	}
	if v.Props == nil {
		v.Props = []players.Prop{}
	}
	if p.Presence != nil {
		at := presenceOf(*p.Presence)
		v.Presence = &at
	}
	return v
}

// withAliases is a player with all its names.
func withAliases(p players.Player, list []players.Alias) playerView {
	v := playerOf(p)
	v.Aliases = make([]aliasView, len(list))
	for i, a := range list {
		v.Aliases[i] = aliasOf(a)
		v.Aliases[i].Player = nil // it is the one around it
	}
	return v
}

func aliasOf(a players.Alias) aliasView {
	p := playerOf(a.Player)
	return aliasView{a.ID, a.Service, a.Identifier, a.Identifier, &p, told(a.LastSeenAt), told(a.CreatedAt), told(a.UpdatedAt)}
}

func presenceOf(p players.Presence) presenceView {
	return presenceView{p.Online, p.CustomStatus, told(p.UpdatedAt)}
}

// message is a frame of the server.
func message(res string, data any) *wsconn.Batch {
	b, err := json.Marshal(struct {
		Res  string `json:"res"`
		Data any    `json:"data"`
	}{res, data})
	if err != nil { // texts, numbers and what was JSON: it cannot be
		b = []byte(`{"res":"v1.error","data":{"req":"unknown","message":"An error occurred while processing the message","errorCode":"LISTENER_ERROR"}}`)
	}
	return wsconn.NewBatch(wsconn.TextFrame(b), "")
}
