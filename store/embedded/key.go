package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// One encoding of values serves ids, indexes, sorting and comparing: its bytes
// are equal where BSON's comparison says equal (the numbers 1, 1.0 and
// int64(1) are), and sort where it sorts. Each encoded value ends itself, so
// that no value's bytes begin with those of another: several can stand behind
// each other.

// The classes in which BSON sorts its types; the first byte of a key. Part of
// the file's format.
const (
	classEnd       = 0x00 // behind the last element of a document or an array
	classMinKey    = 0x01
	classNull      = 0x10 // absent and undefined too
	classNumber    = 0x20
	classText      = 0x30
	classDocument  = 0x40
	classArray     = 0x50
	classBinary    = 0x60
	classObjectID  = 0x70
	classBool      = 0x80
	classDate      = 0x90
	classTimestamp = 0xA0
	classRegex     = 0xB0
	classOther     = 0xC0 // code and pointers, by type and then bytes
	classMaxKey    = 0xFF
)

// keyMax bounds a key; what is longer keeps its beginning and ends in a hash.
// Such keys are still equal where their values are, but those with the same
// beginning are in no order.
const (
	keyMax  = 1024
	keyHead = keyMax - sha256.Size
)

// shorten applies keyMax to the key that begins at start.
func shorten(dst []byte, start int) []byte {
	if len(dst)-start <= keyHead {
		return dst
	}
	sum := sha256.Sum256(dst[start:])
	return append(dst[:start+keyHead], sum[:]...)
}

// idKey is the key of a document in its collection.
func idKey(id bson.RawValue) []byte { return shorten(appendKey(nil, id, false), 0) }

// appendKey appends the key of v, which must be valid BSON. With fold strings
// are equal that differ in case alone.
func appendKey(dst []byte, v bson.RawValue, fold bool) []byte {
	return appendCoreKey(dst, bsoncore.Value{Type: bsoncore.Type(v.Type), Data: v.Value}, fold)
}

func appendCoreKey(dst []byte, v bsoncore.Value, fold bool) []byte {
	class := classOf(v.Type)
	return appendPayload(append(dst, class), class, v, fold)
}

func classOf(t bsoncore.Type) byte {
	switch t {
	case bsoncore.TypeMinKey:
		return classMinKey
	case 0, bsoncore.TypeNull, bsoncore.TypeUndefined:
		return classNull
	case bsoncore.TypeInt32, bsoncore.TypeInt64, bsoncore.TypeDouble, bsoncore.TypeDecimal128:
		return classNumber
	case bsoncore.TypeString, bsoncore.TypeSymbol:
		return classText
	case bsoncore.TypeEmbeddedDocument:
		return classDocument
	case bsoncore.TypeArray:
		return classArray
	case bsoncore.TypeBinary:
		return classBinary
	case bsoncore.TypeObjectID:
		return classObjectID
	case bsoncore.TypeBoolean:
		return classBool
	case bsoncore.TypeDateTime:
		return classDate
	case bsoncore.TypeTimestamp:
		return classTimestamp
	case bsoncore.TypeRegex:
		return classRegex
	case bsoncore.TypeMaxKey:
		return classMaxKey
	default:
		return classOther
	}
}

// appendPayload appends what follows the class of a value.
func appendPayload(dst []byte, class byte, v bsoncore.Value, fold bool) []byte {
	switch class {
	case classMinKey, classNull, classMaxKey:
		return dst
	case classNumber:
		return appendNumber(dst, v)
	case classText:
		text := v.Data[4 : len(v.Data)-1]
		if fold {
			text = foldBytes(text)
		}
		return appendText(dst, text)
	case classDocument, classArray:
		return appendElements(dst, class, v.Data, fold)
	case classBinary: // BSON sorts binaries by length, subtype and then bytes
		dst = binary.BigEndian.AppendUint32(dst, binary.LittleEndian.Uint32(v.Data))
		return append(dst, v.Data[4:]...)
	case classDate:
		return binary.BigEndian.AppendUint64(dst, binary.LittleEndian.Uint64(v.Data)^(1<<63))
	case classTimestamp:
		return binary.BigEndian.AppendUint64(dst, binary.LittleEndian.Uint64(v.Data))
	case classObjectID, classBool:
		return append(dst, v.Data...)
	case classRegex:
		pattern, options, _ := bytes.Cut(v.Data, []byte{0})
		return appendText(appendText(dst, pattern), bytes.TrimSuffix(options, []byte{0}))
	default:
		return appendText(append(dst, byte(v.Type)), v.Data)
	}
}

// appendElements appends a document's or an array's elements: each its class,
// then (of a document) its name, then its value, which is the order in which
// BSON compares them.
func appendElements(dst []byte, class byte, doc []byte, fold bool) []byte {
	rest := doc[4:]
	for len(rest) > 1 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			break
		}
		rest = after
		v := element.Value()
		inner := classOf(v.Type)
		dst = append(dst, inner)
		if class == classDocument {
			dst = appendText(dst, element.KeyBytes())
		}
		dst = appendPayload(dst, inner, v, fold)
	}
	return append(dst, classEnd)
}

// appendText appends bytes that may hold zeroes, such that they end themselves.
func appendText(dst, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, 0)
		if i < 0 {
			break
		}
		dst = append(dst, text[:i]...)
		dst = append(dst, 0, 0xFF)
		text = text[i+1:]
	}
	dst = append(dst, text...)
	return append(dst, 0, 0)
}

// dateKey is the key of a moment in the order of expiry.
func dateKey(dst []byte, milliseconds int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(milliseconds)^(1<<63))
}

// dateOf is the moment of a dateKey, or never where it is none.
func dateOf(key []byte) int64 {
	if len(key) < 8 {
		return math.MaxInt64
	}
	return int64(binary.BigEndian.Uint64(key) ^ (1 << 63))
}
