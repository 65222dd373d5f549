package events

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"gatehouse/store"
)

// Defaults of [Options].
const (
	DefaultHistory      = 10_000
	DefaultHistoryBytes = 64 << 20
)

// Options for [NewLog].
type Options struct {
	Store store.Store
	Rules *Rules

	// Frame makes a frame of a payload, which it ends with.
	Frame func(payload []byte) []byte

	// History is how many events are kept in memory, HistoryBytes how many
	// bytes of them; 0 is the default.
	History, HistoryBytes int

	// Logger hears when the feed is lost and found.
	Logger *slog.Logger
}

// Log holds the last events in memory, in their order, and reads older ones back
// from the store. It is fed by [Log.Run].
type Log struct {
	store  store.Store
	frame  func([]byte) []byte
	logger *slog.Logger
	rules  atomic.Pointer[Rules]
	canary *canary

	maxEntries, maxBytes int

	mu      sync.Mutex
	entries []*Entry // the last ones; entries[i].Seq == first+i
	first   uint64
	bytes   int
	changed chan struct{} // closed and replaced when entries are added
	room    *sync.Cond    // a follower moved on
	behind  map[*Follower]struct{}
	closed  bool

	// places tells behind which entry a change of the feed stands, so that an
	// id, or a reader of the store, finds its way into memory; also of the
	// last changes that meant nothing.
	places  map[store.Position]uint64
	order   []store.Position
	current store.Position
	reopen  chan struct{} // the rules have changed
	open    atomic.Bool   // the feed is open
}

// ErrHistoryLost says that neither memory nor the store reaches back to an id, or
// that it is no id of this deployment.
var ErrHistoryLost = errors.New("the history does not reach back to this id")

// NewLog makes a log, to be fed by Run.
func NewLog(o Options) *Log {
	l := &Log{
		store:      o.Store,
		frame:      o.Frame,
		logger:     o.Logger,
		canary:     newCanary(),
		maxEntries: o.History,
		maxBytes:   o.HistoryBytes,
		first:      1,
		changed:    make(chan struct{}),
		behind:     map[*Follower]struct{}{},
		places:     map[store.Position]uint64{},
		reopen:     make(chan struct{}, 1),
	}
	if l.maxEntries <= 0 {
		l.maxEntries = DefaultHistory
	}
	if l.maxBytes <= 0 {
		l.maxBytes = DefaultHistoryBytes
	}
	l.room = sync.NewCond(&l.mu)
	l.rules.Store(o.Rules)
	return l
}

// SetRules replaces the rules for the changes that come from now on.
func (l *Log) SetRules(r *Rules) {
	l.rules.Store(r)
	select {
	case l.reopen <- struct{}{}:
	default:
	}
}

// Rules are those in force.
func (l *Log) Rules() *Rules { return l.rules.Load() }

// Head is the Seq of the last entry: a place to follow the log from.
func (l *Log) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head()
}

func (l *Log) head() uint64 { return l.first + uint64(len(l.entries)) - 1 }

// Changed returns a channel that is closed when the next entry is added. Take it
// before looking at the log, and wait for it after.
func (l *Log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// After returns the entries behind this Seq that are in memory, and false where
// memory no longer reaches back to it. At most max entries, or all if it is 0.
func (l *Log) After(seq uint64, max int) ([]*Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq+1 < l.first || seq > l.head() {
		return nil, false
	}
	es := l.entries[seq+1-l.first:]
	if max > 0 && len(es) > max {
		es = es[:max]
	}
	return append([]*Entry(nil), es...), true
}

// Newest returns the last entries of memory that the filter wants, at most max of
// them and about so many bytes, in order, and an id that stands for now.
func (l *Log) Newest(f Filter, max, bytes int) (es []*Entry, here string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.entries) - 1; i >= 0 && len(es) < max && bytes > 0; i-- {
		if e := l.entries[i]; e.Type != Error && f.Match(e) {
			es = append(es, e)
			bytes -= len(e.JSON)
		}
	}
	for i, j := 0, len(es)-1; i < j; i, j = i+1, j-1 {
		es[i], es[j] = es[j], es[i]
	}
	return es, l.here()
}

