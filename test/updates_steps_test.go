package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// What tests of update notifications do and expect, step by step.

const characters = "/api/rp/v1/characters"

const charactersScope = "rp:character-profile:all.write"

// characterAt is where a character is renamed and deleted, profileAt where its profile is.
func characterAt(world, name string) string {
	return characters + "/" + url.PathEscape(world) + "/" + url.PathEscape(name)
}

func profileAt(world, name string) string {
	return characters + "/profile/" + url.PathEscape(world) + "/" + url.PathEscape(name)
}

var sessionEvent = regexp.MustCompile(`^2/updates,\["session",\{"sessionToken":"([a-z2-7]{32})"\}\]$`)

// join joins /updates and takes the token.
func (p *plugin) join() {
	p.t.Helper()
	p.send("0/updates,")
	if got := p.packet(); !fits(`0/updates,{"sid":"…"}`, got) {
		p.t.Fatalf("joining is answered with %s", got)
	}
	got := p.packet()
	found := sessionEvent.FindStringSubmatch(got)
	if found == nil {
		p.t.Fatalf("want the session's token, got %s", got)
	}
	p.token = found[1]
}

// update is what is told of a character.
func update(world, name string) map[string]string {
	return map[string]string{"name": name, "server": world}
}

// told reads the next packet, which tells of a character.
func (p *plugin) told() map[string]string {
	p.t.Helper()
	got := p.packet()
	one, err := readUpdate(got)
	if err != nil {
		p.t.Fatalf("want an update of a character, got %s (%v)", got, err)
	}
	return one
}

func readUpdate(packet string) (map[string]string, error) {
	list, ok := strings.CutPrefix(packet, "2/updates,")
	var name string
	var one map[string]string
	all := []any{&name, &one}
	if err := json.Unmarshal([]byte(list), &all); err != nil {
		return nil, err
	}
	if !ok || len(all) != 2 || name != "character.updated" || len(one) != 2 {
		return nil, fmt.Errorf("this is none")
	}
	return one, nil
}

// hears waits for these updates, in this order; each is a world and a name.
func (p *plugin) hears(updates ...[2]string) {
	p.t.Helper()
	for _, u := range updates {
		if got, want := p.told(), update(u[0], u[1]); !maps.Equal(got, want) {
			p.t.Errorf("told of %v, want %v", got, want)
		}
	}
}

var fences atomic.Int64

// quiet proves that nothing is on its way to the socket: of changes of two characters one hears in their order, and
// the next that it hears of is one that is made now.
func (p *plugin) quiet(holder *person) {
	p.t.Helper()
	name := "Fence " + strconv.FormatInt(fences.Add(1), 10)
	p.reads(404, "Fences", name)
	holder.wants(201, "…", "POST", characters, object(p.t, "world", "Fences", "name", name))
	p.hears([2]string{"Fences", name})
}

// reads reads a profile and shows the socket's token.
func (p *plugin) reads(status int, world, name string, headers ...string) told {
	p.t.Helper()
	return p.srv.nobody(p.t).readsFor(p.token, status, world, name, headers...)
}

// readsFor reads a profile and shows a token.
func (p *person) readsFor(token string, status int, world, name string, headers ...string) told {
	p.t.Helper()
	return p.asks(status, "GET", profileAt(world, name)+"?sessionToken="+token, "", headers...)
}

// asks sends a request to the profile API; the answer must be what the server says of itself, too.
func (p *person) asks(status int, method, path, body string, headers ...string) told {
	p.t.Helper()
	got := p.do(method, path, body, headers...)
	p.srv.describe(p.t)
	conforms(p.t, method, path, got.status, got.header, []byte(got.body))
	if got.status != status {
		p.t.Errorf("%s %s %.300s: status %d, want %d: %.500s", method, path, body, got.status, status, got.body)
	}
	return got
}

// fails is asks for a request that is answered with an error of this API.
func (p *person) fails(status int, message any, method, path, body string, headers ...string) {
	p.t.Helper()
	got := p.asks(status, method, path, body, headers...)
	if problem := got.failure(status, message); problem != "" {
		p.t.Errorf("%s %s %.300s: %s", method, path, body, problem)
	}
}

// statusWords are the words that stand beside a status.
var statusWords = map[int]string{
	400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 413: "Request Entity Too Large", 503: "Service Unavailable",
}

// failure tells what is wrong with an answer that is to be an error of the profile API; … in a message stands for
// anything.
func (a told) failure(status int, message any) string {
	var is struct {
		StatusCode int    `json:"statusCode"`
		Message    any    `json:"message"`
		Error      string `json:"error"`
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	said, err := json.Marshal(message)
	if err != nil {
		return err.Error()
	}
	if err := d.Decode(&is); err != nil {
		return fmt.Sprintf("no error of this API: %v: %.300s", err, a.body)
	}
	got, err := json.Marshal(is.Message)
	if err != nil || is.StatusCode != status || is.Error != statusWords[status] || !fits(string(said), string(got)) {
		return fmt.Sprintf("want %d %s, got %s", status, said, a.body)
	}
	return ""
}

// puts changes fields of a profile: names and texts in turn.
func (p *person) puts(world, name string, pairs ...any) told {
	p.t.Helper()
	return p.asks(200, "PUT", profileAt(world, name), object(p.t, pairs...))
}

// gamers are a server of characters, two users, and a program with a key.
type gamers struct {
	srv            *server
	holder         *person
	george, martha *person
}

func startGamers(t *testing.T, s settings) gamers {
	t.Helper()
	return gamersOf(t, startUsers(t, s))
}

func gamersOf(t *testing.T, srv *server) gamers {
	t.Helper()
	holder := srv.holder(t, charactersScope+",write:users")
	return gamers{srv, holder, srv.made(t, holder, "George"), srv.made(t, holder, "Martha")}
}

// creates makes a character, which may have an owner.
func (p *person) creates(world, name, owner string) {
	p.t.Helper()
	body := object(p.t, "world", world, "name", name)
	if owner != "" {
		body = object(p.t, "world", world, "name", name, "owner", owner)
	}
	if got := p.asks(201, "POST", characters, body); !sameJSON(p.t, got.body, ordered(p.t, world, name, owner)) {
		p.t.Errorf("a new character is answered with %s", got.body)
	}
}

// ordered is how a character without its profile is told.
func ordered(t *testing.T, world, name, owner string) string {
	t.Helper()
	one := struct {
		World string `json:"world"`
		Name  string `json:"name"`
		Owner string `json:"owner,omitempty"`
	}{world, name, owner}
	b, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
