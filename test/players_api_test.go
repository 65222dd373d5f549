package test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The routes of game clients: in which order a request is judged, and who the players are.

// gameRoute is a route, and a request that is valid there. {channel}, {player} and {subscription} stand for ids.
type gameRoute struct {
	method, path, body, scope string
	alias                     bool
}

var gameRoutes = []gameRoute{
	{"POST", "/v1/socket-tickets", "", "", false},
	{"GET", "/v1/players/identify?service=s&identifier=i", "", "read:players", false},
	{"GET", "/v1/players/{player}", "", "read:players", false},
	{"PATCH", "/v1/players/{player}", `{}`, "write:players", false},
	{"POST", "/v1/players/socket-token", "", "write:players", true},
	{"GET", "/v1/players/presence/{player}", "", "read:playerPresence", false},
	{"PUT", "/v1/players/presence", `{}`, "write:playerPresence", true},
	{"GET", "/v1/game-config", "", "read:gameConfig", false},
	{"GET", "/v1/game-channels", "", "read:gameChannels", false},
	{"GET", "/v1/game-channels/subscriptions", "", "read:gameChannels", true},
	{"GET", "/v1/game-channels/{channel}", "", "read:gameChannels", false},
	{"POST", "/v1/game-channels", `{"name":""}`, "write:gameChannels", true},
	{"PUT", "/v1/game-channels/{channel}", `{"name":"n"}`, "write:gameChannels", true},
	{"POST", "/v1/game-channels/{channel}/join", "", "write:gameChannels", true},
	{"POST", "/v1/game-channels/{channel}/invite", `{"inviteeAliasId":1}`, "write:gameChannels", true},
	{"GET", "/v1/game-channels/{channel}/members", "", "read:gameChannels", true},
	{"GET", "/v1/game-channels/{channel}/storage?propKey=k", "", "read:gameChannels", true},
	{"GET", "/v1/game-channels/{channel}/storage/list?propKeys=k", "", "read:gameChannels", true},
	{"PUT", "/v1/game-channels/{channel}/storage", `{"props":[]}`, "write:gameChannels", true},
	{"POST", "/v1/game-channels/{channel}/leave", "", "write:gameChannels", true},
	{"DELETE", "/v1/game-channels/{channel}", "", "write:gameChannels", true},
	{"POST", "/v1/players/relationships", `{"aliasId":1,"relationshipType":"unidirectional"}`, "write:playerRelationships", true},
	{"PUT", "/v1/players/relationships/{subscription}/confirm", "", "write:playerRelationships", true},
	{"DELETE", "/v1/players/relationships/{subscription}", "", "write:playerRelationships", true},
	{"GET", "/v1/players/relationships/subscribers", "", "read:playerRelationships", true},
	{"GET", "/v1/players/relationships/subscriptions", "", "read:playerRelationships", true},
}

// with is the path with these ids.
func (r gameRoute) with(channel, player, subscription string) string {
	return strings.NewReplacer("{channel}", channel, "{player}", player, "{subscription}", subscription).Replace(r.path)
}

const (
	noToken       = `{"message":"Please provide a valid token in the Authorization header"}`
	noPlayerThere = `{"message":"Player not found"}`
	noChannel     = `{"message":"Channel not found"}`
	notOwner      = `{"message":"This player is not the owner of the channel"}`
	notMember     = `{"message":"This player is not a member of the channel"}`
	nobodysID     = "00000000-0000-4000-8000-000000000000"
)

