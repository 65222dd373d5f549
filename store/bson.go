package store

import (
	"bytes"
	"iter"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// elements yields the names and values of a document in their order, up to the
// first malformed one. It allocates nothing; the names are parts of the document.
func elements(doc bsoncore.Document) iter.Seq2[[]byte, bsoncore.Value] {
	return func(yield func([]byte, bsoncore.Value) bool) {
		if len(doc) < 5 {
			return
		}
		rest := []byte(doc[4:])
		for len(rest) > 1 {
			element, after, ok := bsoncore.ReadElement(rest)
			if !ok {
				return
			}
			name, err := element.KeyBytesErr()
			if err != nil {
				return
			}
			if !yield(name, element.Value()) {
				return
			}
			rest = after
		}
	}
}

// lookup returns what finds a top-level field by its name: in a large document by
// a map, since it can be wide.
func lookup(doc bsoncore.Document) func(name []byte) (bsoncore.Value, bool) {
	const large = 512 // bytes
	if len(doc) > large {
		fields := make(map[string]bsoncore.Value)
		for n, v := range elements(doc) {
			if _, twice := fields[string(n)]; !twice { // the first counts, as below
				fields[string(n)] = v
			}
		}
		return func(name []byte) (bsoncore.Value, bool) {
			v, found := fields[string(name)]
			return v, found
		}
	}
	return func(name []byte) (bsoncore.Value, bool) {
		for n, v := range elements(doc) {
			if bytes.Equal(n, name) {
				return v, true
			}
		}
		return bsoncore.Value{}, false
	}
}
