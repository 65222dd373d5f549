package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The API of characters and their profiles.

// fields are those of a profile, in the order in which they are told.
var fields = []string{
	"appearance", "background", "occupation", "race", "nationality", "age", "birthplace", "residence", "title", "nickname", "motto", "loves", "hates",
	"friends", "relatives", "enemies", "motivation", "currently", "oocInfo", "pronouns",
}

const (
	notYours  = "This is not your character"
	notFound  = "Character not found"
	noScope   = "The access key lacks the scope " + charactersScope
	nobodyHas = "Unauthorized"
)

// profileText is a profile with these fields, names and texts in turn.
func profileText(t *testing.T, pairs ...any) string {
	t.Helper()
	all := []string{}
	for _, f := range fields {
		text := any("")
		if i := slices.Index(pairs, any(f)); i >= 0 && i%2 == 0 {
			text = pairs[i+1]
		}
		all = append(all, strings.Trim(object(t, f, text), "{}"))
	}
	return "{" + strings.Join(all, ",") + "}"
}

// wantsProfile compares a profile as text: every field, in order.
func (a told) wantsProfile(t *testing.T, pairs ...any) {
	t.Helper()
	if want := profileText(t, pairs...); !sameJSON(t, a.body, want) {
		t.Errorf("got  %s\nwant %s", a.body, want)
	}
}

func TestUpdatesProfilesAreForWhoMay(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	stranger, wrong, everything, lapsed := g.srv.nobody(t), g.srv.nobody(t), g.srv.nobody(t), g.srv.loggedIn(t, "George", passwordOf("George"))
	stranger.token = strings.Repeat("0", 24) + "_" + strings.Repeat("0", 64)
	wrong.headers.Set("Authorization", "Bearer wrong")
	lapsed.logout()
	owner := *g.george
	owner.headers = g.srv.holder(t, "read:users").headers // a key counts more than the session beside it
	who := map[string]*person{
		"nobody": g.srv.nobody(t), "a wrong cookie": stranger, "a wrong key": wrong, "a session that ended": lapsed,
		"another scope": g.srv.holder(t, "write:users"), "an owner with another scope": &owner,
		"a key": g.srv.holder(t, charactersScope), "a key for all": everything, "another": g.martha, "the owner": g.george,
	}
	status, key, _ := command(t, "key", "create", "--config", g.srv.configPath(), "--name", "all", "--scopes", "*")
	if status != 0 {
		t.Fatalf("key create: status %d", status)
	}
	everything.headers.Set("Authorization", "Bearer "+strings.TrimSpace(key))
	type outcome struct {
		status  int
		message any
	}
	out := map[string]outcome{
		"nobody": {401, nobodyHas}, "a wrong cookie": {401, nobodyHas}, "a wrong key": {401, nobodyHas}, "a session that ended": {401, nobodyHas},
		"another scope": {403, noScope}, "an owner with another scope": {403, noScope},
	}
	changed := true
	for _, c := range []struct {
		request, body string
		own           int // the status of who may
		another       outcome
		byKeysOnly    bool
	}{
		{"PUT /profile/Omega/Selena", `{"age":"27"}`, 200, outcome{403, notYours}, false},
		{"PATCH /Omega/Selena", `{"name":"SELENA"}`, 200, outcome{403, notYours}, false},
		{"DELETE /Omega/Selena", ``, 204, outcome{403, notYours}, false},
		{"PUT /profile/Omega/Free", `{"age":"27"}`, 0, outcome{403, notYours}, false}, // nobody's
		{"PATCH /Omega/Free", `{"name":"free"}`, 0, outcome{403, notYours}, false},
		{"DELETE /Omega/Free", ``, 0, outcome{403, notYours}, false},
		{"PUT /profile/Omega/Absent", `{"age":"27"}`, 0, outcome{404, notFound}, false},
		{"PATCH /Omega/Absent", `{"name":"absent"}`, 0, outcome{404, notFound}, false},
		{"DELETE /Omega/Absent", ``, 0, outcome{404, notFound}, false},
		{"POST ", `{"world":"Omega","name":"New"}`, 0, outcome{401, nobodyHas}, true},
		{"PATCH /Omega/Selena", `{"owner":"Martha"}`, 0, outcome{403, "Only an access key can give a character to somebody"}, true},
	} {
		for name, p := range who {
			if changed { // the stage is as it was
				for _, gone := range []string{"Selena", "Free", "Absent", "New"} {
					g.holder.do("DELETE", characterAt("Omega", gone), "")
				}
				g.holder.creates("Omega", "Selena", "George")
				g.holder.creates("Omega", "Free", "")
			}
			changed = true
			method, path, _ := strings.Cut(c.request, " ")
			path = characters + path
			switch want, refused := out[name]; {
			case refused:
				p.fails(want.status, want.message, method, path, c.body)
				changed = false
			case name == "the owner" && c.own > 0:
				p.asks(c.own, method, path, c.body)
			case name == "another" || name == "the owner":
				p.fails(c.another.status, c.another.message, method, path, c.body)
				changed = false
			case path == characters:
				p.asks(201, method, path, c.body)
			case strings.HasSuffix(path, "/Absent") && method != "PUT":
				p.fails(404, notFound, method, path, c.body)
			case method == "DELETE":
				p.asks(204, method, path, c.body)
			default:
				p.asks(200, method, path, c.body)
			}
			if t.Failed() {
				t.Fatalf("this was: %s by %s", c.request, name)
			}
		}
	}
	for name, p := range who { // whoever shows what
		p.readsFor("", 200, "Omega", "Selena")
		p.fails(404, notFound, "GET", profileAt("Omega", "Nobody"), "")
		if t.Failed() {
			t.Fatalf("this was: reading by %s", name)
		}
	}
}

