package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/gorilla/websocket"
)

// What the tests of players' sockets speak through. Frames are sent and read as they are.

// games is a server with a key of a game, and what its clients do over HTTP.
type games struct {
	t      *testing.T
	srv    *server
	holder *person // has the key; which takes only so many requests in a minute
}

// gameOf uses a server with a key of all that a game needs.
func gameOf(t *testing.T, srv *server) *games {
	t.Helper()
	return &games{t, srv, srv.holderNamed(t, "game")}
}

// holderNamed has a key of this name, with all scopes.
func (s *server) holderNamed(t *testing.T, name string) *person {
	t.Helper()
	return &person{t, s, http.Header{"Authorization": {"Bearer " + s.keyNamed(t, name, "*")}}, ""}
}

func startGame(t *testing.T, s settings) *games {
	t.Helper()
	return gameOf(t, start(t, s))
}

// at is the same game at another node.
func (g *games) at(t *testing.T, srv *server) *games {
	t.Helper()
	return &games{t, srv, g.holder.at(t, srv)}
}

// asks sends a request and reads its answer into something.
func (g *games) asks(status int, method, path, body string, into any, headers ...string) string {
	g.t.Helper()
	got := g.holder.asks(status, method, path, body, headers...)
	if into != nil {
		if err := json.Unmarshal([]byte(got.body), into); err != nil {
			g.t.Fatalf("%s %s: %v: %.300s", method, path, err, got.body)
		}
	}
	return got.body
}

// ticket opens a socket, once.
func (g *games) ticket() string {
	g.t.Helper()
	var answer struct{ Ticket string }
	g.asks(200, "POST", "/v1/socket-tickets", "", &answer)
	return answer.Ticket
}

// identity is a player as a client knows it.
type identity struct {
	id     int
	player string
	token  string
	raw    string // the alias as it is told
}

// identified identifies a player over HTTP.
func (g *games) identified(identifier string) identity {
	g.t.Helper()
	var answer struct {
		Alias       json.RawMessage
		SocketToken string
	}
	g.asks(200, "GET", "/v1/players/identify?service=username&identifier="+url.QueryEscape(identifier), "", &answer)
	var alias struct {
		ID     int
		Player struct{ ID string }
	}
	if err := json.Unmarshal(answer.Alias, &alias); err != nil {
		g.t.Fatal(err)
	}
	return identity{alias.ID, alias.Player.ID, answer.SocketToken, string(answer.Alias)}
}

// by are the headers of who plays.
func (i identity) by() []string { return []string{"x-talo-alias", strconv.Itoa(i.id)} }

// gamer is a socket of a player.
type gamer struct {
	identity
	t     *testing.T
	conn  *websocket.Conn
	inbox *inbox
}

// opens opens a socket with a ticket; what comes of that is the first frame, or the end.
func (g *games) opens(path, ticket string) *gamer {
	g.t.Helper()
	p := &gamer{t: g.t, inbox: newInbox()}
	conn, response, err := websocket.DefaultDialer.DialContext(g.t.Context(), g.srv.ws+path+"?ticket="+url.QueryEscape(ticket), http.Header{}) //nolint:bodyclose // of a handshake there is none to close
	if err != nil {
		g.t.Fatalf("opening %s: %v, %v", path, err, response)
	}
	p.conn = conn
	g.t.Cleanup(func() { conn.Close() }) //nolint:errcheck // the test is done with it
	g.srv.describeFrames(g.t)
	w := &watcher{t: g.t, conn: conn, inbox: p.inbox}
	go w.receives()
	return p
}

// stranger is a socket that is identified as nobody.
func (g *games) stranger() *gamer {
	g.t.Helper()
	p := g.opens("/socket", g.ticket())
	p.hears(`{"res":"v1.connected","data":{}}`)
	return p
}

// plays is a socket that is identified. It has heard of its own presence.
func (g *games) plays(identifier string) *gamer {
	g.t.Helper()
	p := g.stranger()
	p.becomes(g.identified(identifier))
	return p
}

func (p *gamer) becomes(i identity) {
	p.t.Helper()
	p.identity = i
	p.sends(identifyAs(i))
	p.presence(i, true, "")
	p.hears(`{"res":"v1.players.identify.success","data":{"id":` + strconv.Itoa(i.id) + `,…"presence":{"online":true,…}`)
}

