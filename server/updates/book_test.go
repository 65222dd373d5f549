package updates

import (
	"strconv"
	"sync"
	"testing"
)

// in is a subscriber that the book knows.
func in(b *book) (*subscriber, string) {
	s := newSubscriber(nil, newToken())
	b.add(s)
	return s, digest(s.token)
}

func wantTaken(t *testing.T, b *book, key string, want ...*subscriber) {
	t.Helper()
	got := map[*subscriber]bool{}
	for _, s := range b.take(key) {
		if got[s] {
			t.Errorf("%s: one subscriber is there twice", key)
		}
		got[s] = true
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d subscribers, want %d", key, len(got), len(want))
	}
	for _, s := range want {
		if !got[s] {
			t.Errorf("%s: a subscriber is missing", key)
		}
	}
}

func TestBook(t *testing.T) {
	t.Parallel()
	b := newBook()
	one, first := in(b)
	two, second := in(b)
	for _, token := range []string{first, first, second, "unknown", one.token, ""} {
		if b.subscribe(token, "omega/selena") != nil {
			t.Error("it is full")
		}
	}
	b.subscribe(first, "omega/luna")
	wantTaken(t, b, "omega/nobody")
	wantTaken(t, b, "omega/selena", one, two)
	wantTaken(t, b, "omega/selena")
	b.subscribe(second, "omega/luna")
	b.remove(one)
	b.remove(one)
	b.subscribe(first, "omega/luna")
	wantTaken(t, b, "omega/luna", two)
	b.remove(two)
	if len(b.byKey) != 0 || len(b.byToken) != 0 || len(one.keys) != 0 || len(two.keys) != 0 {
		t.Errorf("the book still holds %d keys and %d tokens", len(b.byKey), len(b.byToken))
	}
}

func TestBookEach(t *testing.T) {
	t.Parallel()
	b := newBook()
	one, _ := in(b)
	two, _ := in(b)
	seen := map[*subscriber]int{}
	b.each(func(s *subscriber) {
		seen[s]++
		b.remove(s) // as a socket does that is closed
	})
	if seen[one] != 1 || seen[two] != 1 || len(seen) != 2 {
		t.Errorf("%v", seen)
	}
}

// A subscriber can be full; it is the same again when it has been told.
func TestBookFull(t *testing.T) {
	t.Parallel()
	b := newBook()
	s, token := in(b)
	for i := range maxSubscriptions {
		if b.subscribe(token, strconv.Itoa(i)) != nil {
			t.Fatalf("it is full with %d", i)
		}
	}
	if b.subscribe(token, "one more") != s {
		t.Error("it is not full")
	}
	wantTaken(t, b, "one more")
	wantTaken(t, b, "7", s)
	if b.subscribe(token, "one more") != nil {
		t.Error("it is full without one")
	}
}

// Whatever happens at once, each subscription is taken at most once, and nothing
// is left of who has gone.
func TestBookAtOnce(t *testing.T) {
	t.Parallel()
	b := newBook()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				s, token := in(b)
				for key := range 10 {
					b.subscribe(token, strconv.Itoa(key))
				}
				b.take("3")
				b.each(func(*subscriber) {})
				b.remove(s)
			}
		})
	}
	all.Wait()
	if len(b.byKey) != 0 || len(b.byToken) != 0 {
		t.Errorf("the book still holds %d keys and %d tokens", len(b.byKey), len(b.byToken))
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		token := newToken()
		if len(token) != 32 || !plausible(token) || seen[token] || digest(token) == token {
			t.Fatalf("the token %q", token)
		}
		seen[token] = true
	}
	for _, token := range []string{"", "a", newToken()[:31], newToken() + "a", newToken()[:31] + "A", newToken()[:31] + "1", newToken()[:31] + "\n", "\n" + newToken()[:31], newToken() + "\n"} {
		if plausible(token) {
			t.Errorf("%q is taken for a token", token)
		}
	}
}
