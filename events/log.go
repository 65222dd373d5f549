package events

import (
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

	// StopAtGap ends Run with [ErrGap] where events were lost. Otherwise it
	// goes on from now; either way everybody is told.
	StopAtGap bool

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
	stopAtGap            bool
	beginOnce            sync.Once // closes begun

	mu      sync.Mutex
	window                 // memory: the last entries; their numbers are their Seq
	current store.Position // of the feed, to which memory has come
	changed chan struct{}  // closed and replaced when entries are added
	room    *sync.Cond     // a follower moved on
	behind  map[*Follower]struct{}
	closed  bool

	reopen chan struct{} // the rules have changed
	begun  chan struct{} // closed when the feed was open for the first time
	open   atomic.Bool   // the feed is open, and the past was read
	nudged chan struct{} // somebody needs a sign of life in the feed

	pasts  pasts
	oldest oldest
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
		window:     newWindow(),
		changed:    make(chan struct{}),
		behind:     map[*Follower]struct{}{},
		reopen:     make(chan struct{}, 1),
		begun:      make(chan struct{}),
		nudged:     make(chan struct{}, 1),
		oldest:     oldest{turn: make(chan struct{}, 1)},
		stopAtGap:  o.StopAtGap,
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
	return l.after(seq, max)
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

// Begun returns a channel that is closed when the feed was opened for the first
// time and memory was filled with what it begins with. Who asks for what comes
// next misses nothing from then on, and is not shown the past as news.
func (l *Log) Begun() <-chan struct{} { return l.begun }

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
	l.window.append(e)
}

func (l *Log) announceGrowth() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// remember notes that the log has come to this place of the feed.
func (l *Log) remember(p store.Position) {
	if p != l.current {
		l.current = p
		l.window.remember(p)
	}
}

// trim drops what memory has no room for, but nothing that a follower still has
// to take.
func (l *Log) trim() { l.window.trim(l.maxEntries, l.maxBytes, l.slowest()) }

// gap enters that what came behind the last change was lost, and that the log
// goes on from this position; from and to are the ids that say so.
func (l *Log) gap(at store.Position) (from, to string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = l.here()
	l.append(entry(Event{Type: Error, Body: LostBody(place{position: at, last: true}.String(), from)}, l.frame))
	l.current = at
	l.window.remember(at) // also where it is the same: who comes back to it was told
	l.trim()
	l.announceGrowth()
	return from, l.here()
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
	return l.window.find(p, id)
}

// reaches reports whether memory holds all entries behind this Seq.
func (l *Log) reaches(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holds(seq)
}
