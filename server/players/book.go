package players

import (
	"sync"

	"gatehouse/users/players"
)

// book knows for which aliases sockets of this node speak, and which channels
// those are in. It follows the feed, so that at each place of it the same members
// are told on all nodes.
type book struct {
	mu      sync.Mutex
	aliases map[int32]*spoken
	members map[int32]map[int32]struct{} // channel → aliases
}

// spoken is an alias with its sockets.
type spoken struct {
	sessions map[*session]struct{}
	channels map[int32]bool // false: it has left; only while the first are read
	reading  int            // how many read which channels it is in
}

func newBook() *book {
	return &book{aliases: map[int32]*spoken{}, members: map[int32]map[int32]struct{}{}}
}

// begin lets a socket speak for an alias: from now on its changes are noted. Read
// follows, with what is returned.
func (b *book) begin(alias int32, s *session) *spoken {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.aliases[alias]
	if one == nil {
		one = &spoken{sessions: map[*session]struct{}{}, channels: map[int32]bool{}}
		b.aliases[alias] = one
	}
	one.sessions[s] = struct{}{}
	one.reading++
	return one
}

// read notes which channels an alias is in, as they were read after begin. What the
// feed has shown meanwhile is newer.
func (b *book) read(one *spoken, alias int32, channels []int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.aliases[alias] != one {
		return // all its sockets have gone, and what was read with them
	}
	for _, c := range channels {
		if _, known := one.channels[c]; !known {
			b.enter(one, alias, c)
		}
	}
	if one.reading--; one.reading == 0 {
		for c, in := range one.channels {
			if !in {
				delete(one.channels, c)
			}
		}
	}
}

func (b *book) enter(one *spoken, alias, channel int32) {
	one.channels[channel] = true
	if b.members[channel] == nil {
		b.members[channel] = map[int32]struct{}{}
	}
	b.members[channel][alias] = struct{}{}
}

func (b *book) leave(alias, channel int32) {
	delete(b.members[channel], alias)
	if len(b.members[channel]) == 0 {
		delete(b.members, channel)
	}
}

// changed notes a change of membership that the feed has shown.
func (b *book) changed(m players.Membership) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.aliases[m.Alias]
	switch {
	case one == nil: // no socket of this node speaks for it
	case m.In:
		b.enter(one, m.Alias, m.Channel)
	case one.reading > 0:
		one.channels[m.Channel] = false
		b.leave(m.Alias, m.Channel)
	default:
		delete(one.channels, m.Channel)
		b.leave(m.Alias, m.Channel)
	}
}

// end takes a socket from an alias.
func (b *book) end(alias int32, s *session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := b.aliases[alias]
	if one == nil {
		return
	}
	if delete(one.sessions, s); len(one.sessions) > 0 {
		return
	}
	for c := range one.channels {
		b.leave(alias, c)
	}
	delete(b.aliases, alias)
}

// inChannel are the sockets of the members of a channel.
func (b *book) inChannel(channel int32) (list []*session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for alias := range b.members[channel] {
		for s := range b.aliases[alias].sessions {
			list = append(list, s)
		}
	}
	return list
}

// of are the sockets of some aliases.
func (b *book) of(aliases []int32) (list []*session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, alias := range aliases {
		if one := b.aliases[alias]; one != nil {
			for s := range one.sessions {
				list = append(list, s)
			}
		}
	}
	return list
}
