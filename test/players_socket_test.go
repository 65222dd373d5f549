package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// The socket of players.

func TestPlayersTickets(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, settings{"players.ticketSeconds": 2})
	ticket := g.ticket()
	first := g.opens("/", ticket) // where published clients connect
	first.hears(`{"res":"v1.connected","data":{}}`)
	late := g.ticket()
	for name, ticket := range map[string]string{"used": ticket, "none": "", "wrong": "00000000-0000-0000-0000-000000000000", "odd": "x"} {
		for _, path := range []string{"/", "/socket"} {
			if code := g.opens(path, ticket).closed(); code != 3000 {
				t.Errorf("a ticket that is %s at %s: closed with %d", name, path, code)
			}
		}
	}
	// Without a ticket it is the socket of events, which needs an Origin.
	if status, _ := refused(t, g.srv.ws+"/", map[string]string{}); status != 403 {
		t.Errorf("status %d", status)
	}
	if status, _ := refused(t, g.srv.ws+"/socket?ticket="+g.ticket(), map[string]string{"origin": "https://evil.example"}); status != 403 {
		t.Errorf("another origin: status %d", status)
	}
	<-time.After(2100 * time.Millisecond) // its lifetime, which nothing announces
	if code := g.opens("/socket", late).closed(); code != 3000 {
		t.Errorf("a ticket that is too old: closed with %d", code)
	}
	first.quiet()

	// What is sent before the greeting is not lost, and a key that goes takes its sockets along.
	other := &games{t, g.srv, g.srv.holder(t, "read:players,write:players")}
	eager := other.opens("/socket", other.ticket())
	eager.sends("v1.heartbeat")
	eager.hears(`{"res":"v1.connected","data":{}}`)
	eager.hears("v1.heartbeat")
	unused := other.ticket()
	if status, _, stderr := command(t, "key", "revoke", "--config", g.srv.configPath(), "read-players write-players"); status != 0 {
		t.Fatal(stderr)
	}
	if code := eager.closed(); code != 3000 {
		t.Errorf("a key that was revoked: closed with %d", code)
	}
	if code := g.opens("/socket", unused).closed(); code != 3000 {
		t.Errorf("a ticket of a key that was revoked: closed with %d", code)
	}
	first.quiet()
}

// Of many sockets that show one ticket, one is let in.
func TestPlayersOneTicket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	oneTicket(t, startGame(t, nil), nil)
}

func oneTicket(t *testing.T, g *games, other *server) {
	t.Helper()
	urls := []string{g.srv.ws, g.srv.ws}
	if other != nil {
		urls[1] = other.ws
	}
	for range 3 {
		ticket := g.ticket()
		var all sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		begin := make(chan struct{})
		for i := range 20 {
			all.Go(func() {
				<-begin
				ws, response, err := websocket.DefaultDialer.DialContext(t.Context(), urls[i%2]+"/socket?ticket="+ticket, http.Header{}) //nolint:bodyclose // of a handshake there is none to close
				outcome := ""
				if err != nil {
					outcome = fmt.Sprint(err, response)
				} else {
					defer ws.Close() //nolint:errcheck // the test is done with it
					_, b, err := ws.ReadMessage()
					outcome = string(b)
					if err != nil {
						outcome = err.Error()
					}
				}
				mu.Lock()
				defer mu.Unlock()
				outcomes[outcome]++
			})
		}
		close(begin)
		all.Wait()
		if outcomes[`{"res":"v1.connected","data":{}}`] != 1 || outcomes["websocket: close 3000"] != 19 {
			t.Errorf("20 sockets with one ticket: %v", outcomes)
		}
	}
}

