package mongo

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A position holds the cluster time of the change that it stands behind (zero
// where it stands behind none), and a resume token. A token is a document with
// one hexadecimal text, of which the bytes are kept; one of any other form is
// kept as it is. All of it is sealed: a token tells the key of the document.

const (
	tokenUpper = 'H' // hexadecimal in capitals, as MongoDB writes it
	tokenLower = 'h'
	tokenRaw   = 'b' // a BSON document

	positionHeader = 8 + 1
)

// place is what a position says.
type place struct {
	token bson.Raw
	time  bson.Timestamp
}

// position names a place, in the same words on every node.
func (s *Store) position(p place) store.Position {
	b := make([]byte, 0, positionHeader+len(p.token))
	b = binary.BigEndian.AppendUint32(b, p.time.T)
	b = binary.BigEndian.AppendUint32(b, p.time.I)
	return store.Position(s.identity.seal(appendToken(b, p.token)))
}

func appendToken(b []byte, token bson.Raw) []byte {
	data, ok := token.Lookup("_data").StringValueOK()
	if elements, err := token.Elements(); ok && err == nil && len(elements) == 1 {
		if bytes, err := hex.DecodeString(data); err == nil {
			switch data {
			case strings.ToUpper(data):
				return append(append(b, tokenUpper), bytes...)
			case strings.ToLower(data):
				return append(append(b, tokenLower), bytes...)
			}
		}
	}
	return append(append(b, tokenRaw), token...)
}

// place reads a position; false where it is none of this deployment.
func (s *Store) place(at store.Position) (place, bool) {
	b, ok := s.identity.open([]byte(at))
	if !ok || len(b) <= positionHeader {
		return place{}, false
	}
	p := place{time: bson.Timestamp{T: binary.BigEndian.Uint32(b), I: binary.BigEndian.Uint32(b[4:])}}
	kind, data := b[positionHeader-1], b[positionHeader:]
	text := ""
	switch kind {
	case tokenRaw:
		p.token = bson.Raw(data)
		return p, p.token.Validate() == nil
	case tokenUpper:
		text = strings.ToUpper(hex.EncodeToString(data))
	case tokenLower:
		text = hex.EncodeToString(data)
	default:
		return place{}, false
	}
	token, err := bson.Marshal(bson.D{{Key: "_data", Value: text}})
	p.token = token
	return p, err == nil
}
