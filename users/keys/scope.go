package keys

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is a thing that a key may be allowed to do.
type Scope struct {
	Name    string // such as read:events
	Meaning string // one line, for people
}

// All is the scope that holds every other.
const All = "*"

// Scopes are those that a key can be given, for people to choose from: the
// ones that some part of this version asks for. To add one, add a line.
var Scopes = []Scope{
	{"read:events", "read events over HTTP"},
	{"write:events", "publish events over HTTP, and over a socket where publishScope asks for it"},
	{"write:documents", "read and write documents of files, buckets and the collections of rules over HTTP"},
	{"read:users", "look at any user, its meta and its sessions, over HTTP and a socket"},
	{"write:users", "make, change and delete regular users, their meta and their sessions, over HTTP and a socket"},
	{"rp:character-profile:all.write", "make, change and delete any character and its profile over HTTP"},
	{"read:realtime", "subscribe to and read resources, as key:NAME and of any user"},
	{"write:realtime", "write and delete resources, also those that only programs may, of any user"},
	{"read:players", "look at and identify players of games"},
	{"write:players", "make and change players of games, and their socket tokens"},
	{"read:playerPresence", "look at and hear of the presence of players"},
	{"write:playerPresence", "say of a player whether it is online, and what it does"},
	{"read:gameChannels", "look at channels, hear what happens in them, and read their storage"},
	{"write:gameChannels", "make, change, join and leave channels, speak and store in them"},
	{"read:playerRelationships", "look at subscriptions of players, and hear of them"},
	{"write:playerRelationships", "make, confirm and end subscriptions of players"},
	{"read:playerBroadcasts", "hear what players broadcast"},
	{"write:playerBroadcasts", "broadcast to the subscribers of a player"},
	{"read:gameConfig", "read and hear of the configuration of games"},
	{All, "everything, also what later versions add"},
}

// checkScopes returns the scopes sorted, each once. What is wrong with them is
// an [ErrInvalid].
func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return nil, fmt.Errorf("%w: a key needs a scope; there are %s", ErrInvalid, known())
	}
	for _, s := range scopes {
		if !slices.ContainsFunc(Scopes, func(k Scope) bool { return k.Name == s }) {
			return nil, fmt.Errorf("%w: there is no scope %q; there are %s", ErrInvalid, clip(s), known())
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(scopes))), nil
}

// known lists the scopes for a message.
func known() string {
	names := make([]string, len(Scopes))
	for i, s := range Scopes {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
