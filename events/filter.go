package events

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Filter says which events somebody wants. The zero value is all of them. Two
// filters that are equal want the same, so that a Filter can be a map's key.
type Filter struct {
	types    string // ",1,2,12," or empty for all
	username string // in lower case, or empty for all
}

// ErrFilter says that a list of types is not one.
var ErrFilter = errors.New("events must be numbers separated by commas, such as 1,2,12")

// ParseFilter makes a filter of a comma-separated list of type numbers and a
// username; an empty one of either does not narrow. Names are compared without
// regard to case.
func ParseFilter(types, username string) (Filter, error) {
	f := Filter{username: strings.ToLower(username)}
	if types == "" {
		return f, nil
	}
	var list []int
	for s := range strings.SplitSeq(types, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil || !Type(n).Known() {
			return Filter{}, fmt.Errorf("%w; %.20q is no type of event", ErrFilter, s)
		}
		list = append(list, int(n))
	}
	slices.Sort(list)
	var b strings.Builder
	for _, n := range slices.Compact(list) {
		b.WriteString("," + strconv.Itoa(n))
	}
	f.types = b.String() + ","
	return f, nil
}

// All reports whether the filter lets everything pass.
func (f Filter) All() bool { return f == Filter{} }

// Match reports whether the filter wants the event. That a stretch was lost
// concerns everybody.
func (f Filter) Match(e *Entry) bool {
	if e.Type == Error || f.All() {
		return true
	}
	if f.types != "" && !strings.Contains(f.types, e.typeKey) {
		return false
	}
	return f.username == "" || f.username == e.userKey
}
