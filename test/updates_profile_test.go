package test

import (
	"strings"
	"testing"
)

// What a profile says is text, whatever was written.
func TestUpdatesProfilesAreText(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	for written, told := range map[string]string{
		"plain":                               "plain",
		"two\nlines\r\nand \t a tab":          "two\nlines\r\nand \t a tab",
		"a < b":                               "a < b",
		"a > b & c":                           "a > b & c",
		"1 < 2 && 3 > 2":                      "1 < 2 && 3 > 2",
		"I <3 you":                            "I <3 you",
		"<b>bold</b> and <i>so <u>on</u></i>": "bold and so on",
		"&lt;b&gt; &amp; &quot;x&quot; &#39;&#x263A;&eacute;": "<b> & \"x\" '☺é",
		"&amp;lt;b&amp;gt;": "&lt;b&gt;", // once, not twice
		`<a href="javascript:alert(1)" onclick="x()">a link</a>`: "a link",
		`<img src=x onerror="alert(1)">seen`:                     "seen",
		"<script>alert(1)</script>after":                         "after",
		"<SCRIPT\n>alert('<b>')</SCRIPT >after":                  "after",
		"<style>p{color:red}</style>after":                       "after",
		"before<!-- <b>hidden</b> -->after":                      "beforeafter",
		"one<br>two<br/>three<BR />four":                         "one\ntwo\nthree\nfour",
		"<p>one</p><p class=\"x\">two</p>":                       "one\ntwo",
		"<ul><li>one</li><li>two</li></ul>":                      "one\ntwo",
		"<b>never closed":                                        "never closed",
		"closed</b> never opened</p>":                            "closed never opened",
		"<p title=\"a > b\">quoted</p>":                          "quoted",
		"&lt;script&gt;alert(1)&lt;/script&gt;":                  "<script>alert(1)</script>", // it is text, and told as such
		"<p>Größe: 5&nbsp;&lt;&nbsp;6 Fuß</p>":                   "Größe: 5\u00a0<\u00a06 Fuß",
		"😀 <b>😀</b>":                                             "😀 😀",
		"<p>one<p>two":                                           "one\ntwo", // the end of a paragraph need not be written
		"one<div>two</div><div>three</div>":                      "one\ntwo\nthree",
		"one<p/>two":                                             "one\ntwo",
		"one</br>two":                                            "one\ntwo", // what browsers make of it
	} {
		t.Run(written, func(t *testing.T) {
			g.holder.puts("Omega", "Selena", "motto", written).wantsProfile(t, "motto", told)
			g.srv.nobody(t).asks(200, "GET", profileAt("Omega", "Selena"), "").wantsProfile(t, "motto", told)
		})
	}
}

func TestUpdatesProfileTags(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "")
	p, at := g.srv.plugin(t, byPolling), profileAt("Omega", "Selena")
	got := g.srv.nobody(t).asks(200, "GET", at, "")
	tag := got.header.Get("ETag")
	if len(tag) < 10 || !strings.HasPrefix(tag, `"`) || got.header.Get("Cache-Control") != "no-cache" || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the headers are %v", got.header)
	}
	for _, known := range []string{tag, `"x", ` + tag, "W/" + tag, `W/"x",W/` + tag, "*"} {
		got := p.reads(304, "omega", "selena", "If-None-Match", known)
		if got.body != "" || got.header.Get("ETag") != tag {
			t.Errorf("%s: %q with %v", known, got.body, got.header)
		}
		// What is known is subscribed to all the same.
		g.holder.puts("Omega", "Selena", "age", known)
		p.hears([2]string{"Omega", "Selena"})
		p.quiet(g.holder)
		now := g.srv.nobody(t).asks(200, "GET", at, "", "If-None-Match", strings.ReplaceAll(known, "*", `"*"`)) // it has changed
		if other := now.header.Get("ETag"); other == tag {
			t.Errorf("another profile has the tag %s too", tag)
		}
		g.holder.puts("Omega", "Selena", "age", "")
	}
	for _, unknown := range []string{`"x"`, "x", "", strings.Trim(tag, `"`), strings.ToUpper(tag)} {
		g.srv.nobody(t).asks(200, "GET", at, "", "If-None-Match", unknown)
	}
	g.srv.nobody(t).fails(404, notFound, "GET", profileAt("Omega", "Nobody"), "", "If-None-Match", "*")
}

