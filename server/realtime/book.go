package realtime

import (
	"sync"

	"gatehouse/store"
	"gatehouse/users/resources"
)

// entry is a resource that somebody on this node is subscribed to.
type entry struct {
	key      resources.Key
	kind     resources.Type
	resource []byte          // as clients name it
	last     resources.State // the newest that the feed has shown, without its data
	members  []*subscription
}

// subscription is one socket's interest in one resource. Its place is the book's,
// the rest the session's.
type subscription struct {
	session *session
	entry   *entry
	last    resources.Version // the newest that the socket was told
	place   int32
	ended   bool
}

// book knows who on this node is subscribed to what.
type book struct {
	mu      sync.Mutex
	entries map[resources.Key]*entry
	count   int
}

func newBook() *book { return &book{entries: map[resources.Key]*entry{}} }

// add notes a subscription of a socket.
func (b *book) add(s *session, r resources.Resource) *subscription {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[r.Key]
	if e == nil {
		e = &entry{key: r.Key, kind: r.Type, resource: name{string(r.Type), r.Name}.json()}
		b.entries[r.Key] = e
	}
	sub := &subscription{session: s, entry: e, place: int32(len(e.members))}
	e.members = append(e.members, sub)
	b.count++
	return sub
}

// remove ends a subscription. It is called once for each.
func (b *book) remove(sub *subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := sub.entry
	last := e.members[len(e.members)-1]
	e.members[sub.place], last.place = last, sub.place
	e.members[len(e.members)-1] = nil
	e.members = e.members[:len(e.members)-1]
	if len(e.members) == 0 {
		delete(b.entries, e.key)
	}
	b.count--
}

// size is the number of subscriptions.
func (b *book) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// told is the newest state that the feed has shown of a resource.
func (b *book) told(e *entry) resources.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.last
}

// seen says what a change means, and who is to be told: nobody, where e is nil.
func (b *book) seen(c store.Change, k resources.Key) (now resources.State, stamp bool, e *entry, to []*subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e = b.entries[k]
	var last resources.State
	if e != nil {
		last = e.last
	}
	now, news, stamp := resources.Seen(c, last)
	if !news || e == nil {
		return now, stamp, nil, nil
	}
	e.last = resources.State{Exists: now.Exists, Version: now.Version}
	return now, stamp, e, append(to, e.members...)
}
