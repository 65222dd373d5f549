package request

import (
	"net/url"
	"strconv"

	"gatehouse/server/fault"
)

// Paging reads the parameters index (0 where it is absent) and limit (100), which
// say what page of a list is wanted. Errors are INVALID_PARAMETER.
func Paging(q url.Values) (index, limit int, err error) {
	index, limit = 0, 100
	for name, into := range map[string]struct {
		at       *int
		from, to int
	}{"index": {&index, 0, 1_000_000_000}, "limit": {&limit, 1, 1000}} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < into.from || n > into.to {
			return 0, 0, fault.New(fault.InvalidParameter, name+" must be a whole number from "+strconv.Itoa(into.from)+" to "+strconv.Itoa(into.to))
		}
		*into.at = n
	}
	return index, limit, nil
}
