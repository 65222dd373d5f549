package players

import (
	"bytes"
	"encoding/json"
	"math"
)

// The requests of clients.
const (
	identify     = "v1.players.identify"
	identified   = "v1.players.identified" // as an early description spells it
	channelSays  = "v1.channels.message"
	broadcasting = "v1.player-relationships.broadcast"
	heartbeat    = "v1.heartbeat" // a frame of its own, no JSON
)

// request is a kind of request: what it needs, and what its data must be.
type request struct {
	scopes   []string
	anybody  bool // also who is not identified
	readable func(data map[string]json.RawMessage) bool
}

var requests = map[string]request{
	identify:     {scopes: []string{"read:players"}, anybody: true, readable: identification},
	identified:   {scopes: []string{"read:players"}, anybody: true, readable: identification},
	channelSays:  {scopes: []string{"write:gameChannels"}, readable: toChannel},
	broadcasting: {scopes: []string{"write:playerBroadcasts"}, readable: saying},
}

// envelope is a frame of a client; the kind of request is known.
type envelope struct {
	req  string
	data json.RawMessage
}

// parseEnvelope reads a frame that is JSON.
func parseEnvelope(payload []byte) (envelope, bool) {
	fields, ok := object(payload)
	req, isText := text(fields["req"])
	data := bytes.TrimSpace(fields["data"])
	if _, known := requests[req]; !ok || !isText || !known || len(data) == 0 || data[0] != '{' {
		return envelope{}, false
	}
	return envelope{req, data}, true
}

func object(raw []byte) (fields map[string]json.RawMessage, ok bool) {
	ok = json.Unmarshal(raw, &fields) == nil && fields != nil
	return fields, ok
}

func text(raw json.RawMessage) (s string, ok bool) {
	ok = len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
	return s, ok
}

// whole is a whole number, however it is written.
func whole(raw json.RawMessage) (n int64, ok bool) {
	var f float64
	if len(raw) == 0 || raw[0] == '"' || string(raw) == "null" || json.Unmarshal(raw, &f) != nil {
		return 0, false
	}
	return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<53
}

func identification(data map[string]json.RawMessage) bool {
	_, numbered := whole(data["playerAliasId"])
	_, shown := text(data["socketToken"])
	session, given := data["sessionToken"]
	_, isText := text(session)
	return numbered && shown && (!given || isText || string(session) == "null")
}

func toChannel(data map[string]json.RawMessage) bool {
	channel, ok := object(data["channel"])
	_, numbered := whole(channel["id"])
	return ok && numbered && saying(data)
}

func saying(data map[string]json.RawMessage) bool {
	_, ok := text(data["message"])
	return ok
}
