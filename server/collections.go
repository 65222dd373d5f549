package server

import (
	"slices"

	"gatehouse/events"
	"gatehouse/server/updates"
	"gatehouse/store"
	"gatehouse/users"
	"gatehouse/users/keys"
	"gatehouse/users/mail"
	"gatehouse/users/players"
	"gatehouse/users/profiles"
	"gatehouse/users/resources"
)

// Collections are what the server keeps in the store, and what these rules look
// at.
func Collections(rules ...events.Rule) []store.Collection {
	var names []string
	for _, r := range rules {
		names = append(names, r.Collection)
	}
	slices.Sort(names)
	return append(own(), foreign(slices.Compact(names))...)
}

// own are the collections that the server keeps in the store.
func own() []store.Collection {
	return slices.Concat(events.Collections(), users.Collections(), updates.Collections(), resources.Collections(), players.Collections(), []store.Collection{keys.Collection(), mail.Collection()})
}

// owned is what goes with a user who is deleted.
func owned() []users.Owned {
	all := []users.Owned{{Collection: profiles.Name, Field: "owner"}}
	for _, c := range resources.Collections() {
		for _, i := range c.Indexes {
			if slices.Equal(i.Fields, []string{resources.OwnerField}) {
				all = append(all, users.Owned{Collection: c.Name, Field: resources.OwnerField})
			}
		}
	}
	return all
}

// foreign declares the collections of these names that are not the server's own:
// they belong to other programs.
func foreign(names []string) (more []store.Collection) {
	ours := own()
	for _, name := range names {
		if !slices.ContainsFunc(ours, func(c store.Collection) bool { return c.Name == name }) {
			more = append(more, store.Collection{Name: name, Foreign: true})
		}
	}
	return more
}

// open reports whether anybody with the right key may write the documents of a
// collection: of all those that rules look at, those that are not the server's
// own, the two that the original server's other parts write, and resources.
func (s *Server) open(collection string) bool {
	if !slices.Contains(s.log.Rules().Collections(), collection) {
		return false
	}
	return len(foreign([]string{collection})) > 0 || collection == events.Files || collection == events.Buckets || slices.Contains(resources.Names(), collection)
}
