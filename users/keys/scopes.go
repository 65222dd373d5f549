package keys

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is something that a key may do.
type Scope struct {
	Name    string
	Meaning string
}

// All is the scope that stands for every scope.
const All = "*"

// Scopes are those that can be given, with what they mean.
var Scopes = []Scope{
	{"read:events", "read the history and follow the events without an approved Origin"},
	{"write:events", "publish events over HTTP"},
	{"read:users", "read any user's meta over a socket"},
	{"write:users", "change any user's meta over a socket"},
	{All, "everything, also what later versions add"},
}

// checkScopes refuses what is no scope.
func checkScopes(scopes []string) error {
	if len(scopes) == 0 {
		return fmt.Errorf("%w: a key needs at least one scope: %s", ErrInvalid, scopeNames())
	}
	for _, s := range scopes {
		if !slices.ContainsFunc(Scopes, func(known Scope) bool { return known.Name == s }) {
			return fmt.Errorf("%w: %q is no scope; there are %s", ErrInvalid, s, scopeNames())
		}
	}
	return nil
}

func scopeNames() string {
	var names []string
	for _, s := range Scopes {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