// Here is an id that stands for now: what comes after it has not happened yet,
// as far as this log knows.
func (l *Log) Here() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.here()
}

func (l *Log) here() string { return place{position: l.current, last: true}.String() }

// Oldest is an id as far back as can be told, which works as a place to read
// from.
func (l *Log) Oldest(ctx context.Context) string {
	p, err := l.store.Oldest(ctx, 0)
	if err != nil {
		return l.Here()
	}
	return place{position: p, last: true}.String()
}

// add appends what a stretch of changes meant. It waits while a follower is so
// far behind that the memory it still needs would grow over the bounds: the
// store keeps what is not read yet.
func (l *Log) add(cs []store.Change, at store.Position) {
	rules := l.rules.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	grown := false
	for _, c := range cs {
		for _, e := range rules.events(c) {
			l.append(entry(e, l.frame))
			grown = true
		}
		l.remember(c.Position)
	}
	l.remember(at)
	l.trim()
	if grown {
		l.announceGrowth()
	}
	for !l.closed && l.tooFarAhead() {
		l.room.Wait()
		l.trim()
	}
}

// tooFarAhead reports whether what followers have yet to take is more than
// memory should hold.
func (l *Log) tooFarAhead() bool {
	lag := l.head() - l.slowest()
	return lag > uint64(l.maxEntries/2) || lag > 0 && l.bytes > l.maxBytes
}

func (l *Log) append(e *Entry) {
	e.Seq = l.head() + 1
	l.entries = append(l.entries, e)
	l.bytes += len(e.Frame)
}

func (l *Log) announceGrowth() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// remember notes that the log has come to this place of the feed.
func (l *Log) remember(p store.Position) {
	if p == l.current {
		return
	}
	l.current = p
	if _, known := l.places[p]; !known {
		l.order = append(l.order, p)
	}
	l.places[p] = l.head()
}

// trim drops what memory has no room for, but nothing that a follower still has
// to take.
func (l *Log) trim() {
	drop := 0
	for taken := l.slowest() + 1 - l.first; uint64(drop) < taken; drop++ {
		left := len(l.entries) - drop
		if left <= l.maxEntries && (l.bytes <= l.maxBytes || left == 1) {
			break
		}
		l.bytes -= len(l.entries[drop].Frame)
	}
	if drop > 0 {
		clear(l.entries[:drop]) // the array may live on for a while
		l.entries = l.entries[drop:]
		l.first += uint64(drop)
	}
	// A place in front of memory is of no more use. Of places that meant
	// nothing there may be more than entries; they are bounded too.
	n := 0
	for n < len(l.order)-1 && (l.places[l.order[n]]+1 < l.first || len(l.order)-n > 2*l.maxEntries) {
		delete(l.places, l.order[n])
		n++
	}
	l.order = l.order[n:]
}

// gap enters that a stretch of the feed was lost, and that the log goes on from
// this position.
func (l *Log) gap(from string, at store.Position) {
	to := place{position: at, last: true}.String()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remember(at)
	l.append(entry(Event{Type: Error, Body: LostBody(to, from)}, l.frame))
	l.places[at] = l.head()
	l.trim()
	l.announceGrowth()
}

// LostBody is the body of the [Error] event that says that history was lost:
// oldest is an id that works as since, from (if not empty) the last one before
// the gap.
func LostBody(oldest, from string) []byte {
	ps := []property{
		{"code", "HISTORY_LOST"},
		{"error", "the history does not reach back to that id; some events were missed, so read afresh what you keep"},
		{"oldest", oldest},
	}
	if from != "" {
		ps = append(ps, property{"from", from})
	}
	return body(ps...)
}

// find tells behind which entry of memory an id stands.
func (l *Log) find(p place, id string) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, ok := l.places[p.position]
	if !ok {
		return 0, false
	}
	if p.last {
		return seq, seq+1 >= l.first
	}
	for ; seq >= l.first; seq-- {
		e := l.entries[seq-l.first]
		if e.ID == id {
			return seq, true
		}
		if other, ok := parseID(e.ID); !ok || other.position != p.position {
			break // the change has no such event
		}
	}
	return 0, false
}
