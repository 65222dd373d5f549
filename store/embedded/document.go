package embedded

import (
	"encoding/binary"
	"fmt"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A stored document begins with its _id and ends with its version, so that the
// one is found at once and the other is set in place.

// marshalDocument returns the valid BSON of what a caller gave as a document.
func marshalDocument(document any) (bson.Raw, error) {
	raw, ok := document.(bson.Raw)
	if !ok {
		var err error
		if raw, err = bson.Marshal(document); err != nil {
			return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
		}
	}
	return raw, store.ValidDocument(raw)
}

// marshalValue returns the valid BSON of what a caller gave as a value.
func marshalValue(value any) (bson.RawValue, error) {
	switch v := value.(type) { // the two common ids need no reflection
	case nil:
		return bson.RawValue{Type: bson.TypeNull}, nil
	case string:
		return bson.RawValue{Type: bson.TypeString, Value: bsoncore.AppendString(nil, v)}, nil
	case bson.ObjectID:
		return bson.RawValue{Type: bson.TypeObjectID, Value: v[:]}, nil
	case bson.RawValue:
		return v, store.ValidValue(v)
	}
	t, data, err := bson.MarshalValue(value)
	if err != nil {
		return bson.RawValue{}, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	v := bson.RawValue{Type: t, Value: data}
	return v, store.ValidValue(v)
}

func marshalID(id any) (bson.RawValue, error) {
	v, err := marshalValue(id)
	if err != nil {
		return v, err
	}
	return v, store.ValidID(v)
}

// arrange returns the document in the form in which it is stored, with this id
// and version 1. The document must be valid.
func arrange(doc bson.Raw, id bson.RawValue) (bson.Raw, error) {
	const own = len("\x07_id\x00") + len("\x12_v\x00") + 8
	start, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+own+len(id.Value)))
	out = bsoncore.AppendValueElement(out, "_id", bsoncore.Value{Type: bsoncore.Type(id.Type), Data: id.Value})
	rest := doc[4:]
	for len(rest) > 1 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			break
		}
		rest = after
		if name := element.KeyBytes(); string(name) != "_id" && string(name) != store.VersionField {
			out = append(out, element...)
		}
	}
	return finish(out, start, 1)
}

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

// versionOf is the version of a stored document.
func versionOf(doc bson.Raw) int64 {
	v, err := doc.LookupErr(store.VersionField)
	if err != nil {
		return 0
	}
	n, _ := v.AsInt64OK()
	return n
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
