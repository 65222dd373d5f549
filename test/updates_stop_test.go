package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A stop ends polls and sockets without a word, so that clients come back by themselves.
func TestUpdatesWhenTheServerStops(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	var all []*plugin
	for range 3 {
		for _, transport := range transports {
			p := g.srv.plugin(t, transport)
			p.reads(404, "Omega", "Selena")
			all = append(all, p)
		}
	}
	all = append(all, g.srv.connection(t, byPolling, http.Header{}), g.srv.connection(t, byWebSocket, http.Header{})) // which have not joined
	begun := time.Now()
	g.srv.stop(t)
	if d := time.Since(begun); d > 4*time.Second {
		t.Errorf("it took %v", d)
	}
	for _, p := range all {
		if event := p.ended(); event.Event == "close" && p.conn != nil && event.Code != 1001 {
			t.Errorf("the end of a WebSocket is %s", describe(event))
		}
	}

	// They do come back, and read afresh.
	g.srv.launch(t)
	p := g.srv.plugin(t, byPolling)
	g.srv.nobody(t).readsFor(all[0].token, 404, "Omega", "Selena")
	g.holder.creates("Omega", "Selena", "")
	p.quiet(g.holder)
}

// What stands in a query is in no log, at any level.
func TestUpdatesTokensAreNotLogged(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, settings{"log.level": "debug"})
	g.holder.creates("Omega", "Selena", "George")
	all := secrets{"a parameter's name": "sessionToken", "the protocol's parameter": "EIO="}
	for i, transport := range transports {
		p := g.srv.plugin(t, transport)
		all["a token of "+transport], all["a session of "+transport] = p.token, p.sid
		query := "?sessionToken=" + p.token
		got := p.reads(200, "Omega", "Selena")
		p.reads(404, "Omega", fmt.Sprintf("Nobody %d", i))
		p.reads(304, "Omega", "Selena", "If-None-Match", got.header.Get("ETag"))
		for _, c := range []struct{ method, path string }{
			{"POST", profileAt("Omega", "Selena") + query},
			{"GET", "/nothing" + query},
			{"GET", "/" + query},
			{"GET", "/events" + query},
			{"GET", "//" + query},
			{"PUT", profileAt("Omega", "Selena") + query},
			{"DELETE", polling + "&sid=" + p.sid},
			{"GET", "/socket.io/x?sid=" + p.sid},
			{"GET", polling + "&sid=" + p.sid + "x"},
			{"GET", profileAt("Omega", "Selena") + query + ";%zz"},
			{"GET", characters + "/profile" + query},
		} {
			g.srv.raw(t, c.method, c.path, "", http.Header{"Origin": {"https://evil.example"}})
			g.srv.raw(t, c.method, c.path, "", localhost)
			g.srv.raw(t, c.method, c.path, "", http.Header{})
		}
		g.srv.handshake(t, byFrames+"&sid="+p.sid, http.Header{"Origin": {"https://evil.example"}})
		g.srv.handshake(t, byFrames+"&sid="+p.sid+"&x="+p.token, http.Header{})
	}
	g.srv.stop(t)
	log := g.srv.log.String()
	if !strings.Contains(log, "origin refused") {
		t.Fatalf("a log without what was refused: %s", log)
	}
	all.foundIn(t, "the log", log)
	all.foundIn(t, "standard output", g.srv.stdout.String())
}
