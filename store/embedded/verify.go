package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// bbolt trusts its pages: one that is damaged makes it panic, partly in
// goroutines of its own, which nobody can recover. So the pages are read here
// first, as plain bytes and with every offset checked. What bbolt does at the
// opening of a file reads the same pages, so this at most doubles that time.

const (
	branchPage = 0x01
	leafPage   = 0x02

	pageHeader    = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementHeader = 16
	bucketHeader  = 16 // root uint64, sequence uint64
	bucketFlag    = 0x01
)

// verifier walks the pages of one transaction.
type verifier struct {
	ctx   context.Context
	file  io.ReaderAt
	size  int64 // of a page
	end   uint64
	seen  []bool // by page
	depth int
}

// verify reads every page that tx can reach. It returns [ErrDamaged] with what
// is wrong, or the error of ctx.
func verify(ctx context.Context, tx *bbolt.Tx, file io.ReaderAt, length int64) error {
	size := int64(tx.DB().Info().PageSize)
	if tx.Size() > length {
		return fmt.Errorf("%w (it is cut off: %d bytes of %d are there)", ErrDamaged, length, tx.Size())
	}
	end := uint64(tx.Size() / size)
	v := &verifier{ctx: ctx, file: file, size: size, end: end, seen: make([]bool, end)}
	return v.page(uint64(tx.Cursor().Bucket().Root()), bounds{})
}

func (v *verifier) bad(id uint64, what string) error {
	return fmt.Errorf("%w (page %d %s)", ErrDamaged, id, what)
}

// bounds are the keys that a page may hold: from least on and below limit,
// where they are not nil.
type bounds struct{ least, limit []byte }

func (b bounds) hold(key []byte) bool {
	return len(key) > 0 && bytes.Compare(key, b.least) >= 0 && (b.limit == nil || bytes.Compare(key, b.limit) < 0)
}

// page verifies a page and what is below it.
func (v *verifier) page(id uint64, within bounds) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	if id < 2 || id >= v.end {
		return v.bad(id, "is outside of the file")
	}
	if v.depth++; v.depth > 100 {
		return v.bad(id, "is too deep")
	}
	defer func() { v.depth-- }()

	data := make([]byte, v.size)
	if _, err := v.file.ReadAt(data, int64(id)*v.size); err != nil {
		return fmt.Errorf("%w (page %d: %w)", ErrDamaged, id, err)
	}
	overflow := uint64(binary.LittleEndian.Uint32(data[12:]))
	if binary.LittleEndian.Uint64(data) != id || overflow >= v.end-id {
		return v.bad(id, "is not what it should be")
	}
	for p := id; p <= id+overflow; p++ {
		if v.seen[p] {
			return v.bad(p, "is used twice")
		}
		v.seen[p] = true
	}
	if overflow > 0 { // keys and the headers of buckets may lie there too
		data = make([]byte, int64(overflow+1)*v.size)
		if _, err := v.file.ReadAt(data, int64(id)*v.size); err != nil {
			return fmt.Errorf("%w (page %d: %w)", ErrDamaged, id, err)
		}
	}
	return v.elements(id, data, within)
}

// elements verifies the elements of a page, or of one that is kept inline in
// the page id.
func (v *verifier) elements(id uint64, data []byte, within bounds) error {
	flags, count := binary.LittleEndian.Uint16(data[8:]), int(binary.LittleEndian.Uint16(data[10:]))
	if flags != branchPage && flags != leafPage || pageHeader+count*elementHeader > len(data) {
		return v.bad(id, "is not what it should be")
	}
	if flags == branchPage && count == 0 {
		return v.bad(id, "is empty")
	}
	previous, ok := element{}, false
	for i := range count {
		e, valid := readElement(data[pageHeader+i*elementHeader:], flags)
		if !valid {
			return v.bad(id, "has an element outside of it")
		}
		if !within.hold(e.key) || ok && bytes.Compare(previous.key, e.key) >= 0 {
			return v.bad(id, "is not in order")
		}
		if ok && flags == branchPage { // its bounds are known only now
			if err := v.page(previous.child, bounds{previous.key, e.key}); err != nil {
				return err
			}
		}
		if e.bucket {
			if err := v.bucket(id, e.value); err != nil {
				return err
			}
		}
		previous, ok = e, true
	}
	if flags == branchPage {
		return v.page(previous.child, bounds{previous.key, within.limit})
	}
	return nil
}

// element is one of a page: a key and a value, or a key and the page below.
type element struct {
	key, value []byte
	bucket     bool
	child      uint64
}

// readElement reads the element whose header data begins with; its key and
// value lie behind it.
func readElement(data []byte, flags uint16) (e element, ok bool) {
	number := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(data[at:])) }
	var offset, keySize, valueSize uint64
	if flags == leafPage {
		e.bucket = number(0)&bucketFlag != 0
		offset, keySize, valueSize = number(4), number(8), number(12)
	} else {
		offset, keySize = number(0), number(4)
		e.child = binary.LittleEndian.Uint64(data[8:])
	}
	if offset+keySize+valueSize > uint64(len(data)) {
		return e, false
	}
	e.key, e.value = data[offset:][:keySize], data[offset+keySize:][:valueSize]
	return e, true
}

// bucket verifies a bucket, whose header is an element's value in the page id.
func (v *verifier) bucket(id uint64, header []byte) error {
	if len(header) < bucketHeader {
		return v.bad(id, "has a bucket without a header")
	}
	if root := binary.LittleEndian.Uint64(header); root != 0 {
		return v.page(root, bounds{})
	}
	inline := header[bucketHeader:]
	if len(inline) < pageHeader || binary.LittleEndian.Uint16(inline[8:]) != leafPage {
		return v.bad(id, "has a bucket without a page")
	}
	return v.elements(id, inline, bounds{})
}