func TestPlayersIdentify(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, settings{"players.socketTokenSeconds": 3})
	billy := g.identified("billy")
	p := g.stranger()
	for _, data := range []string{
		fmt.Sprintf(`{"playerAliasId":%d,"socketToken":"wrong"}`, billy.id),
		fmt.Sprintf(`{"playerAliasId":%d,"socketToken":""}`, billy.id),
		fmt.Sprintf(`{"playerAliasId":%d,"socketToken":%q}`, billy.id+1, billy.token),
		fmt.Sprintf(`{"playerAliasId":-1,"socketToken":%q}`, billy.token),
		fmt.Sprintf(`{"playerAliasId":1e15,"socketToken":%q}`, billy.token),
	} {
		p.sends(`{"req":"v1.players.identify","data":` + data + `}`)
		p.fails("v1.players.identify", "INVALID_SOCKET_TOKEN", "")
	}
	newer := g.identified("billy")
	p.sends(identifyAs(billy))
	p.fails("v1.players.identify", "INVALID_SOCKET_TOKEN", "") // it was replaced
	if newer.id != billy.id || newer.player != billy.player {
		t.Errorf("billy is %+v, then %+v", billy, newer)
	}
	p.sends(fmt.Sprintf(`{"req":"v1.players.identified","data":{"playerAliasId":%d,"socketToken":%q,"sessionToken":null,"more":1}}`, newer.id, newer.token))
	own := p.presence(newer, true, "")
	if !strings.HasSuffix(own, `"meta":{"onlineChanged":true,"customStatusChanged":false}}}`) {
		t.Errorf("%s", own)
	}
	p.hears(fmt.Sprintf(`{"res":"v1.players.identified.success","data":{"id":%d,"service":"username","identifier":"billy","displayName":"billy","player":{"id":%q,"props":[],"devBuild":false,"createdAt":"…","lastSeenAt":"…","groups":[],"presence":{"online":true,"customStatus":"","updatedAt":"…"}},"lastSeenAt":"…","createdAt":"…","updatedAt":"…"}}`, newer.id, newer.player))

	// Once more tells the presence once more; as another player, that one's.
	p.sends(identifyAs(newer))
	if got := p.presence(newer, true, ""); !strings.HasSuffix(got, `"meta":{"onlineChanged":false,"customStatusChanged":false}}}`) {
		t.Errorf("%s", got)
	}
	p.hears(`{"res":"v1.players.identify.success",…}`)
	anna := g.identified("anna")
	p.sends(identifyAs(anna))
	p.presence(anna, true, "")
	p.hears(fmt.Sprintf(`{"res":"v1.players.identify.success","data":{"id":%d,…}`, anna.id))
	p.presence(newer, false, "") // nobody plays as billy any more

	old := g.identified("old")
	<-time.After(3100 * time.Millisecond) // its lifetime, which nothing announces
	p.sends(identifyAs(old))
	p.fails("v1.players.identify", "INVALID_SOCKET_TOKEN", "")
	p.quiet()
}

// Whoever may hear of presence is told; a player is online while one socket is.
func TestPlayersPresence(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, nil)
	witness := g.plays("witness")
	deaf := (&games{t, g.srv, g.srv.holder(t, "read:players,write:players")}).stranger()
	deafs := g.identified("deaf")
	deaf.sends(identifyAs(deafs))
	deaf.hears(`{"res":"v1.players.identify.success",…}`) // of its own presence it hears nothing either
	witness.presence(deafs, true, "")
	g.stranger().quiet() // who is not identified hears nothing

	one := g.plays("billy")
	witness.presence(one.identity, true, "")
	two := g.stranger()
	two.becomes(g.identified("billy"))
	witness.presence(one.identity, true, "")
	one.presence(one.identity, true, "")
	one.leaves()
	g.asks(200, "PUT", "/v1/players/presence", `{"customStatus":"in a fight"}`, nil, one.by()...)
	for _, p := range []*gamer{witness, two} {
		got := p.presence(one.identity, true, "in a fight")
		if !strings.HasSuffix(got, `"meta":{"onlineChanged":false,"customStatusChanged":true}}}`) {
			t.Errorf("%s", got)
		}
	}
	two.leaves()
	if got := witness.presence(one.identity, false, "in a fight"); !strings.HasSuffix(got, `"meta":{"onlineChanged":true,"customStatusChanged":false}}}`) {
		t.Errorf("%s", got)
	}
	// Who comes back at once was never away.
	back := g.stranger()
	back.sends(identifyAs(g.identified("billy")))
	for _, p := range []*gamer{witness, back} {
		p.presence(one.identity, true, "in a fight")
	}
	again := g.identified("billy")
	back.conn.Close() //nolint:errcheck // without a word
	next := g.stranger()
	next.sends(identifyAs(again))
	next.presence(again, true, "in a fight")
	next.hears(`{"res":"v1.players.identify.success",…}`)
	if got := witness.presence(again, true, "in a fight"); !strings.HasSuffix(got, `"meta":{"onlineChanged":false,"customStatusChanged":false}}}`) {
		t.Errorf("%s", got)
	}
	g.asks(200, "PUT", "/v1/players/presence", `{"online":false,"customStatus":""}`, nil, one.by()...)
	witness.presence(again, false, "")
	next.presence(again, false, "")

	// A server that ends leaves nobody online.
	g.srv.stop(t)
	g.srv.launch(t)
	for _, who := range []identity{witness.identity, deafs} {
		eventually(t, "who was online to be offline", func() bool {
			return strings.Contains(g.asks(200, "GET", "/v1/players/presence/"+who.player, "", nil), `"online":false,`)
		})
	}
}

