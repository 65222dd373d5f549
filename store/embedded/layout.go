package embedded

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"

	"gatehouse/store"

	"go.etcd.io/bbolt"
)

// format is the version of the file's layout that this package writes.
const format = 1

// The buckets at the top of the file, and the keys of the first.
const (
	metaBucket     = "gatehouse"
	logBucket      = "log"
	sequenceBucket = "sequences"

	formatKey = "format"
	idKeyName = "id"
)

// storeID tells the positions of one file from those of every other.
type storeID [8]byte

// readLayout returns the id of a file that was made by makeLayout, false for
// one that has nothing in it.
func readLayout(tx *bbolt.Tx) (id storeID, made bool, err error) {
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil {
		if name, _ := tx.Cursor().First(); name != nil {
			return id, false, ErrForeign
		}
		return id, false, nil
	}
	version := meta.Get([]byte(formatKey))
	if len(version) != 4 || copy(id[:], meta.Get([]byte(idKeyName))) != len(id) ||
		tx.Bucket([]byte(logBucket)) == nil || tx.Bucket([]byte(sequenceBucket)) == nil {
		return id, false, ErrDamaged
	}
	if v := binary.BigEndian.Uint32(version); v != format {
		return id, false, fmt.Errorf("%w (its format is %d, this version knows %d)", ErrNewer, v, format)
	}
	return id, true, nil
}

// makeLayout prepares a file that has nothing in it.
func makeLayout(tx *bbolt.Tx) error {
	for _, name := range []string{metaBucket, logBucket, sequenceBucket} {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	var id storeID
	_, _ = rand.Read(id[:]) // never fails
	meta := tx.Bucket([]byte(metaBucket))
	if err := meta.Put([]byte(idKeyName), id[:]); err != nil {
		return err
	}
	return meta.Put([]byte(formatKey), binary.BigEndian.AppendUint32(nil, format))
}

// The names of a collection's buckets. A collection's name holds no slash.

func documentsBucket(collection string) string { return collection + "/documents" }

func expiryBucket(collection, path string) string { return collection + "/expiry/" + path }

func indexBucket(collection string, ix store.Index) string {
	flags := [2]byte{'-', '-'}
	if ix.Unique {
		flags[0] = 'u'
	}
	if ix.Fold {
		flags[1] = 'f'
	}
	return collection + "/index/" + string(flags[:]) + "/" + strings.Join(ix.Fields, "\x00")
}