// Of several things that are wrong with a request, the first in the order that clients know is told.
func TestPlayersAPIOrder(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george := a.plays("george")
	nobody, wrong := a.srv.nobody(t), a.srv.nobody(t)
	wrong.headers.Set("Authorization", "Bearer "+strings.Repeat("x", 40))
	reader, writer, revoked := a.srv.holder(t, "read:users"), a.srv.holder(t, "write:users"), a.srv.program(t, "revoked", "*")
	revoked.calls(200, `"…"`, "GET", gameChannels, "")
	if status, _, stderr := command(t, "key", "revoke", "--config", a.srv.configPath(), "revoked"); status != 0 {
		t.Fatalf("key revoke: status %d\n%s", status, stderr)
	}
	const huge = "99999999999999999999999999"

	for _, r := range gameRoutes {
		path, lacking := r.with("1", george.id, "1"), reader
		if strings.HasPrefix(r.scope, "read:") {
			lacking = writer
		}
		for _, who := range []*person{nobody, wrong, revoked} {
			if got := who.calls(401, noToken, r.method, path, r.body); got.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: no WWW-Authenticate", r.method, path)
			}
		}
		nobody.calls(401, noToken, r.method, path, r.body, "Authorization", "Basic eDp5")
		if r.method != "GET" && r.method != "DELETE" {
			nobody.calls(401, noToken, r.method, path, `[`)
			for _, body := range []string{`[`, `[]`, `null`, `"x"`, `1`, `{}{}`} {
				lacking.calls(400, `{"errors":{"":["…"]}}`, r.method, path, body)
			}
		}
		if strings.Contains(r.path, "{channel}") || strings.Contains(r.path, "{subscription}") {
			for _, id := range []string{"x", "1x", "-1", "1.5", "%20"} {
				lacking.calls(400, `{"errors":{"id":["…"]}}`, r.method, r.with(id, "", id), r.body)
			}
		}
		if r.alias {
			lacking.calls(400, wrongs("x-talo-alias", "x-talo-alias is missing from the request headers"), r.method, path, r.body)
			for _, odd := range []string{"x", "1x", "-1", "+1", "1.5", "1e3", "0x1", "1 1", "１"} {
				lacking.calls(400, wrongs("x-talo-alias", "x-talo-alias header must be a numeric string"), r.method, path, r.body, "x-talo-alias", odd)
			}
			lacking.calls(400, `{"errors":{"x-talo-alias":["…"]}}`, r.method, path, r.body, "x-talo-alias", "")
		}
		if r.scope != "" {
			for _, alias := range []string{"99", huge} {
				lacking.calls(403, says("Missing access key scope(s): "+r.scope), r.method, path, r.body, "x-talo-alias", alias)
			}
		}
		if r.alias {
			for _, alias := range []string{"0", "99", "2147483648", "9223372036854775807", huge} {
				a.all.calls(404, noPlayerThere, r.method, path, r.body, "x-talo-alias", alias)
			}
		}
		if strings.Contains(r.path, "{channel}") {
			for _, id := range []string{"0", "99", "2147483648", huge} {
				george.does(404, noChannel, r.method, r.with(id, "", ""), r.body)
			}
		}
	}
	reader.calls(200, `{"ticket":"…"}`, "POST", "/v1/socket-tickets", "") // whatever the key is for

	// Body, query, path and headers are looked at in turn, up to the first that has faults; all of its faults are told.
	reader.calls(400, `{"errors":{"props":["Props must be an array"],"private":["…"]}}`, "PUT", "/v1/game-channels/x", `{"props":5,"private":1}`)
	reader.calls(400, `{"errors":{"props":["…"]}}`, "PUT", "/v1/game-channels/x/storage", `{}`)
	reader.calls(400, `{"errors":{"page":["…"]}}`, "GET", "/v1/game-channels/x/members?page=-1", "")
	reader.calls(400, wrongs("propKeys", "propKeys is missing from the request query"), "GET", "/v1/game-channels/x/storage/list", "")
	reader.calls(400, `{"errors":{"service":["service is missing from the request query"],"identifier":["Invalid identifier, must be a non-empty string"]}}`, "GET", "/v1/players/identify?identifier=%20", "")
	reader.calls(400, `{"errors":{"id":["…"]}}`, "GET", "/v1/players/presence/george", "")
	a.all.calls(404, noPlayerThere, "GET", "/v1/players/presence/"+nobodysID, "")
	for _, id := range []string{"george", "1", nobodysID} {
		a.all.calls(404, noPlayerThere, "GET", "/v1/players/"+id, "")
		a.all.calls(404, noPlayerThere, "PATCH", "/v1/players/"+id, `{"props":[{"key":"a","value":"b"}]}`)
	}
}

