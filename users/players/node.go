package players

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// node is this process, as the others know of it: while its lease lasts, the
// sockets that it has written down are open.
type node struct {
	id         string
	registered chan struct{} // closed when the lease was written once

	mu      sync.Mutex
	open    map[string]socket
	leaving []socket          // closed, and not written down yet
	lost    map[string]socket // open, and no longer written down: another node has buried this one
	wake    chan struct{}     // something is leaving, or a channel is to be swept
}

func newNode() *node {
	return &node{id: uuid.NewString(), registered: make(chan struct{}), open: map[string]socket{}, lost: map[string]socket{}, wake: make(chan struct{}, 1)}
}

func (n *node) hold(s socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[s.ID] = s
}

func (n *node) holds(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, held := n.open[id]
	return held
}

// leave notes that a socket was closed.
func (n *node) leave(s socket) {
	n.mu.Lock()
	delete(n.open, s.ID)
	delete(n.lost, s.ID)
	s.Left = moment(time.Now())
	n.leaving = append(n.leaving, s)
	n.mu.Unlock()
	n.rouse()
}

// rouse has Run look for what is to be done.
func (n *node) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// left returns those that have left, and forgets them.
func (n *node) left() []socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.leaving
	n.leaving = nil
	return list
}

// lose notes that nothing that this node has written down is there any more.
func (n *node) lose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, s := range n.open {
		n.lost[id] = s
	}
}

// missing are those that are to be written down anew.
func (n *node) missing() []socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]socket, 0, len(n.lost))
	for _, s := range n.lost {
		list = append(list, s)
	}
	return list
}

// found notes that a socket is written down.
func (n *node) found(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.lost, id)
}