func TestPlayersChannels(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, nil)
	anna, billy, carl := g.plays("anna"), g.plays("billy"), g.plays("carl")
	for _, heard := range []struct {
		p  *gamer
		of []*gamer
	}{{anna, []*gamer{billy, carl}}, {billy, []*gamer{carl}}} {
		for _, one := range heard.of {
			heard.p.presence(one.identity, true, "")
		}
	}
	id := g.creates(anna.identity, `{"name":"chat"}`)
	joined := func(who *gamer, to ...*gamer) {
		t.Helper()
		for _, p := range to {
			p.hears(fmt.Sprintf(`{"res":"v1.channels.player-joined","data":{"channel":{"id":%d,"name":"chat","owner":{"id":%d,…},"playerAlias":{"id":%d,…}}}`, id, anna.id, who.id))
		}
	}
	joined(anna, anna)
	billy.sends(saying(id, "let me in"))
	billy.fails("v1.channels.message", "LISTENER_ERROR", "Player not in channel")
	billy.sends(saying(id+1, "is anybody there"))
	billy.fails("v1.channels.message", "LISTENER_ERROR", "Channel not found")
	for range 2 { // the second time it is in it
		g.asks(200, "POST", channelAt(id, "/join"), "", nil, billy.by()...)
	}
	joined(billy, anna, billy)
	billy.sends(saying(id, "hello"))
	anna.sends(saying(id, `"welcome" ü`))
	for _, p := range []*gamer{anna, billy} {
		first := p.next()
		order := [][2]string{{said(id, 1, "hello", billy.identity), said(id, 2, `"welcome" ü`, anna.identity)}, {said(id, 1, `"welcome" ü`, anna.identity), said(id, 2, "hello", billy.identity)}}
		switch {
		case fits(order[0][0], first):
			p.hears(order[0][1])
		case fits(order[1][0], first):
			p.hears(order[1][1])
		default:
			t.Errorf("got %s", first)
		}
	}
	carl.quiet()

	g.asks(200, "PUT", channelAt(id, ""), fmt.Sprintf(`{"name":" den ","ownerAliasId":%d,"private":true,"props":[{"key":"k","value":"v"}]}`, billy.id), nil, anna.by()...)
	for _, p := range []*gamer{anna, billy} {
		p.hears(fmt.Sprintf(`{"res":"v1.channels.ownership-transferred","data":{"channel":{"id":%d,"name":"den","owner":{"id":%d,…},"newOwner":{"id":%d,…}}}`, id, billy.id, billy.id))
		p.hears(`{"res":"v1.channels.updated","data":{"changedProperties":["name","props","ownerAliasId","private"],"channel":{…"private":true,…}}}`)
	}
	g.asks(204, "POST", channelAt(id, "/invite"), fmt.Sprintf(`{"inviteeAliasId":%d}`, carl.id), nil, billy.by()...)
	for _, p := range []*gamer{anna, billy, carl} {
		p.hears(fmt.Sprintf(`{"res":"v1.channels.player-joined",…"playerAlias":{"id":%d,…}}}`, carl.id))
	}
	g.asks(200, "PUT", channelAt(id, "/storage"), `{"props":[{"key":"hp","value":"10"},{"key":"items[]","value":"a"},{"key":"items[]","value":"b"}]}`, nil, carl.by()...)
	for _, p := range []*gamer{anna, billy, carl} {
		p.hears(`{"res":"v1.channels.storage.updated","data":{"channel":{…},"upsertedProps":[{"key":"hp","value":"10","createdAt":"…","updatedAt":"…"},{"key":"items[]","value":"a",…},{"key":"items[]","value":"b",…}],"deletedProps":[]}}`)
	}
	g.asks(204, "POST", channelAt(id, "/leave"), "", nil, carl.by()...)
	for _, p := range []*gamer{anna, billy, carl} {
		p.hears(fmt.Sprintf(`{"res":"v1.channels.player-left","data":{"channel":{…},"meta":{"reason":0},"playerAlias":{"id":%d,…}}}`, carl.id))
	}
	// Who comes back is still in it, also with another socket.
	second := g.stranger()
	second.sends(identifyAs(g.identified("anna")))
	second.presence(anna.identity, true, "")
	second.hears(`{"res":"v1.players.identify.success",…}`)
	for _, p := range []*gamer{anna, billy, carl} {
		p.presence(anna.identity, true, "")
	}
	billy.sends(saying(id, "all here"))
	for _, p := range []*gamer{anna, billy, second} {
		p.hears(said(id, 3, "all here", billy.identity))
	}
	g.asks(204, "DELETE", channelAt(id, ""), "", nil, billy.by()...)
	for _, p := range []*gamer{anna, billy, second} {
		p.hears(fmt.Sprintf(`{"res":"v1.channels.deleted","data":{"channel":{"id":%d,…"owner":{"id":%d,…}}}`, id, billy.id))
	}
	for _, p := range []*gamer{anna, billy, carl, second} {
		p.quiet()
	}
}

