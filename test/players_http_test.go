package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// What the tests of players and channels over HTTP speak through.

// addresses counts those from which somebody has called.
var addresses atomic.Int64

// elsewhere is an address from which nobody has called yet. Requests are counted by key and address: a test that is
// not about the rates calls each time from another one.
func elsewhere() string {
	n := addresses.Add(1)
	return fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
}

// arcade is a server of players, and a program that may do everything there.
type arcade struct {
	t   *testing.T
	srv *server
	all *person
}

func startArcade(t *testing.T, s settings) *arcade {
	t.Helper()
	all := settings{"websocket.trustedProxies": []string{"127.0.0.1"}}
	maps.Copy(all, s)
	srv := startUsers(t, all)
	return &arcade{t, srv, srv.program(t, "everything", "*")}
}

// program has an access key with a name of its own: the other helpers name a key for its scopes, and not all scopes
// make a name.
func (s *server) program(t *testing.T, name, scopes string) *person {
	t.Helper()
	status, key, stderr := command(t, "key", "create", "--config", s.configPath(), "--name", name, "--scopes", scopes)
	if status != 0 {
		t.Fatalf("key create: status %d\n%s", status, stderr)
	}
	p := s.nobody(t)
	p.headers.Set("Authorization", "Bearer "+strings.TrimSpace(key))
	return p
}

// calls sends a request of a game and compares the whole answer. Where the one that is wanted is empty the answer must
// be so too; … in a text stands for anything, and so does the text … for a value.
func (p *person) calls(status int, want, method, path, body string, headers ...string) told {
	p.t.Helper()
	got := p.asks(status, method, path, body, slices.Concat([]string{"X-Forwarded-For", elsewhere()}, headers)...)
	if problem := cmpAnswer(want, got); problem != "" {
		p.t.Errorf("%s %s %.300s %v: %s\ngot  %d %.1500s\nwant %.1500s", method, path, body, headers, problem, got.status, got.body, want)
	}
	return got
}

// cmpAnswer tells what is wrong with an answer.
func cmpAnswer(want string, got told) string {
	if want == "" || got.body == "" {
		if want != got.body {
			return "a body, or none"
		}
		return ""
	}
	is, err := readJSON(got.body)
	if err != nil {
		return err.Error()
	}
	if problem := improper("", is); problem != "" {
		return problem
	}
	if fields, isObject := is.(map[string]any); got.status >= 400 && (!isObject || fields["errorCode"] != nil) {
		return "no client can read this error"
	}
	if !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		return "the type is " + got.header.Get("Content-Type")
	}
	wanted, err := readJSON(want)
	if err != nil {
		return "the test itself: " + err.Error()
	}
	return unlike("", wanted, is)
}

