package mongo

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"pgregory.net/rapid"
)

// An id is in the reason of a close frame, which holds 123 bytes. Six of an id's
// bytes are the log's.
func TestPositionsAreShort(t *testing.T) {
	t.Parallel()
	s := sealing()
	// A token as MongoDB 7.0 and newer write it for a document with an ObjectID.
	event := "82" + strings.Repeat("65A1B2C3", 2) + "2B042C0100296E5A1004" + strings.Repeat("AB", 16) +
		"463C" + asHex("operationType\x00") + "3C" + asHex("replace\x00") + "46" + asHex("documentKey\x00") + "4664" + asHex("_id\x00") +
		"64" + strings.Repeat("CD", 12) + "000004"
	token, err := bson.Marshal(bson.D{{Key: "_data", Value: strings.ToUpper(event)}})
	if err != nil {
		t.Fatal(err)
	}
	p := place{token, bson.Timestamp{T: 0x65A1B2C3, I: 0x65A1B2C3}}
	at := s.position(p)
	if n := base64.RawURLEncoding.EncodedLen(len(at) + 6); n > 123 {
		t.Errorf("an id of %d bytes", n)
	}
	if got, ok := s.place(at); !ok || got.time != p.time || string(got.token) != string(p.token) {
		t.Errorf("it comes back as %+v", got)
	}
}

// Whatever a token is, a position leads back to it, and is the same each time.
func TestPositionsLeadBack(t *testing.T) {
	t.Parallel()
	s, other := sealing(), sealing()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data")
		for range rapid.IntRange(0, 3).Draw(t, "fragments") {
			data = append(data, rapid.SampledFrom(append(fragments, []byte{escape}, []byte{escape, 1})).Draw(t, "fragment")...)
		}
		text := hex.EncodeToString(data)
		var token bson.D
		var at bson.Timestamp
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			token = bson.D{{Key: "_data", Value: text}}
			at = bson.Timestamp{T: 1, I: 2}
		case 1:
			token = bson.D{{Key: "_data", Value: strings.ToUpper("82" + "0000000300000004" + text)}}
			at = bson.Timestamp{T: 3, I: 4}
		case 2:
			token = bson.D{{Key: "_data", Value: "no hexadecimal"}, {Key: "_typeBits", Value: data}}
		default:
			token = bson.D{{Key: "_data", Value: bson.Binary{Data: data}}}
		}
		raw, err := bson.Marshal(token)
		if err != nil {
			t.Fatal(err)
		}
		position := s.position(place{raw, at})
		got, ok := s.place(position)
		if !ok || string(got.token) != string(raw) || got.time != at && len(data) > 0 {
			t.Fatalf("%s at %v comes back as %s at %v, %v", bson.Raw(raw), at, got.token, got.time, ok)
		}
		if s.position(place{raw, at}) != position {
			t.Fatal("it is another position the second time")
		}
		if _, ok := other.place(position); ok {
			t.Fatal("another deployment takes it for one of its own")
		}
	})
}

func FuzzPlace(f *testing.F) {
	s := sealing()
	f.Add([]byte("x"), true)
	f.Add([]byte{tokenMongo, timestampType, escape, 0}, true)
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed { // as nobody else can make it
			b = s.identity.seal(append([]byte(nil), b...))
		}
		if p, ok := s.place(store.Position(b)); ok && p.token.Validate() != nil {
			t.Error("a token that is none")
		}
	})
}

// sealing is a store that has a key.
func sealing() *Store {
	s := &Store{}
	secret := []byte(bson.NewObjectID().Hex())
	s.identity.keys.Store(&[]*sealKey{newSealKey(secret)})
	return s
}

func asHex(s string) string { return hex.EncodeToString([]byte(s)) }
