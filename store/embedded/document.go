package embedded

import (
	"encoding/binary"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A stored document begins with its _id and ends with its version, so that the
// one is found at once and the other is set in place.

// finish ends a document with its version.
func finish(out []byte, start int32, version int64) (bson.Raw, error) {
	out = bsoncore.AppendInt64Element(out, store.VersionField, version)
	out, err := bsoncore.AppendDocumentEnd(out, start)
	if err != nil {
		return nil, err
	}
	if len(out) > store.MaxDocumentSize {
		return nil, store.ValidDocument(out)
	}
	return out, nil
}

// setVersion changes the version of an arranged document in place.
func setVersion(doc bson.Raw, version int64) {
	binary.LittleEndian.PutUint64(doc[len(doc)-9:], uint64(version))
}

// at is the value at a path, or the zero value, which is absent. It steps
// through documents, not into arrays.
func at(doc bson.Raw, path []string) bson.RawValue {
	for i, part := range path {
		v, err := doc.LookupErr(part)
		if err != nil {
			return bson.RawValue{}
		}
		if i == len(path)-1 {
			return v
		}
		sub, ok := v.DocumentOK()
		if !ok {
			return bson.RawValue{}
		}
		doc = sub
	}
	return bson.RawValue{}
}

func splitPath(path string) []string { return strings.Split(path, ".") }

func isNothing(v bson.RawValue) bool {
	return v.Type == 0 || v.Type == bson.TypeNull || v.Type == bson.TypeUndefined
}
