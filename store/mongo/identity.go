package mongo

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

const (
	storeCollection     = "gatehouse.store"
	sequencesCollection = "gatehouse.sequences"
)

// maxKeys is how many keys are understood.
const maxKeys = 8

// identity holds the keys that positions are sealed with: the deployment's first,
// then those that it had before, which are still understood.
type identity struct {
	keys atomic.Pointer[[]*sealKey]
}

// sealKey seals and opens: what is sealed tells nothing of what is in it, nobody
// else can make one, and the same content is always sealed to the same bytes, so
// that nodes agree. (A synthetic initialization vector, as in RFC 5297, of HMAC
// and AES in counter mode.)
type sealKey struct {
	secret []byte
	mac    []byte
	block  cipher.Block
}

// sealSize is how much longer sealing makes a content. Ids should be short, and
// nobody can try many forged ones.
const sealSize = 12

func newSealKey(secret []byte) *sealKey {
	derived := func(use string) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(use))
		return h.Sum(nil)
	}
	block, err := aes.NewCipher(derived("encrypt"))
	if err != nil { // the length is right
		panic("store/mongo: " + err.Error())
	}
	return &sealKey{secret, derived("authenticate"), block}
}

func (k *sealKey) vector(content []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(content)
	return h.Sum(nil)[:sealSize]
}

func (k *sealKey) stream(iv []byte) cipher.Stream {
	var counter [aes.BlockSize]byte
	copy(counter[:], iv)
	return cipher.NewCTR(k.block, counter[:])
}

// seal seals content, which must not be used after.
func (k *sealKey) seal(content []byte) []byte {
	iv := k.vector(content)
	k.stream(iv).XORKeyStream(content, content)
	return append(iv, content...)
}

// open returns the content, and false where it was not sealed with this key.
func (k *sealKey) open(sealed []byte) ([]byte, bool) {
	if len(sealed) < sealSize {
		return nil, false
	}
	content := make([]byte, len(sealed)-sealSize)
	k.stream(sealed[:sealSize]).XORKeyStream(content, sealed[sealSize:])
	return content, hmac.Equal(sealed[:sealSize], k.vector(content))
}

// seal seals the content of a position.
func (id *identity) seal(content []byte) []byte { return (*id.keys.Load())[0].seal(content) }

// open returns the content of a position of this deployment.
func (id *identity) open(sealed []byte) ([]byte, bool) {
	keys := id.keys.Load()
	if keys == nil {
		return nil, false
	}
	for _, k := range *keys {
		if content, ok := k.open(sealed); ok {
			return content, true
		}
	}
	return nil, false
}

// identify reads the deployment's key, and makes one where there is none: a new
// one, or, where the database was dropped, the one that this node has. So the
// nodes of a deployment go on to agree.
func (s *Store) identify(ctx context.Context) error {
	var mine []byte
	var known []*sealKey
	if keys := s.identity.keys.Load(); keys != nil {
		known, mine = *keys, (*keys)[0].secret
	} else {
		mine = make([]byte, sha256.Size)
		_, _ = rand.Read(mine) // it ends the process rather than fail
	}
	id := bson.D{{Key: "_id", Value: "positions"}}
	if err := s.insertOnce(ctx, s.own(storeCollection), append(id, bson.E{Key: "key", Value: mine})); err != nil {
		return err
	}
	var found struct {
		Key []byte `bson:"key"`
	}
	err := s.again(ctx, func() error { return s.own(storeCollection).FindOne(ctx, id).Decode(&found) })
	if err != nil {
		return err
	}
	if len(known) == 0 || string(found.Key) != string(mine) {
		keys := append([]*sealKey{newSealKey(found.Key)}, known[:min(len(known), maxKeys-1)]...)
		s.identity.keys.Store(&keys)
	}
	return nil
}

// own is one of the store's own collections.
func (s *Store) own(name string) *mongo.Collection { return s.db.Collection(s.o.Prefix + name) }
