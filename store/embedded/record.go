package embedded

import (
	"encoding/binary"
	"fmt"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A record is a change in the log:
//
//	time (8 bytes, milliseconds) · operation (1 byte) · collection · before ·
//	after · fields (a number of them, then each)
//
// Everything of variable length has its length, a uvarint, in front.

// The operations as they stand in the file; only ever added to.
var opCodes = map[store.Op]byte{store.OpInsert: 1, store.OpUpdate: 2, store.OpDelete: 3}

var opOf = [...]store.Op{1: store.OpInsert, 2: store.OpUpdate, 3: store.OpDelete}

// change is what a write did, masked, before it has a place in the log.
type change struct {
	collection    string
	op            store.Op
	before, after bson.Raw
	fields        []string
}

// encode returns the record of the change.
func (c *change) encode(now time.Time) []byte {
	size := 9 + 4*binary.MaxVarintLen32 + len(c.collection) + len(c.before) + len(c.after)
	for _, f := range c.fields {
		size += binary.MaxVarintLen32 + len(f)
	}
	b := make([]byte, 0, size)
	b = binary.BigEndian.AppendUint64(b, uint64(now.UnixMilli()))
	b = append(b, opCodes[c.op])
	b = appendSized(b, c.collection)
	b = appendSized(b, c.before)
	b = appendSized(b, c.after)
	b = binary.AppendUvarint(b, uint64(len(c.fields)))
	for _, f := range c.fields {
		b = appendSized(b, f)
	}
	return b
}

func appendSized[T ~string | ~[]byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// recordTime is when a record was written.
func recordTime(record []byte) time.Time {
	if len(record) < 8 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(record))).UTC()
}

// recordCollection is the name of the record's collection, part of the record.
func recordCollection(record []byte) []byte {
	if len(record) < 9 {
		return nil
	}
	name, _, _ := cutSized(record[9:])
	return name
}

// decode returns the change of a record, which it refers to: nobody may write
// to it, and it must stay.
func decode(record []byte, collection string, at store.Position) (store.Change, error) {
	bad := fmt.Errorf("a change in the log can not be read: %w", ErrDamaged)
	if len(record) < 9 || record[8] == 0 || int(record[8]) >= len(opOf) {
		return store.Change{}, bad
	}
	c := store.Change{Collection: collection, Op: opOf[record[8]], Position: at, Time: recordTime(record)}
	_, rest, ok1 := cutSized(record[9:])
	before, rest, ok2 := cutSized(rest)
	after, rest, ok3 := cutSized(rest)
	n, width := binary.Uvarint(rest)
	if !ok1 || !ok2 || !ok3 || width <= 0 || n > uint64(len(rest)) {
		return store.Change{}, bad
	}
	rest = rest[width:]
	if n > 0 {
		c.Fields = make([]string, n)
	}
	for i := range c.Fields {
		field, tail, ok := cutSized(rest)
		if !ok {
			return store.Change{}, bad
		}
		c.Fields[i], rest = string(field), tail
	}
	if len(before) > 0 {
		c.Before = before
	}
	doc := bson.Raw(before)
	if len(after) > 0 {
		c.After, doc = after, after
	}
	var err error
	if c.ID, err = doc.LookupErr("_id"); err != nil {
		return store.Change{}, bad
	}
	return c, nil
}

func cutSized(b []byte) (value, rest []byte, ok bool) {
	n, width := binary.Uvarint(b)
	if width <= 0 || n > uint64(len(b)-width) {
		return nil, nil, false
	}
	end := width + int(n)
	return b[width:end:end], b[end:], true
}
