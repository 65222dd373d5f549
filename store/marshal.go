package store

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// MarshalDocument returns the BSON of what a caller gave as a document, or
// [ErrInvalid]. A [bson.Raw] is checked and returned as it is.
func MarshalDocument(document any) (bson.Raw, error) {
	raw, ok := document.(bson.Raw)
	if !ok {
		var err error
		if raw, err = bson.Marshal(document); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	return raw, ValidDocument(raw)
}

// MarshalValue returns the BSON of what a caller gave as a value, or
// [ErrInvalid].
func MarshalValue(value any) (bson.RawValue, error) {
	switch v := value.(type) { // the two common ids need no reflection
	case nil:
		return bson.RawValue{Type: bson.TypeNull}, nil
	case string:
		return bson.RawValue{Type: bson.TypeString, Value: bsoncore.AppendString(nil, v)}, nil
	case bson.ObjectID:
		return bson.RawValue{Type: bson.TypeObjectID, Value: v[:]}, nil
	case bson.RawValue:
		return v, ValidValue(v)
	}
	t, data, err := bson.MarshalValue(value)
	if err != nil {
		return bson.RawValue{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	v := bson.RawValue{Type: t, Value: data}
	return v, ValidValue(v)
}

// MarshalID is [MarshalValue] for an "_id".
func MarshalID(id any) (bson.RawValue, error) {
	v, err := MarshalValue(id)
	if err != nil {
		return v, err
	}
	return v, ValidID(v)
}

// VersionOf is the version of a stored document; 0 where it has none.
func VersionOf(doc bson.Raw) int64 {
	v, err := doc.LookupErr(VersionField)
	if err != nil {
		return 0
	}
	n, _ := v.AsInt64OK()
	return n
}

// arrange returns the document in the form in which it is stored: its _id
// first, so that it is found at once, and its version, 1, last. The document
// must be valid.
func arrange(doc bson.Raw, id bson.RawValue) (bson.Raw, error) {
	const own = len("\x07_id\x00") + len("\x12_v\x00") + 8
	start, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+own+len(id.Value)))
	out = bsoncore.AppendValueElement(out, "_id", bsoncore.Value{Type: bsoncore.Type(id.Type), Data: id.Value})
	for name, value := range elements(bsoncore.Document(doc)) {
		if !isOurs(name) {
			out = bsoncore.AppendValueElement(out, string(name), value)
		}
	}
	out = bsoncore.AppendInt64Element(out, VersionField, 1)
	out, err := bsoncore.AppendDocumentEnd(out, start)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxDocumentSize {
		return nil, ValidDocument(out)
	}
	return out, nil
}