// Whatever is refused has a body that clients can read.
func TestPlayersAPIRefusals(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	for request, status := range map[string]int{
		"GET /v1": 404, "GET /v1/": 404, "GET /v1/nothing": 404, "POST /v1/nothing/": 404, "GET /v1/players": 404, "GET /v1/players/a/b/c": 404,
		"GET /v1/socket-tickets": 405, "PUT /v1/game-config": 405, "PUT /v1/game-config/": 405, "DELETE /v1/players/identify": 405,
		"GET /v1/players/a%00b": 404, "GET /v1/players/%ff": 404, "GET /v1/leaderboards/x/entries": 404,
	} {
		method, path, _ := strings.Cut(request, " ")
		got := a.all.do(method, path, "")
		var body map[string]any
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || body == nil || body["errorCode"] != nil || got.status < 400 {
			t.Errorf("%s: %d %.300s", request, got.status, got.body)
		}
		if got.status != status && !strings.Contains(path, "%") {
			t.Errorf("%s: status %d, want %d", request, got.status, status)
		}
	}
	a.all.calls(413, `{"message":"…"}`, "PATCH", "/v1/players/"+nobodysID, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)

	if got := a.all.do("GET", gameChannels, "", "Origin", "https://evil.example"); got.status != 403 || !strings.HasPrefix(got.body, "{") {
		t.Errorf("from a page of others: %d %s", got.status, got.body)
	}

	// One of the clients ends paths with a slash, and sends no body where there is nothing to say.
	george := a.plays("george")
	george.does(200, `{"channel":"…"}`, "POST", "/v1/game-channels/", `{"name":"n"}`)
	for _, request := range []string{
		"GET /v1/game-config/", "GET /v1/players/" + george.id + "/", "PATCH /v1/players/" + george.id + "/", "PUT /v1/players/presence/", "GET /v1/players/presence/" + george.id + "/",
		"POST /v1/players/socket-token/", "POST /v1/socket-tickets/", "GET /v1/players/identify/?service=steam&identifier=george", "GET /v1/game-channels/", "GET /v1/game-channels/1/",
		"GET /v1/game-channels/subscriptions/", "PUT /v1/game-channels/1/", "POST /v1/game-channels/1/join/", "GET /v1/game-channels/1/members/?page=0", "GET /v1/game-channels/1/storage/?propKey=k",
		"GET /v1/game-channels/1/storage/list/?propKeys=k", "GET /v1/players/relationships/subscribers/", "GET /v1/players/relationships/subscriptions/",
	} {
		method, path, _ := strings.Cut(request, " ")
		george.does(200, `"…"`, method, path, "")
		george.does(200, `"…"`, method, path, " \n")
	}
	george.does(204, "", "POST", "/v1/game-channels/1/leave/", "")
	for _, path := range []string{"/v1/health-check", "/v1/health-check/", "/public/health"} {
		a.srv.nobody(t).calls(204, "", "GET", path, "")
	}
}

