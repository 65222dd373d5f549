package test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// What the tests of update notifications speak through: a client of Socket.IO that is written on the wire, so that a
// test says which packet goes when, and by which transport. What the libraries of others make of the server is another
// test's business.

const (
	byPolling   = "polling"
	byWebSocket = "websocket"
	byUpgrade   = "upgrade" // polls first
)

// transports are all ways to reach the server.
var transports = []string{byPolling, byWebSocket, byUpgrade}

// plugin is one connection, as a plugin of a game has it.
type plugin struct {
	t       *testing.T
	srv     *server
	headers http.Header
	sid     string
	token   string
	inbox   *inbox       // packets of Socket.IO as messages; the end as a close
	http    *http.Client // it has no connection that waits for a request, which a server that stops would wait for

	ctx    context.Context
	cancel context.CancelFunc
	conn   *websocket.Conn // nil: it polls
	turn   sync.Mutex      // of who writes to it
	moving chan struct{}   // closed when it is about to leave its polls
	polled chan struct{}   // closed when it polls no more
}

// plugin connects, from no origin, and joins /updates.
func (s *server) plugin(t *testing.T, transport string) *plugin {
	t.Helper()
	return s.pluginWith(t, transport, http.Header{})
}

func (s *server) pluginWith(t *testing.T, transport string, headers http.Header) *plugin {
	t.Helper()
	p := s.connection(t, transport, headers)
	p.join()
	return p
}

