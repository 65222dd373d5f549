package test

import (
	"net/http"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Whoever changes a character, and however: who is subscribed to it is told.

// changeOf is a step of a character's life, and what subscribers hear of it.
type changeOf struct {
	what string
	read [][2]string // by which the socket subscribes
	do   func()
	told [][2]string
}

// lives does one step after the other.
func (p *plugin) lives(g gamers, steps []changeOf) {
	p.t.Helper()
	for _, s := range steps {
		for _, r := range s.read {
			if got := g.srv.nobody(p.t).do("GET", profileAt(r[0], r[1])+"?sessionToken="+p.token, ""); got.status != 200 && got.status != 404 {
				p.t.Fatalf("%s: reading %v: %d %s", s.what, r, got.status, got.body)
			}
		}
		s.do()
		p.hears(s.told...)
		p.quiet(g.holder)
		if p.t.Failed() {
			p.t.Fatalf("this was: %s", s.what)
		}
	}
}

func TestUpdatesOfALife(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	selena := [2]string{"Omega", "Selena Star"}
	patch := func(who *person, world, name, body string) func() {
		return func() { who.asks(200, "PATCH", characterAt(world, name), body) }
	}
	put := func(who *person, age string) func() {
		return func() { who.puts("omega", "SELENA STAR", "age", age) }
	}
	for _, transport := range []string{byPolling, byWebSocket} {
		// It has the session of who edits.
		p := g.srv.pluginWith(t, transport, http.Header{"Cookie": {"gatehouse=" + g.george.token}})
		p.lives(g, []changeOf{
			{what: "a key holder's profile makes it", read: [][2]string{selena}, do: func() { g.holder.puts("Omega", "Selena Star", "age", "1") }, told: [][2]string{selena}},
			{what: "a change that nobody reads before", do: put(g.holder, "2")},
			{what: "a key holder's change, and another spelling", read: [][2]string{{"OMEGA", "selena star"}}, do: put(g.holder, "3"), told: [][2]string{selena}},
			{what: "a change to what is there", read: [][2]string{selena}, do: put(g.holder, "3")},
			{what: "the change after it", do: put(g.holder, "4"), told: [][2]string{selena}},
			{what: "a deletion", read: [][2]string{selena, {"OMEGA", "SELENA STAR"}}, do: func() { g.holder.asks(204, "DELETE", characterAt("omega", "selena star"), "") }, told: [][2]string{selena}},
			{what: "a creation", read: [][2]string{{"omega", "selena star"}}, do: func() { g.holder.creates("Omega", "Selena Star", "George") }, told: [][2]string{selena}},
			{what: "the editor's own", read: [][2]string{selena}, do: put(g.george, "5"), told: [][2]string{selena}},
			{what: "what its owner may not change", read: [][2]string{selena}, do: func() {
				g.martha.asks(403, "PUT", profileAt("Omega", "Selena Star"), `{"age":"6"}`)
				g.martha.asks(403, "DELETE", characterAt("Omega", "Selena Star"), "")
				g.holder.asks(400, "PUT", profileAt("Omega", "Selena Star"), `{"age":6}`)
				g.holder.asks(409, "POST", characters, `{"world":"omega","name":"selena star"}`)
			}},
			{what: "a rename", read: [][2]string{{"omega", "luna"}}, do: patch(g.george, "omega", "selena star", `{"name":"Luna"}`), told: [][2]string{selena, {"Omega", "Luna"}}},
			{what: "a move", read: [][2]string{{"Omega", "Luna"}, {"Alpha", "Luna"}, selena}, do: patch(g.holder, "Omega", "Luna", `{"world":"Alpha"}`), told: [][2]string{{"Omega", "Luna"}, {"Alpha", "Luna"}}},
			{what: "back, both at once", read: [][2]string{{"Alpha", "Luna"}}, do: patch(g.george, "Alpha", "Luna", `{"world":"Omega","name":"Selena Star"}`), told: [][2]string{{"Alpha", "Luna"}, selena}},
			{what: "a rename to what it is called", read: [][2]string{selena}, do: patch(g.george, "Omega", "Selena Star", `{"name":"Selena Star"}`)},
			{what: "another owner", do: patch(g.holder, "Omega", "Selena Star", `{"owner":"Martha"}`), told: [][2]string{selena}},
			{what: "its owner's deletion", read: [][2]string{selena}, do: func() { g.martha.asks(204, "DELETE", characterAt("omega", "selena star"), "") }, told: [][2]string{selena}},
		})
	}
}

// The stored spelling is that which a change leaves.
func TestUpdatesOfAnotherSpelling(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	for body, told := range map[string][2]string{
		`{"name":"SELENA"}`:                   {"Omega", "SELENA"},
		`{"world":"OMEGA"}`:                   {"OMEGA", "Selena"},
		`{"world":"oMEGA","name":"sELENA"}`:   {"oMEGA", "sELENA"},
		`{"name":"Selena","owner":"Martha"}`:  {"Omega", "Selena"},
		`{"world":"omega","owner":"Martha"}`:  {"omega", "Selena"},
		`{"world":"Omega","name":"selena"}`:   {"Omega", "selena"},
		`{"world":"Omega ","name":"Selena "}`: {}, // refused, so nobody is told
	} {
		t.Run(body, func(t *testing.T) {
			p := g.srv.plugin(t, byWebSocket)
			g.holder.creates("Omega", "Selena", "")
			defer g.holder.do("DELETE", characterAt("Omega", "Selena"), "")
			p.reads(200, "Omega", "Selena")
			status := 200
			if told[0] == "" {
				status = 400
			}
			g.holder.asks(status, "PATCH", characterAt("Omega", "Selena"), body)
			if told[0] != "" {
				p.hears(told)
			}
			p.quiet(g.holder)
		})
	}
}

// Names of other scripts are the same name in other spellings, too.
func TestUpdatesOfOtherScripts(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	p := g.srv.plugin(t, byPolling)
	for _, c := range []struct{ name, read string }{
		{"Jürgen Großmann", "JU\u0308RGEN GROSSMANN"},
		{"ΣΊΣΥΦΟΣ", "σίσυφος"},
		{"Ñandú", "n\u0303andu\u0301"},
		{"李小龍", "李小龍"},
		{"O'Neil \"The\" & Co <x>", "o'neil \"the\" & co <X>"},
		{"100% ?#+;=", "100% ?#+;="},
		{"..", ".."},
		{"😀", "😀"},
	} {
		p.reads(404, "Ωmega", c.read)
		g.holder.creates("Ωmega", c.name, "")
		p.hears([2]string{"Ωmega", c.name})
		p.reads(200, "ωMEGA", c.read)
		g.holder.puts("Ωmega", c.name, "motto", "x")
		p.hears([2]string{"Ωmega", c.name})
	}
	p.quiet(g.holder)
}

// character is a document as another program writes it.
func character(world, name, key string, more ...bson.E) bson.D {
	return append(bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "world", Value: world}, {Key: "name", Value: name}, {Key: "key", Value: key}}, more...)
}

