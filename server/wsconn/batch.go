package wsconn

// Batch is one or more complete frames in one buffer, to be written to any
// number of connections. It is immutable once it was sent.
type Batch struct {
	bytes []byte
	marks []mark
}

// mark says where a frame ends, and which event it was.
type mark struct {
	end int
	id  string
}

// NewBatch returns a batch of one frame, which it keeps. An id names the event
// that the frame carries; empty for any other frame.
func NewBatch(frame []byte, id string) *Batch {
	return &Batch{bytes: frame, marks: []mark{{len(frame), id}}}
}

// MakeBatch returns an empty batch with room for this many bytes and frames.
func MakeBatch(bytes, frames int) *Batch {
	return &Batch{bytes: make([]byte, 0, bytes), marks: make([]mark, 0, frames)}
}

// Append adds a copy of one complete frame.
func (b *Batch) Append(frame []byte, id string) {
	b.bytes = append(b.bytes, frame...)
	b.marks = append(b.marks, mark{len(b.bytes), id})
}

// Len is the number of bytes.
func (b *Batch) Len() int { return len(b.bytes) }

// String is the bytes of the frames, for people and tests.
func (b *Batch) String() string { return string(b.bytes) }

// lastID is the id of the last event that ends within the first n bytes.
func (b *Batch) lastID(n int) string {
	for i := len(b.marks) - 1; i >= 0; i-- {
		if m := b.marks[i]; m.end <= n && m.id != "" {
			return m.id
		}
	}
	return ""
}

// frameEnd is the end of the frame that the byte at off belongs to, or off
// where a frame begins there: what must still go out once a part of it has.
func (b *Batch) frameEnd(off int) int {
	start := 0
	for _, m := range b.marks {
		if off == start {
			return off
		}
		if off < m.end {
			return m.end
		}
		start = m.end
	}
	return len(b.bytes)
}
