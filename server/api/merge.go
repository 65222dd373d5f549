package api

import (
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// merged is a document after a JSON merge patch (RFC 7396): null removes a field,
// a document is merged into the one that is there, anything else replaces it. Of
// fields that stay the order does, too.
func merged(target, patch bson.D) bson.D {
	edits := make(map[string]any, len(patch))
	for _, e := range patch {
		edits[e.Key] = e.Value
	}
	out := make(bson.D, 0, len(target)+len(patch))
	for _, e := range target {
		edit, edited := edits[e.Key]
		delete(edits, e.Key) // what is left is new
		if !edited {
			out = append(out, e)
		} else if edit != nil {
			out = append(out, bson.E{Key: e.Key, Value: mergedValue(e.Value, edit)})
		}
	}
	for _, e := range patch {
		if _, isNew := edits[e.Key]; isNew && e.Value != nil {
			out = append(out, bson.E{Key: e.Key, Value: mergedValue(nil, e.Value)})
		}
	}
	return out
}

func mergedValue(target, patch any) any {
	if patch, ok := patch.(bson.D); ok {
		target, _ := target.(bson.D)
		return merged(target, patch)
	}
	return patch
}

// changes are the dotted paths and values that make one document into another.
func changes(path string, from, to bson.D) (set bson.D, unset []string) {
	was := byName(from)
	for _, e := range to {
		old, there := was[e.Key]
		delete(was, e.Key) // what is left is gone
		before, isDocument := old.(bson.D)
		after, stays := e.Value.(bson.D)
		switch {
		case isDocument && stays:
			s, u := changes(path+e.Key+".", before, after)
			set, unset = append(set, s...), append(unset, u...)
		case !there || !reflect.DeepEqual(old, e.Value):
			set = append(set, bson.E{Key: path + e.Key, Value: e.Value})
		}
	}
	for _, e := range from {
		if _, gone := was[e.Key]; gone {
			unset = append(unset, path+e.Key)
		}
	}
	return set, unset
}

func byName(d bson.D) map[string]any {
	m := make(map[string]any, len(d))
	for _, e := range d {
		m[e.Key] = e.Value
	}
	return m
}

// keepNumbers is the second document, in which the numbers that are equal to
// those of the first have the types that they have there. JSON does not tell a 1
// from a 1.0, so an editor that sends back what it read would change the type of
// numbers, and announce it.
func keepNumbers(was, is bson.D) bson.D {
	kept, _ := keep(was, is).(bson.D)
	return kept
}

func keep(was, is any) any {
	switch now := is.(type) {
	case bson.D:
		before, ok := was.(bson.D)
		if !ok {
			return is
		}
		values := byName(before)
		out := make(bson.D, len(now))
		for i, e := range now {
			out[i] = bson.E{Key: e.Key, Value: keep(values[e.Key], e.Value)}
		}
		return out
	case bson.A:
		before, ok := was.(bson.A)
		if !ok {
			return is
		}
		out := make(bson.A, len(now))
		for i, v := range now {
			out[i] = v
			if i < len(before) {
				out[i] = keep(before[i], v)
			}
		}
		return out
	}
	if equalNumbers(was, is) {
		return was
	}
	return is
}

func equalNumbers(a, b any) bool {
	m, ok := whole(a)
	n, okToo := whole(b)
	return ok && okToo && m == n
}

// whole is the value of a number that is a whole one, and not too large to be
// sure of that.
func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		const exact = 1 << 53
		return int64(n), n >= -exact && n <= exact && n == float64(int64(n))
	}
	return 0, false
}
