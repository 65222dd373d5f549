package updates

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"sync"

	"gatehouse/server/socketio"
)

// maxSubscriptions is how many characters one socket can be subscribed to. One
// that wants more is ended: its client comes back, and has to read afresh.
const maxSubscriptions = 20_000

// subscriber is a socket with its token. Its keys belong to the book.
type subscriber struct {
	socket *socketio.Socket
	token  string
	keys   map[string]struct{}
}

func newSubscriber(s *socketio.Socket, token string) *subscriber {
	return &subscriber{socket: s, token: token}
}

var tokenPattern = regexp.MustCompile(`^[a-z2-7]{32}$`)

func plausible(token string) bool { return tokenPattern.MatchString(token) }

// digest is what stands for a token in the store.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:20])
}

// book knows which sockets of this node want to hear of which characters.
type book struct {
	mu      sync.Mutex
	byToken map[string]*subscriber // by digest
	byKey   map[string]map[*subscriber]struct{}
}

func newBook() *book {
	return &book{byToken: map[string]*subscriber{}, byKey: map[string]map[*subscriber]struct{}{}}
}

func (b *book) add(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byToken[digest(s.token)] = s
}

func (b *book) remove(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byToken, digest(s.token))
	for key := range s.keys {
		b.drop(key, s)
	}
	s.keys = nil
}

// drop takes a subscription away. The caller holds mu.
func (b *book) drop(key string, s *subscriber) {
	delete(b.byKey[key], s)
	if len(b.byKey[key]) == 0 {
		delete(b.byKey, key)
	}
}

// subscribe notes a subscription, where the token is of a socket of this node. A
// socket that has as many as it can have is returned.
func (b *book) subscribe(token, key string) (full *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.byToken[token]
	if s == nil {
		return nil
	}
	if s.keys == nil {
		s.keys = map[string]struct{}{}
	}
	if len(s.keys) >= maxSubscriptions {
		return s
	}
	s.keys[key] = struct{}{}
	if b.byKey[key] == nil {
		b.byKey[key] = map[*subscriber]struct{}{}
	}
	b.byKey[key][s] = struct{}{}
	return nil
}

// take returns the subscribers of a character, who are so no longer.
func (b *book) take(key string) []*subscriber {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*subscriber, 0, len(b.byKey[key]))
	for s := range b.byKey[key] {
		delete(s.keys, key)
		all = append(all, s)
	}
	delete(b.byKey, key)
	return all
}

// each calls f for every socket.
func (b *book) each(f func(*subscriber)) {
	b.mu.Lock()
	all := make([]*subscriber, 0, len(b.byToken))
	for _, s := range b.byToken {
		all = append(all, s)
	}
	b.mu.Unlock()
	for _, s := range all {
		f(s)
	}
}
