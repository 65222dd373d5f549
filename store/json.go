package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TimeLayout is RFC 3339 in UTC with milliseconds, as precise as BSON's dates.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// JSONDocument gives a document as plain JSON, the way people expect to read
// it: an ObjectID as its hex digits, a date in RFC 3339, numbers as numbers.
// Unlike MongoDB's Extended JSON it cannot be read back without loss, and is not
// meant to be. The version is left out.
func JSONDocument(doc bson.Raw) json.RawMessage {
	b := []byte{'{'}
	elements, _ := doc.Elements()
	for _, e := range elements {
		if e.Key() == VersionField {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendJSONString(b, e.Key())
		b = append(b, ':')
		b = append(b, JSONValue(e.Value())...)
	}
	return append(b, '}')
}

// JSONValue is JSONDocument for any value.
func JSONValue(v bson.RawValue) json.RawMessage {
	switch v.Type {
	case bson.TypeString:
		return appendJSONString(nil, v.StringValue())
	case bson.TypeSymbol:
		s, _ := v.SymbolOK()
		return appendJSONString(nil, s)
	case bson.TypeInt32:
		return strconv.AppendInt(nil, int64(v.Int32()), 10)
	case bson.TypeInt64:
		return strconv.AppendInt(nil, v.Int64(), 10)
	case bson.TypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			b, _ := json.Marshal(f)
			return b
		}
		return json.RawMessage("null")
	case bson.TypeBoolean:
		return strconv.AppendBool(nil, v.Boolean())
	case bson.TypeObjectID:
		return appendJSONString(nil, v.ObjectID().Hex())
	case bson.TypeDateTime:
		return appendJSONString(nil, time.UnixMilli(v.DateTime()).UTC().Format(TimeLayout))
	case bson.TypeDecimal128:
		d, _ := v.Decimal128OK()
		return appendJSONString(nil, d.String())
	case bson.TypeBinary:
		_, data := v.Binary()
		return appendJSONString(nil, base64.StdEncoding.EncodeToString(data))
	case bson.TypeTimestamp:
		t, _ := v.Timestamp()
		return appendJSONString(nil, time.Unix(int64(t), 0).UTC().Format(TimeLayout))
	case bson.TypeEmbeddedDocument:
		return JSONDocument(v.Document())
	case bson.TypeArray:
		b := []byte{'['}
		values, _ := v.Array().Values()
		for i, e := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, JSONValue(e)...)
		}
		return append(b, ']')
	default: // null, undefined, and what only a database's own programs use
		return json.RawMessage("null")
	}
}

// appendJSONString leaves <, > and & as they are: nobody puts this into a page as
// it is, and six bytes for one would make large texts larger than they may be.
func appendJSONString(b []byte, s string) []byte {
	w := bytes.NewBuffer(b)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string: it cannot fail
	return bytes.TrimSuffix(w.Bytes(), []byte{'\n'})
}