// A channel that one is in as long as one is online.
func TestPlayersTemporaryChannels(t *testing.T) {
	t.Parallel()
	g := startGame(t, nil)
	witness := g.plays("witness")
	owner := g.plays("owner")
	witness.presence(owner.identity, true, "")
	kept := g.creates(owner.identity, `{"name":"kept","temporaryMembership":true}`)
	due := g.creates(owner.identity, `{"name":"due","temporaryMembership":true,"autoCleanup":true}`)
	lasting := g.creates(owner.identity, `{"name":"lasting"}`)
	for range 3 {
		owner.hears(`{"res":"v1.channels.player-joined",…}`)
	}
	for _, id := range []int{kept, due, lasting} {
		g.asks(200, "POST", channelAt(id, "/join"), "", nil, witness.by()...)
		for _, p := range []*gamer{witness, owner} {
			p.hears(`{"res":"v1.channels.player-joined",…}`)
		}
	}
	owner.leaves()
	left := map[int]bool{}
	for range 2 {
		var m struct {
			Channel struct {
				ID    int
				Owner struct{ ID int }
			}
			Meta struct{ Reason int }
		}
		witness.hearsOf("v1.channels.player-left", &m)
		left[m.Channel.ID] = true
		if m.Meta.Reason != 1 || m.Channel.Owner.ID != owner.id {
			t.Errorf("left: %+v", m)
		}
		if m.Channel.ID == due {
			witness.hears(fmt.Sprintf(`{"res":"v1.channels.deleted","data":{"channel":{"id":%d,…"owner":{"id":%d,…}}}`, due, owner.id))
		}
	}
	witness.presence(owner.identity, false, "")
	if !left[kept] || !left[due] {
		t.Errorf("left %v, want %d and %d", left, kept, due)
	}
	g.asks(404, "GET", channelAt(due, ""), "", nil)
	if got := g.asks(200, "GET", channelAt(kept, ""), "", nil); !strings.Contains(got, `"owner":null,`) || !strings.Contains(got, `"memberCount":1`) {
		t.Errorf("%s", got)
	}
	if got := g.asks(200, "GET", channelAt(lasting, ""), "", nil); !strings.Contains(got, `"memberCount":2`) {
		t.Errorf("%s", got)
	}
	witness.quiet()
}

