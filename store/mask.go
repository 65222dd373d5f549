package store

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Mask returns the document as a [Change] may show it: Secret fields say only
// whether they hold something. The document itself is not written to; where
// nothing is secret it is returned as it is.
func (c Collection) Mask(doc bson.Raw) bson.Raw {
	if len(doc) == 0 || len(c.Secret) == 0 {
		return doc
	}
	start, masked := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)))
	for name, v := range elements(bsoncore.Document(doc)) {
		switch {
		case !slices.Contains(c.Secret, string(name)):
			masked = bsoncore.AppendValueElement(masked, string(name), v)
		case holdsNothing(v):
			masked = bsoncore.AppendStringElement(masked, string(name), "")
		default:
			masked = bsoncore.AppendBooleanElement(masked, string(name), true)
		}
	}
	masked, err := bsoncore.AppendDocumentEnd(masked, start)
	if err != nil { // only an offset outside of the slice is one
		panic("store: masking a document: " + err.Error())
	}
	return masked
}

func holdsNothing(v bsoncore.Value) bool {
	switch v.Type {
	case bsoncore.TypeNull, bsoncore.TypeUndefined:
		return true
	case bsoncore.TypeString:
		return len(v.Data) == len("\x01\x00\x00\x00\x00") // its length, and the zero at its end
	default:
		return false
	}
}