// Who identifies a player gets the same one each time, with another token.
func TestPlayersAPIIdentify(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	reader := a.srv.holder(t, "read:players")
	identify := func(service, identifier string) string {
		return "/v1/players/identify?service=" + url.QueryEscape(service) + "&identifier=" + url.QueryEscape(identifier)
	}
	unknown := says("Player not found. Use an access key with the write:players scope to automatically create players")
	reader.calls(404, unknown, "GET", identify("steam", "george"), "")
	a.all.calls(404, unknown, "GET", identify("talo", "george"), "")
	george := a.plays("george")
	tokens, seen := map[string]bool{}, ""
	for _, path := range []string{identify("steam", "george"), identify(" steam\t", "\n george "), identify("steam", "george") + "&sessionToken=x&more=[]"} {
		got := reader.calls(200, `{"alias":`+george.shown()+`,"socketToken":"…"}`, "GET", path, "", "x-talo-dev-build", "1", "x-talo-client", "godot:0.49", "x-talo-session", "x")
		tokens[between(t, got.body, `"socketToken":"`, `"`)] = true
		now := between(t, got.body, `"lastSeenAt":"`, `"`)
		at, err := time.Parse(time.RFC3339, now)
		if err != nil || time.Since(at) > patience || now < seen {
			t.Errorf("seen last at %v (%v)", at, err)
		}
		seen = now
	}
	if len(tokens) != 3 {
		t.Errorf("of three tokens: %v", tokens)
	}
	for _, same := range []string{identify("epic", "george"), identify("steam", "martha")} {
		other := &gamePlayer{person: a.all}
		if other.read(a.all.calls(200, `{"alias":"…","socketToken":"…"}`, "GET", same, "")); other.alias == george.alias || other.id == george.id {
			t.Errorf("%s is player %+v", same, other)
		}
	}
	for _, length := range []struct{ service, identifier, status int }{{255, 1024, 200}, {256, 1, 400}, {1, 1025, 400}} {
		a.all.calls(length.status, `"…"`, "GET", identify(strings.Repeat("s", length.service), strings.Repeat("i", length.identifier)), "")
		a.all.calls(length.status, `"…"`, "GET", identify(" "+strings.Repeat("é", length.service)+" ", " "+strings.Repeat("é", length.identifier)), "")
	}
	emoji := strings.Repeat("😀", 512) // of two units each
	a.all.calls(200, `"…"`, "GET", identify("emoji", emoji), "")
	a.all.calls(400, `{"errors":{"identifier":["…"]}}`, "GET", identify("emoji", emoji+"x"), "")
	a.all.calls(400, `{"errors":{"service":["…"]}}`, "GET", identify(emoji[:4*128], "x"), "")
	a.all.calls(400, wrongs("service", "Invalid service, must be a non-empty string"), "GET", identify("", "x"), "")
	a.all.calls(400, wrongs("identifier", "identifier is missing from the request query"), "GET", "/v1/players/identify?service=x", "")

	dev := a.plays("dev", "x-talo-dev-build", "1")
	if want := `[{"key":"META_DEV_BUILD","value":"1"}]`; !dev.dev || dev.propsAre != want || a.plays("not-dev", "x-talo-dev-build", "0").dev {
		t.Errorf("the player of a development build: %+v", dev)
	}
	for range 2 {
		got := george.does(200, `{"socketToken":"…"}`, "POST", "/v1/players/socket-token", "")
		if tokens[got.body] {
			t.Errorf("a token twice: %s", got.body)
		}
		tokens[got.body] = true
	}
	one, two := reader.calls(200, `{"ticket":"…"}`, "POST", "/v1/socket-tickets", ""), reader.calls(200, `{"ticket":"…"}`, "POST", "/v1/socket-tickets", `{"more":1}`)
	if one.body == two.body {
		t.Errorf("a ticket twice: %s", one.body)
	}

	// Whatever the texts are, they are no error of the server's.
	for _, odd := range []string{"%ff", "a%00b", "%00", "%ed%a0%80", "%e2%80%8b", "%F0%9F%98%80", "$where", "a.b", "%2F..%2F", "__proto__"} {
		for _, path := range []string{
			"/v1/players/identify?service=odd&identifier=" + odd, "/v1/players/identify?identifier=x&service=" + odd, "/v1/players/" + odd, gameChannels + "?search=" + odd,
			gameChannels + "?propKey=" + odd + "&propValue=" + odd, "/v1/players/presence/" + odd,
		} {
			for range 2 {
				if got := a.all.do("GET", path, "", "X-Forwarded-For", elsewhere()); got.status >= 500 || !strings.HasPrefix(got.body, "{") {
					t.Errorf("%s: %d %.300s", path, got.status, got.body)
				}
			}
		}
	}

	// Twenty that meet a new player at once meet the same one.
	met := map[string]int{}
	for _, got := range atOnce(t, 20, func(int) (told, error) { return george.tries("GET", identify("steam", "newcomer"), "") }) {
		one := &gamePlayer{person: a.all}
		one.read(got)
		met[fmt.Sprint(one.alias, one.id)]++
	}
	newcomer := a.plays("newcomer")
	if met[fmt.Sprint(newcomer.alias, newcomer.id)] != 20 {
		t.Errorf("twenty identified one: %v", met)
	}
	newcomer.calls(200, `{"player":`+newcomer.player(`,"aliases":["…"]`)+`}`, "GET", "/v1/players/"+newcomer.id, "")
}