func TestUpdatesProfileFields(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	at := profileAt("Omega", "Selena")
	g.srv.nobody(t).asks(200, "GET", at, "").wantsProfile(t)

	// Each by itself; what is not named stays.
	var all []any
	for i, f := range fields {
		all = append(all, f, fmt.Sprintf("text %d", i))
		g.george.puts("Omega", "Selena", f, fmt.Sprintf("text %d", i)).wantsProfile(t, all...)
	}
	g.srv.nobody(t).asks(200, "GET", at, "").wantsProfile(t, all...)
	g.george.asks(200, "PUT", at, `{}`).wantsProfile(t, all...)

	// "" unsets; what is unknown is dropped, whatever it is.
	g.george.asks(200, "PUT", at, `{"age":"","color":"blue","name":7,"world":null,"owner":{},"profile":[],"$set":1,"Age":"28","":0,"_id":1,"__proto__":{}}`)
	all[slices.Index(all, any("age"))+1] = ""
	g.srv.nobody(t).asks(200, "GET", at, "").wantsProfile(t, all...)
	g.srv.nobody(t).asks(200, "GET", characters+"/profile/Omega/Selena?x=1", "").wantsProfile(t, all...)

	// A key holder's makes the character.
	g.holder.puts("Omega", "New One", "age", "1", "color", "blue").wantsProfile(t, "age", "1")
	g.holder.asks(200, "PUT", profileAt("Omega", "Empty"), `{}`).wantsProfile(t)
	g.srv.nobody(t).asks(200, "GET", profileAt("omega", "new one"), "").wantsProfile(t, "age", "1")
	g.srv.nobody(t).asks(200, "GET", profileAt("omega", "empty"), "").wantsProfile(t)
}

func TestUpdatesProfileBodies(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	at := profileAt("Omega", "Selena")
	for body, message := range map[string]any{
		`{"age":27}`:                           []string{"age must be a string"},
		`{"age":null}`:                         []string{"age must be a string"},
		`{"age":["27"]}`:                       []string{"age must be a string"},
		`{"age":{}}`:                           []string{"age must be a string"},
		`{"pronouns":1,"age":true,"race":"x"}`: []string{"age must be a string", "pronouns must be a string"},
		`{"age":"` + strings.Repeat("x", 65537) + `"}`: []string{"age must have at most 65536 bytes"},
		``:               []string{"the body must be a JSON object"},
		`null`:           []string{"the body must be a JSON object"},
		`[]`:             []string{"the body must be a JSON object"},
		`"age"`:          []string{"the body must be a JSON object"},
		`{"age":"27"`:    []string{"the body must be a JSON object"},
		`{"age":"27"}{}`: []string{"the body must be a JSON object"},
		`age=27`:         []string{"the body must be a JSON object"},
	} {
		g.george.fails(400, message, "PUT", at, body)
		g.holder.fails(400, message, "PUT", at, body)
	}
}