func setTo(name string, value any) bson.D {
	return bson.D{{Key: "$set", Value: bson.D{{Key: name, Value: value}}}}
}

func TestUpdatesOfAnotherProgramsChanges(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	g := gamersOf(t, d.node(t, cheap(nil)))
	other := d.program(t)
	selena, luna := [2]string{"Omega", "Selena"}, [2]string{"Omega", "Luna"}
	doc := character("Omega", "Selena", "omega/selena")
	id := doc[0].Value
	do := func(change bson.D) func() { return func() { other.update("characters", id, change) } }
	p := g.srv.plugin(t, byWebSocket)
	p.lives(g, []changeOf{
		{what: "an insertion", read: [][2]string{{"omega", "SELENA"}}, do: func() { other.insert("characters", doc) }, told: [][2]string{selena}},
		{what: "an update that nobody reads before", do: do(setTo("profile.age", "1"))},
		{what: "an update", read: [][2]string{selena}, do: do(setTo("profile.age", "2")), told: [][2]string{selena}},
		{what: "an update to what is there", read: [][2]string{selena}, do: do(setTo("profile.age", "2"))},
		{what: "a field of its own", do: do(setTo("theirs", 1)), told: [][2]string{selena}},
		{what: "a rename", read: [][2]string{selena, luna}, do: do(bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: "Luna"}, {Key: "key", Value: "omega/luna"}}}}), told: [][2]string{selena, luna}},
		{what: "a rename that forgets the key", read: [][2]string{selena, luna}, do: do(setTo("name", "Selena")), told: [][2]string{luna, selena}},
		{what: "a replacement", read: [][2]string{selena}, do: func() { other.replace("characters", id, doc) }, told: [][2]string{selena}},
		{what: "a replacement by another", read: [][2]string{selena, luna}, do: func() { other.replace("characters", id, character("Omega", "Luna", "omega/luna")[1:]) }, told: [][2]string{selena, luna}},
		{what: "a name that goes", read: [][2]string{luna}, do: do(bson.D{{Key: "$unset", Value: bson.D{{Key: "name", Value: ""}}}}), told: [][2]string{luna}},
		{what: "changes without a name", read: [][2]string{luna, {"Omega", ""}}, do: do(setTo("profile", 7))},
		{what: "a name of another type", do: do(setTo("name", 7))},
		{what: "a world of another type", do: do(bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: "Luna"}, {Key: "world", Value: bson.A{"Omega"}}}}})},
		{what: "a name that comes back", do: do(setTo("world", "Omega")), told: [][2]string{luna}},
		{what: "a deletion", read: [][2]string{luna}, do: func() { other.remove("characters", id) }, told: [][2]string{luna}},
	})
}

// What another program left that this one never wrote is read all the same.
func TestUpdatesOfOddDocuments(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	g := gamersOf(t, d.node(t, cheap(nil)))
	other := d.program(t)
	for _, e := range []bson.E{
		{Key: "profile", Value: nil},
		{Key: "profile", Value: 7},
		{Key: "profile", Value: bson.A{"age"}},
		{Key: "profile", Value: bson.D{{Key: "age", Value: 27}, {Key: "race", Value: nil}, {Key: "color", Value: "x"}}},
		{Key: "owner", Value: 7},
		{Key: "owner", Value: nil},
		{Key: "updatedAt", Value: "yesterday"},
	} {
		doc := character("Omega", "Selena", "omega/selena", e)
		other.insert("characters", doc)
		if got := g.srv.nobody(t).asks(200, "GET", profileAt("omega", "selena"), ""); got.body != profileText(t) {
			t.Errorf("where %s is %v: %s", e.Key, e.Value, got.body)
		}
		if got := g.holder.puts("omega", "selena", "race", "Miqo'te"); got.body != profileText(t, "race", "Miqo'te") {
			t.Errorf("where %s is %v: %s", e.Key, e.Value, got.body)
		}
		g.george.fails(403, notYours, "PUT", profileAt("omega", "selena"), `{"age":"1"}`)
		g.holder.asks(204, "DELETE", characterAt("omega", "selena"), "")
	}
}
