package mongo

import (
	"context"
	"sync"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A mark is a place at which a feed had seen all there was, kept so that the
// store can say how far back it reaches: MongoDB does not tell the oldest token
// that it accepts.
type mark struct {
	at   time.Time
	from bson.Raw
}

// marks are kept a minute apart, the oldest first.
type marks struct {
	mu   sync.Mutex
	list []mark
}

const (
	markEvery = time.Minute
	maxMarks  = 2 * 24 * 60
)

// note keeps a place, unless the last one that is kept is young.
func (m *marks) note(token bson.Raw) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.list); n > 0 && time.Since(m.list[n-1].at) < markEvery || token == nil {
		return
	}
	m.list = append(m.list, mark{time.Now(), token})
	if len(m.list) > maxMarks { // every second one is enough for so long a time
		thinned := m.list[:0]
		for i := 0; i < len(m.list); i += 2 {
			thinned = append(thinned, m.list[i])
		}
		clear(m.list[len(thinned):])
		m.list = thinned
	}
}

func (m *marks) oldest() bson.Raw {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.list) == 0 {
		return nil
	}
	return m.list[0].from
}

// drop forgets a place that the server no longer accepts, and the older half of
// the others: those will hardly be better.
func (m *marks) drop(token bson.Raw) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.list) > 0 && string(m.list[0].from) == string(token) {
		m.list = append([]mark(nil), m.list[(len(m.list)+1)/2:]...)
	}
}

// Oldest implements store.Store. Where the number of changes does not matter it
// is the oldest place that this process came past and that the server still
// accepts; with a bound on them it is now, since nobody has counted.
func (s *Store) Oldest(ctx context.Context, within int) (store.Position, error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	if !s.checked.Load() {
		return "", errUnmet
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for within == 0 {
		token := s.marks.oldest()
		if token == nil {
			break
		}
		err := s.reached(ctx, token)
		if err == nil {
			return s.position(place{token: token}), nil
		}
		if !noPlace(err) {
			return "", s.fault(err, false)
		}
		s.marks.drop(token)
	}
	st := s.newStream(nil)
	if err := st.open(ctx, nil); err != nil {
		return "", s.fault(err, false)
	}
	defer st.close()
	s.marks.note(st.from)
	return s.position(place{token: st.from}), nil
}
