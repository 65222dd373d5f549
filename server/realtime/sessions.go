package realtime

import "sync"

// ProgramPrefix stands before the name of an access key, where it is who a program
// is: names of users hold no colon.
const ProgramPrefix = "key:"

// Credential is the document by which somebody was let in: of a session or of an
// access key. When it is deleted, so are the rights that it gave. The zero value
// is none.
type Credential struct{ Collection, ID string }

// sessions are the sockets of this node.
type sessions struct {
	mu  sync.Mutex
	all map[*session]struct{}
	by  map[Credential]map[*session]struct{}
}

func newSessions() *sessions {
	return &sessions{all: map[*session]struct{}{}, by: map[Credential]map[*session]struct{}{}}
}

func (ss *sessions) add(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.all[s] = struct{}{}
	if c := s.peer.Credential; c != (Credential{}) {
		if ss.by[c] == nil {
			ss.by[c] = map[*session]struct{}{}
		}
		ss.by[c][s] = struct{}{}
	}
}

func (ss *sessions) remove(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.all, s)
	c := s.peer.Credential
	if delete(ss.by[c], s); len(ss.by[c]) == 0 {
		delete(ss.by, c)
	}
}

func (ss *sessions) count() int {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return len(ss.all)
}

// list is all of them.
func (ss *sessions) list() []*session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	list := make([]*session, 0, len(ss.all))
	for s := range ss.all {
		list = append(list, s)
	}
	return list
}

// with are those that were let in by a credential.
func (ss *sessions) with(c Credential) []*session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	list := make([]*session, 0, len(ss.by[c]))
	for s := range ss.by[c] {
		list = append(list, s)
	}
	return list
}