func TestPlayersAPIProps(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george := a.plays("george", "x-talo-dev-build", "1")
	path := "/v1/players/" + george.id
	const meta = `{"key":"META_DEV_BUILD","value":"1"}`
	patch := func(body, props, rejected string) {
		t.Helper()
		george.propsAre = `[` + meta + props + `]`
		whole := george.player(`,"aliases":["…"]`)
		george.calls(200, `{"player":`+whole+`,"rejectedProps":`+rejected+`}`, "PATCH", path, body)
		george.calls(200, `{"player":`+whole+`}`, "GET", path, "")
	}
	changes := func(pairs ...any) string { return object(t, "props", propsOf(pairs...)) }
	patch(`{}`, ``, `[]`)
	patch(`{"props":[]}`, ``, `[]`)
	patch(changes("a", "1", "b", "", "", "x", "META_DEV_BUILD", "0", "META_X", "1", "l[]", "1", "l[]", "2", "l[]", "1"),
		`,{"key":"a","value":"1"},{"key":"b","value":""},{"key":"l[]","value":"1"},{"key":"l[]","value":"2"}`, `[]`)
	patch(changes("a", nil, "nothing", nil, "META_DEV_BUILD", nil, "l[]", nil, "l[]", "3", "l[]", ""),
		`,{"key":"b","value":""},{"key":"l[]","value":"3"},{"key":"l[]","value":""}`, `[]`)
	patch(changes("b", nil, "l[]", nil), ``, `[]`)

	bad, rejected := tooLong(t)
	patch(object(t, "props", append(bad, prop("good", "g"))), `,{"key":"good","value":"g"}`, rejected)
	patch(changes("good", nil), ``, `[]`)
	emoji := strings.Repeat("😀", 64)
	patch(changes(emoji, emoji+emoji+emoji+emoji), `,{"key":"`+emoji+`","value":"`+emoji+emoji+emoji+emoji+`"}`, `[]`)
	patch(changes(emoji, nil, emoji+"é", "1", "e", emoji+emoji+emoji+emoji+"é"), ``,
		`[{"key":"`+emoji+`é","error":"PROP_KEY_TOO_LONG","message":"Prop key length (129) exceeds 128 characters"},{"key":"e","error":"PROP_VALUE_TOO_LONG","message":"Prop value length (513) exceeds 512 characters"}]`)
	many := []any{}
	for i := range 1000 {
		many = append(many, prop("many[]", strconv.Itoa(i)))
	}
	patch(object(t, "props", many), `,`+strings.Trim(asJSON(t, many), "[]"), `[]`)
	patch(changes("many[]", nil), ``, `[]`)

	// One of the clients sends the whole player back.
	was := strings.TrimSuffix(strings.TrimPrefix(george.calls(200, `"…"`, "GET", path, "").body, `{"player":`), `}`)
	patch(strings.Replace(was, `"props":[`, `"props":[{"key":"new","value":"n"},`, 1), `,{"key":"new","value":"n"}`, `[]`)

	// The name of a player within the player.
	got := george.calls(200, `"…"`, "GET", path, "")
	if alias := between(t, got.body, `"aliases":[`, `]}}`); !fits(fmt.Sprintf(`{"id":%d,"service":"steam","identifier":"george","displayName":"george",…"lastSeenAt":"…","createdAt":"…","updatedAt":"…"}`, george.alias), alias) {
		t.Errorf("%s", alias)
	}
	for body, at := range map[string]string{
		`{"props":{}}`: "props", `{"props":"x"}`: "props", `{"props":1}`: "props",
		`{"props":[1]}`: "props.0…", `{"props":[{"key":1,"value":"x"}]}`: "props.0.key", `{"props":[{"value":"x"}]}`: "props.0.key",
		`{"props":[{"key":"a","value":"x"},{"key":"a","value":1}]}`: "props.1.value", `{"props":[{"key":"a","value":{}}]}`: "props.0.value",
	} {
		got := george.asks(400, "PATCH", path, body)
		words := "…"
		if at == "props" {
			words = "Props must be an array"
		}
		if !fits(wrongs(at, words), got.body) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	george.calls(200, `"…"`, "PATCH", path, `{"props":[{"key":"x","value":"1","more":{}}],"more":[]}`)

	// Of changes that come at once none is lost.
	counted(t, "twenty changes", atOnce(t, 20, func(i int) (told, error) {
		return george.tries("PATCH", path, changes("at once "+strconv.Itoa(i), "x"))
	}), map[int]int{200: 20})
	if n := strings.Count(george.calls(200, `"…"`, "GET", path, "").body, `"at once `); n != 20 {
		t.Errorf("of twenty props %d are there", n)
	}
}

func TestPlayersAPIPresence(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	george := a.plays("george")
	const path = "/v1/players/presence"
	read := path + "/" + george.id
	george.calls(200, `{"presence":{"playerAlias":null,"online":false,"customStatus":"","updatedAt":"…"}}`, "GET", read, "")
	put := func(body, online, status string) {
		t.Helper()
		is := `"online":` + online + `,"customStatus":"` + status + `","updatedAt":"…"}`
		george.presence = `{` + is
		george.does(200, `{"presence":{"playerAlias":`+george.shown()+`,`+is+`}`, "PUT", path, body)
		george.calls(200, `{"presence":{"playerAlias":`+george.shown()+`,`+is+`}`, "GET", read, "")
		george.calls(200, `{"player":`+george.player(`,"aliases":["…"]`)+`}`, "GET", "/v1/players/"+george.id, "")
	}
	put(``, "false", "")
	put(`{"customStatus":"reads"}`, "false", "reads")
	put(`{"online":true,"more":1}`, "true", "reads")
	put(`{"customStatus":""}`, "true", "")
	put(`{"online":false,"customStatus":"gone"}`, "false", "gone")
	for body, at := range map[string]string{`{"online":"true"}`: "online", `{"online":1}`: "online", `{"customStatus":1}`: "customStatus", `{"customStatus":{}}`: "customStatus"} {
		george.does(400, `{"errors":{"`+at+`":["…"]}}`, "PUT", path, body)
	}
	george.calls(400, `{"errors":{"id":["…"]}}`, "GET", path+"/"+george.id+"0", "")
}

func TestPlayersAPIConfig(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	reader := a.srv.holder(t, "read:gameConfig")
	put := func(method, body string) {
		t.Helper()
		a.all.asks(200, method, game, body, "x-m2-organization", "default", "x-m2-project", "default")
	}
	a.all.asks(200, "PUT", game, `{"data":{"other":1}}`, "x-m2-organization", "default", "x-m2-project", "other")
	reader.calls(200, `{"config":[]}`, "GET", "/v1/game-config", "")
	put("PUT", `{"data":{"z":"text","n":1.5,"b":false,"nothing":null,"list":[1,"x"],"META_X":"hidden","o":{"a":1},"e":"","a":"<&>"}}`)
	reader.calls(200, `{"config":[{"key":"z","value":"text"},{"key":"n","value":"1.5"},{"key":"b","value":"false"},{"key":"nothing","value":"null"},`+
		`{"key":"list","value":"[1,\"x\"]"},{"key":"o","value":"{\"a\":1}"},{"key":"e","value":""},{"key":"a","value":"<&>"}]}`, "GET", "/v1/game-config/", "")
	put("DELETE", "")
	reader.calls(200, `{"config":[]}`, "GET", "/v1/game-config", "")
}

// Each key may call so often from one address; how often it lets somebody in is counted apart.
func TestPlayersAPIRates(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	a := startArcade(t, nil)
	other := a.srv.holder(t, "read:players,write:players")
	george := a.plays("george")
	entries := []string{"POST /v1/socket-tickets", "POST /v1/players/socket-token", "GET /v1/players/identify?service=steam&identifier=george"}
	others := []string{"GET /v1/players/" + george.id, "GET /v1/game-channels", "PATCH /v1/players/" + george.id}
	for most, requests := range map[int][]string{20: entries, 100: others} {
		address := elsewhere()
		send := func(who *person, address string, i int) (told, error) {
			method, path, _ := strings.Cut(requests[i%len(requests)], " ")
			return who.try(method, path, "", "X-Forwarded-For", address, "x-talo-alias", strconv.Itoa(george.alias))
		}
		begun := time.Now()
		answers := atOnce(t, most+20, func(i int) (told, error) { return send(george.person, address, i) })
		// What a minute allows comes back bit by bit while a slow machine sends.
		back := int(time.Since(begun).Seconds()*float64(most)/60) + 1
		if n := statuses(answers)[200]; n < most || n > most+back || n+statuses(answers)[429] != most+20 {
			t.Errorf("of %d requests in %v, where %d are allowed: %v", most+20, time.Since(begun), most, statuses(answers))
		}
		for _, got := range answers {
			if got.status == 429 && (got.header.Get("Retry-After") != "60" || cmpAnswer(says("Too Many Requests"), got) != "") {
				t.Errorf("%v %s", got.header, got.body)
			}
		}
		for who, from := range map[*person]string{george.person: elsewhere(), other: address} {
			if got, err := send(who, from, 0); err != nil || got.status != 200 {
				t.Errorf("another address or key: %v %v", got, err)
			}
		}
		if got := george.do("GET", "/v1/health-check", "", "X-Forwarded-For", address); got.status != 204 {
			t.Errorf("%v", got)
		}
		// Who shows no key is counted before the key is looked at.
		stranger, from := a.srv.nobody(t), elsewhere()
		if got := statuses(atOnce(t, most+20, func(i int) (told, error) { return send(stranger, from, i) })); got[401] < most || got[429] == 0 {
			t.Errorf("without a key: %v", got)
		}
	}
}