// Names stand in a path as they are, percent-encoded.
func TestUpdatesProfilesByName(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	for _, c := range [][2]string{
		{"Omega", "Selena Star"},
		{"Ωmega", "Jürgen ſs"},
		{"李", "小龍"},
		{"Omega", "100%"},
		{"a+b", "c d"},
		{"Omega", "what?#x"},
		{"Omega", "a&b=c;d"},
		{"profile", "profile"},
		{"..", ".."},
		{"Omega", "."},
		{"Omega", `\"'<>{}`},
		{"Omega", strings.Repeat("ä", 64)},
		{"$where", "key"},
		{"😀", "😀"},
		{"Omega", "a\u00a0b"},
	} {
		world, name := c[0], c[1]
		g.srv.nobody(t).fails(404, notFound, "GET", profileAt(world, name), "")
		g.holder.creates(world, name, "George")
		g.george.puts(world, name, "age", "27").wantsProfile(t, "age", "27")
		g.srv.nobody(t).asks(200, "GET", profileAt(strings.ToUpper(world), strings.ToLower(name)), "").wantsProfile(t, "age", "27")
		got := g.george.asks(200, "PATCH", characterAt(world, name), object(t, "name", name+"x"[:min(1, 64-len([]rune(name)))]))
		if now := name + "x"[:min(1, 64-len([]rune(name)))]; !sameJSON(t, got.body, ordered(t, world, now, "George")) {
			t.Errorf("renamed: %s", got.body)
		} else {
			g.george.asks(204, "DELETE", characterAt(world, now), "")
		}
		g.srv.nobody(t).fails(404, notFound, "GET", profileAt(world, name), "")
		if t.Failed() {
			t.Fatalf("this was %q in %q", name, world)
		}
	}
	// No character has a slash in its name, and none can be made by that.
	for _, c := range [][2]string{{"Omega", "a/b"}, {"a/b", "Selena"}, {"Omega", "/"}, {"Omega", "a\x00b"}, {"Omega", "a\nb"}, {"Omega", " a"}} {
		g.srv.nobody(t).fails(404, notFound, "GET", profileAt(c[0], c[1]), "")
		g.holder.fails(400, []string{"…"}, "PUT", profileAt(c[0], c[1]), `{"age":"27"}`)
	}
}

// What no name can be is nobody's: it is answered, and does not trouble the store.
func TestUpdatesProfilesOfImpossibleNames(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	p := g.srv.plugin(t, byWebSocket)
	for name, path := range map[string]string{"no text": "/profile/Omega/%ff%fe", "no text for a world": "/profile/%c3%28/x", "a long one": "/profile/Omega/" + strings.Repeat("x", 10_000)} {
		t.Run(name, func(t *testing.T) {
			who := g.srv.nobody(t)
			who.fails(404, notFound, "GET", characters+path, "")
			who.fails(404, notFound, "GET", characters+path+"?sessionToken="+p.token, "")
			g.holder.at(t, g.srv).fails(400, []string{"…"}, "PUT", characters+path, `{"age":"27"}`)
			g.holder.at(t, g.srv).fails(404, notFound, "DELETE", characters+strings.TrimPrefix(path, "/profile"), "")
		})
	}
	p.quiet(g.holder)
}

// What a user's characters say is a part of what the user says: dialect 1 tells of it, too.
func TestUpdatesProfilesAreEventsOfTheirOwner(t *testing.T) {
	t.Parallel()
	g := startGamers(t, nil)
	c := g.srv.listen(t)
	const field = `"characters"`
	g.holder.creates("Omega", "Selena", "George")
	g.george.puts("Omega", "Selena", "age", "27")
	g.holder.puts("Omega", "Selena", "race", "Miqo'te")
	g.holder.puts("Omega", "Selena", "race", "Miqo'te") // it is
	g.george.asks(200, "PATCH", characterAt("Omega", "Selena"), `{"name":"Luna"}`)
	c.hears(updated(field, "George"), updated(field, "George"), updated(field, "George"), updated(field, "George"))

	g.holder.asks(200, "PATCH", characterAt("Omega", "Luna"), `{"owner":"Martha"}`)
	c.hears(updated(field, "George"), updated(field, "Martha"))
	g.holder.asks(200, "PATCH", characterAt("Omega", "Luna"), `{"owner":""}`)
	c.hears(updated(field, "Martha"))
	g.holder.puts("Omega", "Luna", "age", "28") // nobody's
	g.holder.asks(200, "PATCH", characterAt("Omega", "Luna"), `{"owner":"Martha"}`)
	g.martha.asks(204, "DELETE", characterAt("Omega", "Luna"), "")
	c.hears(updated(field, "Martha"), updated(field, "Martha"))
	g.holder.puts("Omega", "Selena", "age", "27")
	c.alive()
}
