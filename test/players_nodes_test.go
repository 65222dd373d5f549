package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Players over several nodes.

func TestPlayersOverNodes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	nodes := threeNodes(t, d, nil)
	g := gameOf(t, nodes[0])
	games := []*games{g, g.at(t, nodes[1]), g.at(t, nodes[2])}
	oneTicket(t, g, nodes[1])
	spare := func(name string) { // a key takes only so many requests in a minute
		for _, one := range games {
			one.holder = &person{t, one.srv, games[0].holder.headers, ""}
		}
		holder := nodes[0].holderNamed(t, name)
		for _, one := range games {
			one.holder = holder.at(t, one.srv)
		}
	}
	spare("second")

	// Each at another node, and all hear the same.
	var all []*gamer
	for i, name := range []string{"anna", "billy", "carl"} {
		p := games[i].stranger()
		p.becomes(games[(i+1)%3].identified(name))
		for _, other := range all {
			other.presence(p.identity, true, "")
		}
		all = append(all, p)
	}
	id := games[2].creates(all[0].identity, `{"name":"chat"}`)
	all[0].hears(`{"res":"v1.channels.player-joined",…}`)
	for i, p := range all[1:] {
		games[i].asks(200, "POST", channelAt(id, "/join"), "", nil, p.by()...)
		for _, hears := range all[:i+2] {
			hears.hears(fmt.Sprintf(`{"res":"v1.channels.player-joined",…"playerAlias":{"id":%d,…}}}`, p.id))
		}
	}
	const each = 12
	for _, p := range all {
		go func() {
			for n := range each {
				p.sends(saying(id, fmt.Sprint(p.id, " ", n)))
			}
		}()
	}
	var orders [3][]string
	for i, p := range all {
		for n := range 3 * each {
			var m struct {
				Channel struct{ TotalMessages int }
				Message string
			}
			p.hearsOf("v1.channels.message", &m)
			if m.Channel.TotalMessages != n+1 {
				t.Errorf("node %d: message %d is counted as %d", i, n+1, m.Channel.TotalMessages)
			}
			orders[i] = append(orders[i], m.Message)
		}
	}
	if !slices.Equal(orders[0], orders[1]) || !slices.Equal(orders[0], orders[2]) {
		t.Errorf("nodes differ in the order of messages:\n%v\n%v\n%v", orders[0], orders[1], orders[2])
	}

	// A second socket at another node keeps a player online; a node that dies lets go of those that it held, once.
	again := games[0].stranger()
	again.sends(identifyAs(games[0].identified("billy")))
	again.presence(all[1].identity, true, "")
	again.hears(`{"res":"v1.players.identify.success",…}`)
	for _, p := range all {
		p.presence(all[1].identity, true, "")
	}
	spare("third")
	nodes[2].kill(t) // carl's
	for _, p := range []*gamer{all[0], all[1], again} {
		got := p.presence(all[2].identity, false, "")
		if !strings.HasSuffix(got, `"meta":{"onlineChanged":true,"customStatusChanged":false}}}`) {
			t.Errorf("%s", got)
		}
	}
	nodes[1].kill(t) // one of billy's
	all[0].sends(saying(id, "are you there"))
	for _, p := range []*gamer{all[0], again} {
		p.hears(said(id, 3*each+1, "are you there", all[0].identity))
	}
	nodes[1].launch(t)
	if got := g.asks(200, "GET", "/v1/players/presence/"+all[1].player, "", nil); !strings.Contains(got, `"online":true,`) {
		t.Errorf("billy, who has another socket, is %s", got)
	}

	// A key that is revoked at one node closes sockets at all.
	back := games[1].at(t, nodes[1]).stranger()
	if status, _, stderr := command(t, "key", "revoke", "--config", nodes[0].configPath(), "third"); status != 0 {
		t.Fatal(stderr)
	}
	if code := back.closed(); code != 3000 {
		t.Errorf("closed with %d", code)
	}
	all[0].quiet()
}

// However many come, go and delete at once, and wherever: the numbers are right.
func TestPlayersRaces(t *testing.T) {
	t.Parallel()
	srv := startApart(t, nil)
	nodes := []*server{srv, srv}
	if onMongoDB {
		nodes[1] = newServer(t, srv.store)
		nodes[1].configure(t, nil)
		nodes[1].launch(t)
	}
	const n = 10
	keys := []*games{gameOf(t, srv)}
	for i := range 3 {
		keys = append(keys, &games{t, srv, srv.holderNamed(t, fmt.Sprintf("game %d", i))})
	}
	owner := keys[0].identified("owner")
	id := keys[0].creates(owner, `{"name":"crowd"}`)
	players := make([]identity, n)
	for i := range players {
		players[i] = keys[i%4].identified(fmt.Sprintf("player%d", i))
	}
	count := func() (c struct {
		Channel struct {
			MemberCount   int
			TotalMessages int
		}
	},
	) {
		t.Helper()
		keys[3].asks(200, "GET", channelAt(id, ""), "", &c)
		return c
	}
	together := func(what string, want map[int]int, f func(i int) (method, path string)) {
		t.Helper()
		var mu sync.Mutex
		statuses := map[int]int{}
		var all sync.WaitGroup
		for i, p := range players {
			all.Go(func() {
				holder := keys[i%4].holder.at(t, nodes[i%2])
				method, path := f(i)
				for {
					got, err := holder.try(method, path, "", append(p.by(), "Authorization", holder.headers.Get("Authorization"))...)
					if err != nil {
						t.Error(err)
						return
					}
					if got.status == 503 && strings.Contains(got.body, "all the time") {
						continue
					}
					mu.Lock()
					defer mu.Unlock()
					statuses[got.status]++
					return
				}
			})
		}
		all.Wait()
		if fmt.Sprint(statuses) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, statuses, want)
		}
	}
	join := func(int) (string, string) { return "POST", channelAt(id, "/join") }
	together("joining", map[int]int{200: n}, join)
	if got := count().Channel.MemberCount; got != n+1 {
		t.Errorf("%d members, want %d", got, n+1)
	}
	together("joining and leaving", map[int]int{200: n / 2, 204: n / 2}, func(i int) (string, string) {
		if i < n/2 {
			return join(i)
		}
		return "POST", channelAt(id, "/leave")
	})
	if got := count().Channel.MemberCount; got != n/2+1 {
		t.Errorf("%d members, want %d", got, n/2+1)
	}
	for i := range players { // who deletes is the owner, ten times
		players[i] = owner
	}
	together("deleting", map[int]int{204: 1, 404: n - 1}, func(int) (string, string) { return "DELETE", channelAt(id, "") })
	var list struct{ Channels []json.RawMessage }
	keys[3].asks(200, "GET", "/v1/game-channels/subscriptions", "", &list, owner.by()...)
	if len(list.Channels) != 0 {
		t.Errorf("the owner is still in %s", list.Channels)
	}
}
