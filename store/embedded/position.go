package embedded

import (
	"encoding/binary"

	"gatehouse/store"
)

// A position is the store's id and the number of a change in its log.

func (id storeID) position(seq uint64) store.Position {
	var b [16]byte
	copy(b[:8], id[:])
	binary.BigEndian.PutUint64(b[8:], seq)
	return store.Position(b[:])
}

// parse returns the number in a position, false where it is none of this store.
func (id storeID) parse(p store.Position) (uint64, bool) {
	if len(p) != 16 || string(p[:8]) != string(id[:]) {
		return 0, false
	}
	return binary.BigEndian.Uint64([]byte(p[8:])), true
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// seqOf is the number in a key of the log, or 0 where it is none.
func seqOf(key []byte) uint64 {
	if len(key) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(key)
}
