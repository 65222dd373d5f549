package players

import (
	"slices"
	"testing"

	"gatehouse/users/players"
)

// Who is told is who is a member where the feed stands, whenever memberships were
// read.
func TestBook(t *testing.T) {
	b := newBook()
	one, two, other := &session{}, &session{}, &session{}
	change := func(channel, alias int32, in bool) {
		b.changed(players.Membership{Channel: channel, Alias: alias, In: in})
	}
	check := func(what string, channel int32, want ...*session) {
		t.Helper()
		got := b.inChannel(channel)
		if len(got) != len(want) {
			t.Errorf("%s: %d sockets, want %d", what, len(got), len(want))
			return
		}
		for _, s := range want {
			if !slices.Contains(got, s) {
				t.Errorf("%s: one is missing", what)
			}
		}
	}

	change(1, 7, true) // nobody speaks for it
	seven := b.begin(7, one)
	change(2, 7, true)
	change(3, 7, false)
	b.read(seven, 7, []int32{1, 3, 4}) // 3 was read before it was left
	check("as it was read", 1, one)
	check("joined meanwhile", 2, one)
	check("left meanwhile", 3)
	check("as it was read", 4, one)

	seven = b.begin(7, two)
	check("two sockets", 1, one, two)
	change(1, 7, false)
	b.read(seven, 7, []int32{1, 2, 4}) // 1 as it was
	check("left while the other reads", 1)
	check("the others stay", 2, one, two)
	change(1, 7, true)
	check("back", 1, one, two)

	b.read(b.begin(8, other), 8, []int32{1})
	check("two aliases", 1, one, two, other)
	b.end(7, one)
	check("a socket less", 1, two, other)
	b.end(7, two)
	b.end(7, two)
	check("an alias less", 1, other)
	check("an alias less", 4)
	b.read(seven, 7, []int32{4}) // too late
	check("nobody speaks for it", 4)
	next := b.begin(7, one)
	b.read(seven, 7, []int32{4}) // too late, and of those before
	check("another speaks for it", 4)
	b.read(next, 7, nil)
	b.end(7, one)
	if got := b.of([]int32{7, 8, 9}); len(got) != 1 || got[0] != other {
		t.Errorf("%v", got)
	}
	b.end(8, other)
	if len(b.aliases) != 0 || len(b.members) != 0 {
		t.Errorf("%v and %v are left", b.aliases, b.members)
	}
}
