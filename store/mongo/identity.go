package mongo

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

const (
	storeCollection     = "gatehouse.store"
	sequencesCollection = "gatehouse.sequences"

	macSize = 8
)

// identity holds the keys that positions are signed with: the deployment's
// first, then those that it had before, which are still understood.
type identity struct {
	keys atomic.Pointer[[][]byte]
}

// sign returns the signature of a position's content.
func (id *identity) sign(content []byte) []byte { return mac((*id.keys.Load())[0], content) }

// known reports whether the signature is one of this deployment.
func (id *identity) known(signature, content []byte) bool {
	keys := id.keys.Load()
	return keys != nil && slices.ContainsFunc(*keys, func(key []byte) bool {
		return hmac.Equal(signature, mac(key, content))
	})
}

func mac(key, content []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(content)
	return h.Sum(nil)[:macSize]
}

// identify reads the deployment's key, and makes one where there is none: a new
// one, or, where the database was dropped, the one that this node has. So the
// nodes of a deployment go on to agree.
func (s *Store) identify(ctx context.Context) error {
	var mine []byte
	var known [][]byte
	if keys := s.identity.keys.Load(); keys != nil {
		known, mine = *keys, (*keys)[0]
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
		keys := append([][]byte{found.Key}, known...)
		s.identity.keys.Store(&keys)
	}
	return nil
}

// own is one of the store's own collections.
func (s *Store) own(name string) *mongo.Collection { return s.db.Collection(s.o.Prefix + name) }
