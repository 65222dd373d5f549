package events

// Follower is a reader that must not be left behind: the log does not grow far
// beyond the slowest of them.
type Follower struct {
	l   *Log
	seq uint64
}

// Follow makes a follower that stands at the log's head.
func (l *Log) Follow() *Follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &Follower{l: l, seq: l.head()}
	l.behind[f] = struct{}{}
	return f
}

// Next takes the entries behind those that the follower has taken.
func (f *Follower) Next() []*Entry {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	f.l.room.Broadcast()
	es := append([]*Entry(nil), f.l.entries[f.seq+1-f.l.first:]...)
	f.seq = f.l.head()
	return es
}

// Seq is where the follower stands.
func (f *Follower) Seq() uint64 {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	return f.seq
}

// Close lets the log go on without the follower.
func (f *Follower) Close() {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	delete(f.l.behind, f)
	f.l.room.Broadcast()
}

// slowest is the last entry that every follower has taken.
func (l *Log) slowest() uint64 {
	slowest := l.head()
	for f := range l.behind {
		slowest = min(slowest, f.seq)
	}
	return slowest
}
