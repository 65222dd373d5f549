package events

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"gatehouse/store"
)

// An id names a place in the log, just behind one event. Its bytes are a
// checksum, then twice the event's index among those of its change (plus one if
// it is the last of them), then the change's position, in URL-safe base64. The
// checksum finds ids that were cut or mistyped; whether a position is real is
// for the store to say.

// place is what an id says.
type place struct {
	position store.Position
	index    int
	last     bool // nothing of the change comes behind it
}

// maxID bounds what is decoded; a resume token of MongoDB is about 100 bytes.
const maxID = 2048

func (p place) String() string {
	n := uint64(p.index) << 1
	if p.last {
		n |= 1
	}
	raw := make([]byte, 4, 4+binary.MaxVarintLen64+len(p.position))
	raw = binary.AppendUvarint(raw, n)
	raw = append(raw, p.position...)
	binary.BigEndian.PutUint32(raw, crc32.ChecksumIEEE(raw[4:]))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseID reads an id; false where it is none.
func parseID(id string) (place, bool) {
	if len(id) > maxID {
		return place{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) < 6 || binary.BigEndian.Uint32(raw) != crc32.ChecksumIEEE(raw[4:]) {
		return place{}, false
	}
	n, size := binary.Uvarint(raw[4:])
	if size <= 0 || n>>1 > 1<<20 || 4+size == len(raw) {
		return place{}, false
	}
	return place{position: store.Position(raw[4+size:]), index: int(n >> 1), last: n&1 == 1}, true
}