func TestUpdatesCharacterBodies(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	g.holder.creates("Omega", "Luna", "")
	const taken, spaces, text, long = "There is a character of this name in this world", "…must not be empty, nor have spaces around it", "…must be text without a slash and control characters", "…must have at most 64 characters"
	none := []string{"the body must be a JSON object"}
	for _, c := range []struct {
		method, body string
		status       int
		message      any
	}{
		{"POST", ``, 400, none},
		{"POST", `[]`, 400, none},
		{"POST", `{`, 400, none},
		{"POST", `{}`, 400, []string{"world must not be empty, nor have spaces around it"}},
		{"POST", `{"world":"Omega"}`, 400, []string{"name must not be empty, nor have spaces around it"}},
		{"POST", `{"world":1,"name":"x"}`, 400, []string{"world must be a string"}},
		{"POST", `{"world":"Omega","name":["x"]}`, 400, []string{"name must be a string"}},
		{"POST", `{"world":"Omega","name":"x","owner":1}`, 400, []string{"owner must be a string"}},
		{"POST", `{"world":"Omega","name":" x"}`, 400, []string{spaces}},
		{"POST", `{"world":"Omega","name":"a/b"}`, 400, []string{text}},
		{"POST", `{"world":"Omega","name":"a\nb"}`, 400, []string{text}},
		{"POST", `{"world":"Omega","name":"` + strings.Repeat("ä", 65) + `"}`, 400, []string{long}},
		{"POST", `{"world":"OMEGA","name":"SELENA"}`, 409, taken},
		{"PATCH", ``, 400, none},
		{"PATCH", `null`, 400, none},
		{"PATCH", `{"world":1}`, 400, []string{"world must be a string"}},
		{"PATCH", `{"name":{}}`, 400, []string{"name must be a string"}},
		{"PATCH", `{"owner":7}`, 400, []string{"owner must be a string"}},
		{"PATCH", `{"name":""}`, 400, []string{spaces}},
		{"PATCH", `{"world":"a/b"}`, 400, []string{text}},
		{"PATCH", `{"name":"luna"}`, 409, taken},
	} {
		path := characters
		if c.method == "PATCH" {
			path = characterAt("omega", "selena")
		}
		g.holder.fails(c.status, c.message, c.method, path, c.body)
	}
	// What is null, or nothing at all, changes nothing.
	for _, body := range []string{`{}`, `{"world":null,"name":null}`, `{"color":"blue"}`} {
		if got := g.holder.asks(200, "PATCH", characterAt("omega", "selena"), body); !sameJSON(t, got.body, ordered(t, "Omega", "Selena", "George")) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	if got := g.holder.asks(200, "PATCH", characterAt("omega", "selena"), `{"world":"Alpha","name":"S","owner":""}`); !sameJSON(t, got.body, ordered(t, "Alpha", "S", "")) {
		t.Errorf("changed: %s", got.body)
	}
	g.george.fails(403, notYours, "DELETE", characterAt("Alpha", "S"), "")
}

func TestUpdatesProfileBodiesThatAreLarge(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	g := startGamers(t, nil)
	g.holder.creates("Omega", "Selena", "George")
	const bound = 256 << 10
	body := func(size int) string {
		const begin, end = `{"age":"27","color":"`, `"}`
		return begin + strings.Repeat("x", size-len(begin)-len(end)) + end
	}
	for request, small := range map[string]int{"PUT " + profileAt("Omega", "Selena"): 200, "PATCH " + characterAt("Omega", "Selena"): 200, "POST " + characters: 400} {
		method, path, _ := strings.Cut(request, " ")
		g.holder.asks(small, method, path, body(bound))
		g.holder.fails(413, "…", method, path, body(bound+1))
		g.holder.fails(413, "…", method, path, body(4*bound))
	}
	// Fields of the greatest length are kept whole.
	most := strings.Repeat("ä", 32<<10)
	g.george.puts("Omega", "Selena", "appearance", most, "background", most, "motto", most).wantsProfile(t, "age", "27", "appearance", most, "background", most, "motto", most)
	g.srv.nobody(t).asks(200, "GET", profileAt("Omega", "Selena"), "").wantsProfile(t, "age", "27", "appearance", most, "background", most, "motto", most)
}
