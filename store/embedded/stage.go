package embedded

import "go.etcd.io/bbolt"

// stage holds what one call wants to write until it is known that nothing
// refuses it, so that a refused call leaves the transaction, which it shares
// with others, as it was. Reads see what was staged.
type stage struct {
	tx      *bbolt.Tx
	buckets map[string]*stagedBucket
	touched []*stagedBucket
}

type stagedBucket struct {
	bucket *bbolt.Bucket
	values map[string][]byte // nil: to be deleted
}

// begin makes the stage ready for a transaction.
func (s *stage) begin(tx *bbolt.Tx) {
	s.tx = tx
	s.discard()
	if s.buckets == nil {
		s.buckets = make(map[string]*stagedBucket)
	}
	for _, b := range s.buckets {
		b.bucket = nil
	}
}

func (s *stage) open(name string) *stagedBucket {
	b := s.buckets[name]
	if b == nil {
		b = &stagedBucket{values: make(map[string][]byte)}
		s.buckets[name] = b
	}
	if b.bucket == nil {
		if b.bucket = s.tx.Bucket([]byte(name)); b.bucket == nil {
			panic("bucket " + name + " is missing") // guard makes it an error
		}
	}
	return b
}

// get returns nil where there is nothing.
func (s *stage) get(bucket string, key []byte) []byte {
	b := s.open(bucket)
	if v, ok := b.values[string(key)]; ok {
		return v
	}
	return b.bucket.Get(key)
}

// put stages a value, which must stay as it is until the commit.
func (s *stage) put(bucket string, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	s.set(bucket, key, value)
}

func (s *stage) delete(bucket string, key []byte) { s.set(bucket, key, nil) }

func (s *stage) set(bucket string, key, value []byte) {
	b := s.open(bucket)
	if len(b.values) == 0 {
		s.touched = append(s.touched, b)
	}
	b.values[string(key)] = value
}

// flush writes what was staged to the transaction. After an error the
// transaction must be given up.
func (s *stage) flush() error {
	for _, b := range s.touched {
		for key, value := range b.values {
			var err error
			if value == nil {
				err = b.bucket.Delete([]byte(key))
			} else {
				err = b.bucket.Put([]byte(key), value)
			}
			if err != nil {
				return err
			}
		}
	}
	s.discard()
	return nil
}

// discard forgets what was staged.
func (s *stage) discard() {
	for _, b := range s.touched {
		if len(b.values) > 64 {
			b.values = make(map[string][]byte) // to clear a map costs what it once held
		} else {
			clear(b.values)
		}
	}
	s.touched = s.touched[:0]
}
