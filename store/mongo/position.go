package mongo

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A position holds a resume token, and the cluster time of the change that it
// stands behind. A token is a document with one hexadecimal text, of which the
// bytes are kept; one of any other form is kept as it is. MongoDB's own begins
// with the cluster time; beside any other it stands by itself. All of it is
// sealed: a token tells the key of the document.

const (
	tokenMongo = 'M' // hexadecimal in capitals, beginning with the cluster time
	tokenUpper = 'H' // hexadecimal in capitals
	tokenLower = 'h'
	tokenRaw   = 'b' // a BSON document
)

// timestampType is the first byte of MongoDB's tokens, which says that a
// timestamp follows.
const timestampType = 0x82

// place is what a position says.
type place struct {
	token bson.Raw
	time  bson.Timestamp
}

// position names a place, in the same words on every node.
func (s *Store) position(p place) store.Position {
	kind, token := encodeToken(p.token)
	b := append(make([]byte, 0, 9+len(token)), kind)
	if kind != tokenMongo {
		b = binary.BigEndian.AppendUint32(b, p.time.T)
		b = binary.BigEndian.AppendUint32(b, p.time.I)
	}
	return store.Position(s.identity.seal(shorten(b, token)))
}

// encodeToken returns the bytes of a token, and what they are.
func encodeToken(token bson.Raw) (kind byte, data []byte) {
	text, ok := token.Lookup("_data").StringValueOK()
	if elements, err := token.Elements(); ok && err == nil && len(elements) == 1 {
		if data, err := hex.DecodeString(text); err == nil {
			switch upper := strings.ToUpper(text); {
			case text == upper && len(data) > 9 && data[0] == timestampType:
				return tokenMongo, data
			case text == upper:
				return tokenUpper, data
			case text == strings.ToLower(text):
				return tokenLower, data
			}
		}
	}
	return tokenRaw, token
}

// place reads a position; false where it is none of this deployment.
func (s *Store) place(at store.Position) (p place, ok bool) {
	b, ok := s.identity.open([]byte(at))
	if !ok || len(b) < 9 {
		return p, false
	}
	kind, clock := b[0], b[1:]
	if b = b[1:]; kind != tokenMongo {
		b = b[8:]
	}
	data, ok := lengthen(b)
	if kind == tokenMongo && len(data) > 9 {
		clock = data[1:]
	}
	if !ok || len(clock) < 8 {
		return p, false
	}
	p.time = bson.Timestamp{T: binary.BigEndian.Uint32(clock), I: binary.BigEndian.Uint32(clock[4:])}
	text := hex.EncodeToString(data)
	switch kind {
	case tokenRaw:
		p.token = data
		return p, p.token.Validate() == nil
	case tokenMongo, tokenUpper:
		text = strings.ToUpper(text)
	case tokenLower:
	default:
		return p, false
	}
	token, err := bson.Marshal(bson.D{{Key: "_data", Value: text}})
	p.token = token
	return p, err == nil
}

// fragments stand in most tokens, and make up much of them. An id has to fit into
// the reason of a close frame, so that two bytes stand for each. Their numbers are
// part of the ids that clients keep: the list is only ever added to.
var fragments = [][]byte{
	[]byte("operationType\x00"), []byte("documentKey\x00"), []byte("_id\x00"),
	[]byte("insert\x00"), []byte("update\x00"), []byte("replace\x00"), []byte("delete\x00"),
}

const escape = 0xFF // followed by the number of a fragment, or by itself

// shorten appends data with its fragments replaced.
func shorten(b, data []byte) []byte {
next:
	for len(data) > 0 {
		for i, f := range fragments {
			if bytes.HasPrefix(data, f) {
				b, data = append(b, escape, byte(i)), data[len(f):]
				continue next
			}
		}
		if data[0] == escape {
			b = append(b, escape)
		}
		b, data = append(b, data[0]), data[1:]
	}
	return b
}

// lengthen undoes shorten.
func lengthen(b []byte) (data []byte, ok bool) {
	for len(b) > 0 {
		switch {
		case b[0] != escape:
			data, b = append(data, b[0]), b[1:]
			continue
		case len(b) < 2:
			return nil, false
		case b[1] == escape:
			data = append(data, escape)
		case int(b[1]) < len(fragments):
			data = append(data, fragments[b[1]]...)
		default:
			return nil, false
		}
		b = b[2:]
	}
	return data, true
}