func readJSON(s string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// unlike tells where a value is another one than it should be.
func unlike(path string, want, got any) string {
	switch w := want.(type) {
	case string:
		if s, isText := got.(string); w == "…" && got != nil || isText && fits(w, s) {
			return ""
		}
	case map[string]any:
		g, isObject := got.(map[string]any)
		if !isObject {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if _, wanted := w[name]; !wanted {
				return "too much: " + path + "." + name
			}
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			value, has := g[name]
			if !has {
				return "missing: " + path + "." + name
			}
			if problem := unlike(path+"."+name, w[name], value); problem != "" {
				return problem
			}
		}
		return ""
	case []any:
		g, isList := got.([]any)
		if !isList || len(g) != len(w) {
			break
		}
		w, g = sortedProps(w), sortedProps(g)
		for i := range w {
			if problem := unlike(path+"."+strconv.Itoa(i), w[i], g[i]); problem != "" {
				return problem
			}
		}
		return ""
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("differs: %s: got %.300v, want %.300v", path, got, want)
}

// sortedProps gives the props of a player or a channel one order: there is none that clients rely on. Other lists
// stay as they are.
func sortedProps(list []any) []any {
	for _, one := range list {
		if p, isObject := one.(map[string]any); !isObject || len(p) != 2 || p["key"] == nil || p["value"] == nil {
			return list
		}
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

var aUUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// nullable are the names of what may be null; clients trip over all others that are.
var nullable = []string{"owner", "presence", "playerAlias", "prop"}

// improper tells what clients cannot read in an answer, wherever it stands: nulls, times and ids.
func improper(name string, v any) string {
	switch v := v.(type) {
	case nil:
		if !slices.Contains(nullable, name) {
			return name + " is null"
		}
	case string:
		if strings.HasSuffix(name, "At") {
			if at, err := time.Parse("2006-01-02T15:04:05.000Z", v); err != nil || at.Format("2006-01-02T15:04:05.000Z") != v {
				return name + " is no time: " + v
			}
		}
		if (name == "id" || name == "socketToken" || name == "ticket") && !aUUID.MatchString(v) {
			return name + " is no UUID: " + v
		}
	case map[string]any:
		if _, isErrors := v["errors"]; isErrors {
			return "" // its names are those of the request
		}
		for name, value := range v {
			if problem := improper(name, value); problem != "" {
				return problem
			}
		}
	case []any:
		for _, value := range v {
			if problem := improper("", value); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// says is the body of an error with words.
func says(words string) string { return `{"message":"` + words + `"}` }

// wrongs is the body of an error that says what is wrong with one property.
func wrongs(path, words string) string { return fmt.Sprintf(`{"errors":{%q:[%q]}}`, path, words) }

// tooLong are one prop of each kind that is not stored, and what is said of them.
func tooLong(t *testing.T) (props []any, rejected string) {
	t.Helper()
	key, value := strings.Repeat("k", 129), strings.Repeat("v", 513)
	props = []any{prop(key, "1"), prop("long", value)}
	for i := range 1001 {
		props = append(props, prop("many[]", strconv.Itoa(i)))
	}
	return props, `[{"key":"` + key + `","error":"PROP_KEY_TOO_LONG","message":"Prop key length (129) exceeds 128 characters"},` +
		`{"key":"long","error":"PROP_VALUE_TOO_LONG","message":"Prop value length (513) exceeds 512 characters"},` +
		`{"key":"many[]","error":"PROP_ARRAY_TOO_LONG","message":"Prop array length (1001) for key 'many[]' exceeds 1000 items"}]`
}

// prop is one as clients send it; nil removes.
func prop(key string, value any) map[string]any { return map[string]any{"key": key, "value": value} }

// propsOf are several, keys and values in turn.
func propsOf(pairs ...any) (list []any) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, prop(pairs[i].(string), pairs[i+1]))
	}
	return list
}

// asJSON is a value as JSON.
func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// gamePlayer is somebody who plays.
type gamePlayer struct {
	*person
	alias              int
	id                 string
	service, ident     string
	dev                bool
	propsAre, presence string // as they are shown
}

// plays makes a player.
func (a *arcade) plays(ident string, headers ...string) *gamePlayer {
	a.t.Helper()
	p := &gamePlayer{person: a.all, service: "steam", ident: ident, propsAre: "[]", presence: "null"}
	p.read(p.calls(200, `{"alias":"…","socketToken":"…"}`, "GET", "/v1/players/identify?service=steam&identifier="+ident, "", headers...))
	return p
}

// read takes the ids from an answer to an identification.
func (p *gamePlayer) read(got told) {
	p.t.Helper()
	var answer struct {
		Alias struct {
			ID     int
			Player struct {
				ID       string
				DevBuild bool
				Props    json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Alias.ID == 0 {
		p.t.Fatalf("no player: %v: %.300s", err, got.body)
	}
	p.alias, p.id, p.dev, p.propsAre = answer.Alias.ID, answer.Alias.Player.ID, answer.Alias.Player.DevBuild, string(answer.Alias.Player.Props)
}

// does is calls with the header that says who plays.
func (p *gamePlayer) does(status int, want, method, path, body string, headers ...string) told {
	p.t.Helper()
	return p.calls(status, want, method, path, body, append(headers, "x-talo-alias", strconv.Itoa(p.alias))...)
}

// tries is does from any goroutine, until the server is not busy with others.
func (p *gamePlayer) tries(method, path, body string) (got told, err error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		got, err = p.try(method, path, body, "x-talo-alias", strconv.Itoa(p.alias), "X-Forwarded-For", elsewhere())
		if err != nil || got.status != 503 {
			return got, err
		}
	}
	return got, err
}

// shown is the alias as it is answered.
func (p *gamePlayer) shown() string {
	return fmt.Sprintf(`{"id":%d,"service":%q,"identifier":%q,"displayName":%q,"player":%s,"lastSeenAt":"…","createdAt":"…","updatedAt":"…"}`,
		p.alias, p.service, p.ident, p.ident, p.player(""))
}

// player is the player as it is answered, with more fields.
func (p *gamePlayer) player(more string) string {
	return fmt.Sprintf(`{"id":%q,"props":%s,"devBuild":%t,"createdAt":"…","lastSeenAt":"…","groups":[],"presence":%s%s}`, p.id, p.propsAre, p.dev, p.presence, more)
}

// crowds is how many do the same at once; on the database that the tests start, as many as it serves in the time that
// one request may take.
func crowds() int {
	if onMongoDB {
		return 6
	}
	return 20
}