// connection connects, and joins nothing.
func (s *server) connection(t *testing.T, transport string, headers http.Header) *plugin {
	t.Helper()
	p := &plugin{t: t, srv: s, headers: headers, inbox: newInbox(), http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, moving: make(chan struct{}), polled: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancel(t.Context())
	t.Cleanup(p.cut)
	if transport == byWebSocket {
		p.conn = p.dial("")
		p.greeted(p.frame())
		go p.receives(p.conn)
		return p
	}
	status, hello, err := p.request(http.MethodGet, "")
	if err != nil || status != 200 {
		t.Fatalf("the handshake: status %d, %v: %s", status, err, hello)
	}
	p.greeted(hello)
	go p.polls()
	if transport == byUpgrade {
		p.upgrade()
	}
	return p
}

// greeted reads the packet that opens a session.
func (p *plugin) greeted(hello string) {
	p.t.Helper()
	var open struct{ Sid string }
	if !strings.HasPrefix(hello, "0{") || json.Unmarshal([]byte(hello[1:]), &open) != nil || open.Sid == "" {
		p.t.Fatalf("the packet that opens a session is %q", hello)
	}
	p.sid = open.Sid
}

// request polls, or posts.
func (p *plugin) request(method, body string) (status int, answer string, err error) {
	at := p.srv.url + "/socket.io/?EIO=4&transport=polling"
	if p.sid != "" {
		at += "&sid=" + p.sid
	}
	r, err := http.NewRequestWithContext(p.ctx, method, at, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header = p.headers.Clone()
	response, err := p.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// polls takes what comes until the session ends, or moves to a WebSocket.
func (p *plugin) polls() {
	defer close(p.polled)
	for {
		status, answer, err := p.request(http.MethodGet, "")
		if err != nil || status != 200 {
			p.inbox.put(nodeEvent{Event: "close", Status: status, Reason: answer})
			return
		}
		for packet := range strings.SplitSeq(answer, "\x1e") {
			p.came(packet)
		}
		select {
		case <-p.moving:
			return
		default:
		}
	}
}

// came does what a packet of Engine.IO says.
func (p *plugin) came(packet string) {
	switch {
	case packet == "2" && p.conn == nil:
		_, _, _ = p.request(http.MethodPost, "3") // where it failed the polls end too
	case packet == "2":
		_ = p.write(websocket.TextMessage, []byte("3")) // or its end is read
	case strings.HasPrefix(packet, "4"):
		p.inbox.put(nodeEvent{Event: "message", Data: packet[1:]})
	case packet != "6":
		p.inbox.put(nodeEvent{Event: "packet", Data: packet})
	}
}

// dial opens a WebSocket, for the session with this id or for a new one.
func (p *plugin) dial(sid string) *websocket.Conn {
	p.t.Helper()
	at := p.srv.ws + "/socket.io/?EIO=4&transport=websocket"
	if sid != "" {
		at += "&sid=" + sid
	}
	conn, response, err := websocket.DefaultDialer.DialContext(p.t.Context(), at, p.headers)
	if err != nil {
		p.t.Fatalf("a WebSocket does not open: %v", err)
	}
	response.Body.Close()
	return conn
}

// frame reads one frame, before its connection is read by itself.
func (p *plugin) frame() string {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	_, b, err := p.conn.ReadMessage()
	if err != nil {
		p.t.Fatal(err)
	}
	_ = p.conn.SetReadDeadline(time.Time{})
	return string(b)
}

// receives takes what comes until the WebSocket is closed.
func (p *plugin) receives(conn *websocket.Conn) {
	for {
		_, b, err := conn.ReadMessage()
		if err != nil {
			code := 0
			if closed := (*websocket.CloseError)(nil); errors.As(err, &closed) {
				code = closed.Code
			}
			_ = conn.Close() // whoever was told of the end waits for this
			p.inbox.put(nodeEvent{Event: "close", Code: code, Reason: err.Error()})
			return
		}
		p.came(string(b))
	}
}

// upgrade goes from polls to a WebSocket, as the libraries do.
func (p *plugin) upgrade() {
	p.t.Helper()
	conn := p.dial(p.sid)
	write := func(packet string) {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
			p.t.Fatal(err)
		}
	}
	close(p.moving)
	write("2probe")
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, b, err := conn.ReadMessage(); err != nil || string(b) != "3probe" {
		p.t.Fatalf("a probe is answered with %q, %v", b, err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	<-p.polled
	p.conn = conn
	write("5")
	go p.receives(conn)
}

// send sends packets of Socket.IO; data that are binary begin with b, and are in Base64.
func (p *plugin) send(packets ...string) {
	p.t.Helper()
	if p.conn == nil {
		var body []string
		for _, packet := range packets {
			if !strings.HasPrefix(packet, "b") {
				packet = "4" + packet
			}
			body = append(body, packet)
		}
		if status, answer, err := p.request(http.MethodPost, strings.Join(body, "\x1e")); err != nil || status != 200 || answer != "ok" {
			p.t.Fatalf("a post of %q: status %d, %v: %s", packets, status, err, answer)
		}
		return
	}
	for _, packet := range packets {
		kind, data := websocket.TextMessage, []byte("4"+packet)
		if encoded, binary := strings.CutPrefix(packet, "b"); binary {
			kind, data = websocket.BinaryMessage, nil
			data, _ = base64.StdEncoding.AppendDecode(data, []byte(encoded))
		}
		if err := p.write(kind, data); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *plugin) write(kind int, data []byte) error {
	p.turn.Lock()
	defer p.turn.Unlock()
	return p.conn.WriteMessage(kind, data)
}

// event waits for whatever comes next.
func (p *plugin) event() nodeEvent {
	p.t.Helper()
	event, ok := p.inbox.take(patience)
	if !ok {
		p.t.Fatalf("nothing came within %v", patience)
	}
	return event
}

// packet waits for the next packet of Socket.IO.
func (p *plugin) packet() string {
	p.t.Helper()
	event := p.event()
	if event.Event != "message" {
		p.t.Fatalf("want a packet, got: %s", describe(event))
	}
	return event.Data
}

// ended waits for the end of the connection, with no packet of Socket.IO before it.
func (p *plugin) ended() nodeEvent {
	p.t.Helper()
	for {
		switch event := p.event(); event.Event {
		case "close":
			return event
		case "packet":
			if event.Data == "1" { // of Engine.IO: it is what polls are told
				return event
			}
		default:
			p.t.Errorf("want the end, got: %s", describe(event))
		}
	}
}

// cut ends the connection without a word.
func (p *plugin) cut() {
	p.cancel()
	if p.conn != nil {
		_ = p.conn.Close()
	}
}