func TestPlayersRelationships(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, nil)
	anna, billy := g.plays("anna"), g.plays("billy")
	anna.presence(billy.identity, true, "")
	var made struct{ Subscription struct{ ID int } }
	g.asks(200, "POST", "/v1/players/relationships", fmt.Sprintf(`{"aliasId":%d,"relationshipType":"bidirectional"}`, billy.id), &made, anna.by()...)
	id := made.Subscription.ID
	shape := func(confirmed bool) string {
		return fmt.Sprintf(`"subscription":{"id":%d,"subscriber":{"id":%d,…},"subscribedTo":{"id":%d,…},"confirmed":%v,"relationshipType":"bidirectional","createdAt":"…","updatedAt":"…"}`, id, anna.id, billy.id, confirmed)
	}
	billy.hears(`{"res":"v1.player-relationships.subscription-created","data":{` + shape(false) + `}}`)
	say := `{"req":"v1.player-relationships.broadcast","data":{"message":"hello"}}`
	billy.sends(say) // nobody has a confirmed subscription
	g.asks(200, "PUT", fmt.Sprintf("/v1/players/relationships/%d/confirm", id), "", nil, billy.by()...)
	anna.hears(`{"res":"v1.player-relationships.subscription-confirmed","data":{` + shape(true) + `}}`)
	billy.sends(say)
	anna.hears(fmt.Sprintf(`{"res":"v1.player-relationships.broadcast","data":{"message":"hello","playerAlias":{"id":%d,…}}}`, billy.id))
	anna.sends(say) // it goes both ways
	billy.hears(fmt.Sprintf(`{"res":"v1.player-relationships.broadcast","data":{"message":"hello","playerAlias":{"id":%d,…}}}`, anna.id))
	g.asks(204, "DELETE", fmt.Sprintf("/v1/players/relationships/%d", id), "", nil, anna.by()...)
	for _, p := range []*gamer{anna, billy} {
		p.hears(fmt.Sprintf(`{"res":"v1.player-relationships.subscription-deleted","data":{"reciprocalSubscription":{…"subscriber":{"id":%d,…},…},%s}}`, billy.id, shape(true)))
		p.quiet()
	}
}

func TestPlayersConfig(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, nil)
	p := g.stranger()
	deaf := (&games{t, g.srv, g.srv.holder(t, "read:players")}).stranger()
	editor := g.srv.holder(t, "write:realtime")
	editor.asks(200, "PUT", game, `{"data":{"speed":2,"name":"x","META_a":1,"list":[1]}}`, "x-m2-organization", "default", "x-m2-project", "default")
	p.hears(`{"res":"v1.live-config.updated","data":{"config":[{"key":"speed","value":"2"},{"key":"name","value":"x"},{"key":"list","value":"[1]"}]}}`)
	if got := g.asks(200, "GET", "/v1/game-config", "", nil); got != `{"config":[{"key":"speed","value":"2"},{"key":"name","value":"x"},{"key":"list","value":"[1]"}]}` {
		t.Errorf("%s", got)
	}
	editor.asks(200, "PUT", game, `{"data":{}}`, "x-m2-organization", "default", "x-m2-project", "other")
	p.quiet()
	deaf.quiet()
}

// Who does not answer a ping before the next one is dropped; who answers stays.
func TestPlayersMissingPongs(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGame(t, settings{"websocket.pingSeconds": 0.3})
	answers := g.stranger()
	silent := dialRaw(t, g.srv, "?ticket="+g.ticket())
	pings := 0
	for {
		opcode, _, err := silent.read()
		if err != nil {
			break
		}
		if opcode == opPing {
			pings++
		}
	}
	if pings != 1 {
		t.Errorf("it was dropped after %d pings", pings)
	}
	answers.quiet()
}