func identifyAs(i identity) string {
	return fmt.Sprintf(`{"req":"v1.players.identify","data":{"playerAliasId":%d,"socketToken":%q}}`, i.id, i.token)
}

// presence waits for what is told of a presence.
func (p *gamer) presence(of identity, online bool, status string) string {
	p.t.Helper()
	return p.hears(fmt.Sprintf(`{"res":"v1.players.presence.updated","data":{"presence":{"playerAlias":{"id":%d,…},"online":%v,"customStatus":%q,"updatedAt":"…"},"meta":{…}}}`, of.id, online, status))
}

func (p *gamer) sends(frame string) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		p.t.Errorf("sending %.200s: %v", frame, err)
	}
}

// next waits for the next frame.
func (p *gamer) next() string {
	p.t.Helper()
	event, ok := p.inbox.take(patience)
	if !ok {
		p.t.Fatalf("nothing came within %v", patience)
	}
	if event.Event != "message" {
		p.t.Fatalf("want a frame, got: %s", describe(event))
	}
	if event.Data != "v1.heartbeat" {
		conformsTo(p.t, "PlayersMessage", event.Data)
	}
	return event.Data
}

// hears compares the next frame; … stands for anything.
func (p *gamer) hears(frame string) string {
	p.t.Helper()
	got := p.next()
	if !fits(frame, got) {
		p.t.Errorf("got  %.1500s\nwant %.500s", got, frame)
	}
	return got
}

// hearsOf waits for a kind of message, and reads its data.
func (p *gamer) hearsOf(res string, into any) {
	p.t.Helper()
	got := p.next()
	var m struct {
		Res  string
		Data json.RawMessage
	}
	if err := json.Unmarshal([]byte(got), &m); err != nil || m.Res != res {
		p.t.Fatalf("got %.500s, want %s", got, res)
	}
	if err := json.Unmarshal(m.Data, into); err != nil {
		p.t.Fatalf("%v: %.500s", err, got)
	}
}

// fails compares the next frame with an error.
func (p *gamer) fails(req, code, cause string) {
	p.t.Helper()
	got := p.next()
	var e struct {
		Res  string
		Data struct{ Req, Message, ErrorCode, Cause string }
	}
	if err := json.Unmarshal([]byte(got), &e); err != nil || e.Res != "v1.error" || e.Data.Req != req || e.Data.ErrorCode != code || e.Data.Cause != cause || e.Data.Message == "" {
		p.t.Errorf("got %.500s, want %s about %s, %s", got, code, req, cause)
	}
}

// quiet shows that nothing is on its way to the socket from this node.
func (p *gamer) quiet() {
	p.t.Helper()
	p.sends("v1.heartbeat")
	p.hears("v1.heartbeat")
}

// closed waits until the socket is closed.
func (p *gamer) closed() (code int) {
	p.t.Helper()
	for {
		event, ok := p.inbox.take(patience)
		switch {
		case !ok:
			p.t.Fatalf("the socket was not closed within %v", patience)
		case event.Event == "close":
			return event.Code
		}
	}
}

// leaves closes the socket as a client does.
func (p *gamer) leaves() {
	p.t.Helper()
	_ = p.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
	p.closed()
}

// creates makes a channel that belongs to a player, and returns its number.
func (g *games) creates(owner identity, body string) int {
	g.t.Helper()
	var answer struct{ Channel struct{ ID int } }
	g.asks(200, "POST", "/v1/game-channels", body, &answer, owner.by()...)
	return answer.Channel.ID
}

// channelAt is the path of a channel, and of what is below it.
func channelAt(id int, more string) string { return "/v1/game-channels/" + strconv.Itoa(id) + more }

// saying is a message to a channel.
func saying(channel int, words string) string {
	return fmt.Sprintf(`{"req":"v1.channels.message","data":{"channel":{"id":%d},"message":%q}}`, channel, words)
}

// said is a message as members hear it.
func said(channel, total int, words string, by identity) string {
	return fmt.Sprintf(`{"res":"v1.channels.message","data":{"channel":{"id":%d,…"totalMessages":%d,…},"message":%q,"playerAlias":{"id":%d,…}}}`, channel, total, words, by.id)
}
