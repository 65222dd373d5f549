package test

import (
	"net/http"
	"strings"
	"testing"
)

// A socket in /updates has a token; who reads a profile with it has the socket told of the next change.

func TestUpdatesByEachTransport(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			name := "Selena " + transport
			p := g.srv.plugin(t, transport)
			p.reads(404, "Omega", name)
			g.holder.creates("Omega", name, "")
			p.hears([2]string{"Omega", name})
			g.holder.puts("Omega", name, "age", "27") // it is not subscribed any more
			p.quiet(g.holder)
			p.reads(200, "Omega", name)
			p.reads(200, "OMEGA", strings.ToUpper(name)) // twice is once
			g.holder.puts("Omega", name, "age", "28")
			p.hears([2]string{"Omega", name})
			g.holder.puts("Omega", name, "age", "29")
			p.quiet(g.holder)
		})
	}
}

func TestUpdatesTokens(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	seen := map[string]bool{}
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			p := g.srv.plugin(t, transport)
			first := p.token
			p.reads(200, "Omega", "Selena")

			// The token belongs to the socket in the namespace, not to the connection.
			p.send("1/updates,")
			p.join()
			if seen[first] || seen[p.token] || first == p.token {
				t.Errorf("the tokens are %q and %q; there were %v", first, p.token, seen)
			}
			seen[first], seen[p.token] = true, true
			g.holder.puts("Omega", "Selena", "age", transport)
			p.quiet(g.holder)
			p.reads(200, "Omega", "Selena")
			g.holder.puts("Omega", "Selena", "age", transport+" again")
			p.hears([2]string{"Omega", "Selena"})

			// Neither is the first one worth anything: it is answered as ever.
			g.srv.nobody(t).readsFor(first, 200, "Omega", "Selena")
			g.holder.puts("Omega", "Selena", "age", transport+" once more")
			p.quiet(g.holder)
		})
	}
}

// Who has gone is told nothing, and neither is who comes after.
func TestUpdatesTokenOfWhoHasGone(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	for _, transport := range transports {
		gone := g.srv.plugin(t, transport)
		gone.reads(200, "Omega", "Selena")
		gone.cut()
		other := g.srv.plugin(t, transport)
		g.srv.nobody(t).readsFor(gone.token, 200, "Omega", "Selena")
		g.srv.nobody(t).readsFor(gone.token, 404, "Omega", "Nobody")
		g.holder.puts("Omega", "Selena", "age", transport)
		other.quiet(g.holder)
	}
}

// A token is no authentication: a wrong one changes nothing about the answer.
func TestUpdatesWrongTokens(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	p := g.srv.plugin(t, byWebSocket)
	want, missing := g.srv.nobody(t).asks(200, "GET", profileAt("Omega", "Selena"), ""), g.srv.nobody(t).asks(404, "GET", profileAt("Omega", "Nobody"), "")
	for _, token := range []string{
		"", strings.Repeat("a", 32), p.token[:31], p.token + "a", strings.ToUpper(p.token), "%20" + p.token, p.token + "%00", p.token[:31] + "1",
		"%24ne", "%ff", strings.Repeat("a", 8192), "&sessionToken=" + p.token + "x",
	} {
		if got := g.srv.nobody(t).readsFor(token, 200, "Omega", "Selena"); got.body != want.body {
			t.Errorf("with the token %.50q: %s", token, got.body)
		}
		if got := g.srv.nobody(t).readsFor(token, 404, "Omega", "Nobody"); got.body != missing.body {
			t.Errorf("with the token %.50q: %s", token, got.body)
		}
	}
	g.holder.puts("Omega", "Selena", "age", "27")
	g.holder.creates("Omega", "Nobody", "")
	p.quiet(g.holder)
}

// Several sockets, several characters: each subscription is one of its own.
func TestUpdatesEachToItsOwn(t *testing.T) {
	t.Parallel()
	g := startGamers(t, nil)
	a, b, c := g.srv.plugin(t, byPolling), g.srv.plugin(t, byWebSocket), g.srv.plugin(t, byUpgrade)
	for _, name := range []string{"One", "Two", "Three"} {
		g.holder.creates("Omega", name, "")
	}
	a.reads(200, "Omega", "One")
	a.reads(200, "Omega", "Two")
	a.reads(404, "Alpha", "One") // of this name in another world
	b.reads(200, "Omega", "Two")
	b.reads(200, "Omega", "Three")
	g.holder.puts("Omega", "Three", "age", "3")
	g.holder.puts("Omega", "Two", "age", "2")
	g.holder.puts("Omega", "One", "age", "1")
	a.hears([2]string{"Omega", "Two"}, [2]string{"Omega", "One"})
	b.hears([2]string{"Omega", "Three"}, [2]string{"Omega", "Two"})
	g.holder.puts("Alpha", "One", "age", "1")
	a.hears([2]string{"Alpha", "One"})
	for _, p := range []*plugin{a, b, c} {
		p.quiet(g.holder)
	}
}

// What clients send is ignored, whatever they send.
func TestUpdatesIgnoresEvents(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	for _, transport := range transports {
		p := g.srv.plugin(t, transport)
		p.reads(404, "Omega", "Selena "+transport)
		p.send(`2/updates,["session",{"sessionToken":"`+p.token+`"}]`, `2/updates,["character.updated",{"name":"Selena","server":"Omega"}]`,
			`2/updates,7["subscribe","Omega"]`, `2/updates,["x",null,[{}],"…"]`, `51-/updates,["x",{"_placeholder":true,"num":0}]`, `bAQID`, `3/updates,5[]`)
		p.quiet(g.holder)
		g.holder.creates("Omega", "Selena "+transport, "")
		p.hears([2]string{"Omega", "Selena " + transport})
	}
}

// Another namespace is refused; it does not disturb this one.
func TestUpdatesIsTheOnlyNamespace(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	for _, transport := range transports {
		p := g.srv.connection(t, transport, http.Header{})
		for packet, want := range map[string]string{
			"0": `4{"message":"Invalid namespace"}`, "0/other,": `4/other,{"message":"Invalid namespace"}`,
			"0/Updates,{}": `4/Updates,{"message":"Invalid namespace"}`, "0/updates/,": `4/updates/,{"message":"Invalid namespace"}`,
		} {
			p.send(packet)
			if got := p.packet(); got != want {
				t.Errorf("%s: got %s, want %s", packet, got, want)
			}
		}
		p.join()
		p.quiet(g.holder)
	}
}

// What is told while a client moves from polls to a WebSocket is told once.
func TestUpdatesWhileUpgrading(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	for range 20 {
		p := g.srv.plugin(t, byPolling)
		p.reads(200, "Omega", "Selena")
		written := make(chan error, 1)
		go func() {
			_, err := g.holder.try("PUT", profileAt("Omega", "Selena"), `{"age":"`+p.sid+`"}`)
			written <- err
		}()
		p.upgrade()
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		p.hears([2]string{"Omega", "Selena"})
		p.quiet(g.holder)
		p.cut()
	}
}
