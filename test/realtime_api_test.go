package test

import (
	"fmt"
	"strings"
	"testing"
)

// The API by which resources are read and written.

// Who may see and change what. Whether it exists makes no difference for who may not.
func TestRealtimePermissions(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, settings{"realtime.anonymous": true})
	nobody, reader, writer := p.srv.nobody(t), p.srv.holder(t, "read:realtime"), p.srv.holder(t, "write:realtime")
	none := p.srv.holder(t, "read:users")

	for round := range 2 { // first nothing exists, then all does
		for _, path := range []string{public, "/api/collections/source", game} {
			found := 404
			if round == 1 {
				found = 200
			}
			for who, status := range map[*person]int{nobody: found, p.george: found, reader: found, writer: 403, none: 403} {
				if got := who.in(status, "GET", path, ""); status == 403 && !strings.Contains(got.body, `"FORBIDDEN"`) {
					t.Errorf("GET %s: %s", path, got.body)
				}
			}
			for who, may := range map[*person]bool{nobody: false, p.george: path == public, reader: false, none: false, writer: true} {
				status := 403
				if may {
					status = 200
				}
				who.in(status, "PUT", path, `{"data":{}}`)
				if !may {
					who.in(403, "DELETE", path, "")
				}
			}
		}
		for who, status := range map[*person]int{nobody: 403, none: 403, writer: 403} {
			who.in(status, "GET", "/api/collections/private", "")
		}
		for _, store := range []string{"kvstoreClient", "kvstoreServer"} {
			entry := func(id, key string) string { return fmt.Sprintf(`[{"id":%q,"store":%q,"key":%q}]`, id, store, key) }
			value := func(id string) string {
				return fmt.Sprintf(`[{"id":%q,"store":%q,"object":{"key":"k","data":%d}}]`, id, store, round)
			}
			for who, ways := range map[*person][3]string{ // to read, to write, to delete what is not there
				nobody:   {"FORBIDDEN", "FORBIDDEN", "FORBIDDEN"},
				none:     {"FORBIDDEN", "FORBIDDEN", "FORBIDDEN"},
				p.martha: {"FORBIDDEN", "FORBIDDEN", "FORBIDDEN"}, // another user
				p.george: {"NOT_FOUND", "", "NOT_FOUND"},
				reader:   {"NOT_FOUND", "FORBIDDEN", "FORBIDDEN"},
				writer:   {"FORBIDDEN", "", "NOT_FOUND"},
			} {
				if who == p.george && store == "kvstoreServer" {
					ways = [3]string{"FORBIDDEN", "FORBIDDEN", "FORBIDDEN"}
				}
				for i, a := range [][]kvAnswer{who.kv("read", entry("George", "nothing")), who.kv("write", value("George")), who.kv("delete", entry("George", "nothing"))} {
					if a[0].Code != ways[i] || (a[0].Status == "ok") != (ways[i] == "") {
						t.Errorf("round %d, %s, way %d: %+v, want %q", round, store, i, a, ways[i])
					}
				}
			}
		}
	}
	// A program reads and writes the private collection of whom it names.
	writer.in(200, "PUT", "/api/collections/private?id=george", `{"data":{"from":"above"}}`)
	writer.in(400, "PUT", "/api/collections/private?id=nobody", `{"data":{}}`)
	for who, want := range map[*person]string{p.george: `{"name":"private","userId":"George","data":{"from":"above"},…}`, reader: `{"name":"private","userId":"George",…}`} {
		if got := who.in(200, "GET", "/api/collections/private?id=George", ""); !fits(want, got.body) {
			t.Errorf("%s", got.body)
		}
	}
	p.martha.in(403, "GET", "/api/collections/private?id=George", "")
	p.martha.in(404, "GET", "/api/collections/private", "")
	for _, id := range []string{"George", "nobody"} { // who may see nothing is not told who is a user
		none.in(403, "GET", "/api/collections/private?id="+id, "")
		none.in(403, "GET", "/api/kvstore/keys/?id="+id, "")
		reader.in(403, "PUT", "/api/collections/private?id="+id, `{"data":{}}`)
	}
	for who, status := range map[*person]int{p.george: 200, p.martha: 403, reader: 200, writer: 403, nobody: 403} {
		who.in(status, "GET", "/api/kvstore/keys/?id=George", "")
	}
	p.george.in(403, "GET", "/api/kvstore/keys/?store=kvstoreServer", "")

	// The program's values are of the user whom it named, and not its own.
	w := p.george.watches()
	w.subscribes("kvStore", "World:kvstoreClient:k")
	w.tells("George", "kvStore", "World:kvstoreClient:k", "1")
	if got := writer.kv("write", `[{"id":"george","store":"kvstoreClient","object":{"key":"k","data":"from above"}},{"id":"nobody","store":"kvstoreClient","object":{"key":"k","data":1}}]`); got[0].ID != "George" || got[1].Property != "id" {
		t.Errorf("%+v", got)
	}
	w.tells("George", "kvStore", "World:kvstoreClient:k", `"from above"`)
	program := p.program.watches()
	program.subscribes("kvStore", "World:kvstoreServer:k")
	program.warned("kvStore", "World:kvstoreServer:k")
	p.program.writes("kvstoreServer", "k", "7")
	program.tells(programID, "kvStore", "World:kvstoreServer:k", "7")
	anonymous := nobody.watches()
	for kind, id := range map[string]string{"collection": "private", "kvStore": "World:kvstoreClient:k"} {
		anonymous.subscribes(kind, id)
		anonymous.hears(`{"error":"Not allowed","resource":` + named(kind, id) + `}`)
	}
	anonymous.subscribes("liveConfig", "game")
	anonymous.tells("", "liveConfig", "game", "{}")
	for _, one := range []*watcher{w, program} {
		one.quiet()
	}

	stale := p.srv.loggedIn(t, "George", passwordOf("George"))
	stale.logout()
	nobody.in(200, "GET", game, "", "Cookie", "gatehouse="+stale.token) // as if it showed nothing
	nobody.in(401, "GET", game, "", "Authorization", "Bearer "+stale.token)
	nobody.in(200, "GET", game, "", "users-api-key", strings.TrimPrefix(reader.headers.Get("Authorization"), "Bearer "))

	// Where it is not allowed, who shows nothing sees nothing, and no longer.
	p.srv.configure(t, cheap(nil))
	eventually(t, "the configuration to be read", func() bool {
		return nobody.do("GET", game, "", "x-m2-organization", "testOrg", "x-m2-project", "testProj").status == 401
	})
	if code, _, _ := anonymous.closed(); code != 1008 {
		t.Errorf("closed with %d, want 1008", code)
	}
	nobody.in(401, "PUT", public, `{"data":{}}`)
	nobody.in(401, "POST", "/api/kvstore/read/", `[]`)
}

func TestRealtimeValues(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	big := `"` + strings.Repeat("x", 1<<20-2) + `"`
	for _, c := range []struct{ sent, answer string }{
		{`[]`, `[]`},
		{
			`[{"store":"kvstoreClient","object":{"key":"a","data":1}},{"store":"kvstoreClient","scope":"Organization","object":{"key":"a:b","data":[{}]}}]`,
			`[{"status":"ok","id":"George","store":"kvstoreClient","scope":"World","object":{"key":"a"},"version":"…"},{"status":"ok","id":"George","store":"kvstoreClient","scope":"Organization","object":{"key":"a:b"},"version":"…"}]`,
		},
		{
			`[1,{"store":"kvstoreClient","object":{"key":"b","data":false}},{"store":"x","object":{"key":"b","data":1}}]`,
			`[{"status":"error","code":"INVALID_JSON","error":"…"},{"status":"ok",…},{"status":"error",…,"code":"INVALID_PROPERTY","error":"store: must be kvstoreClient or kvstoreServer","property":"store"}]`,
		},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":null}}]`, `[{"status":"error",…"code":"INVALID_PROPERTY",…"property":"object.data"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a"}}]`, `[{"status":"error",…"property":"object.data"}]`},
		{`[{"store":"kvstoreClient","object":{"data":1}}]`, `[{"status":"error",…"property":"object.key"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"","data":1}}]`, `[{"status":"error",…"property":"key"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"` + strings.Repeat("k", 513) + `","data":1}}]`, `[{"status":"error",…"property":"key"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":1,"more":1}}]`, `[{"status":"error",…"property":"object.more"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":{"$where":1}}}]`, `[{"status":"error",…"property":"object.data.$where"}]`},
		{`[{"store":"kvstoreClient","object":[]}]`, `[{"status":"error",…"code":"INVALID_JSON",…}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":1},"scope":"Galaxy"}]`, `[{"status":"error",…"property":"scope"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":1},"scope":"LaunchContext"}]`, `[{"status":"error",…"code":"INVALID_PARAMETER","error":"the header x-m2-launch-context is missing"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":1},"ifVersion":7}]`, `[{"status":"error",…"property":"ifVersion"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":1},"ifVersion":"2024-01-30"}]`, `[{"status":"error",…"property":"ifVersion"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"a","data":1},"more":7}]`, `[{"status":"error",…"property":"more"}]`},
		{`[{"object":{"key":"a","data":1}}]`, `[{"status":"error",…"property":"store"}]`},
		{`[{"store":7,"object":{"key":"a","data":1}}]`, `[{"status":"error",…"property":"store"}]`},
		{`[{"store":"kvstoreClient","object":{"key":"big","data":` + big + `}}]`, `[{"status":"ok",…}]`},
		{`[{"store":"kvstoreClient","object":{"key":"big","data":` + big[:len(big)-1] + `x"}}]`, `[{"status":"error",…"code":"TOO_LARGE",…}]`},
	} {
		if got := p.george.in(200, "POST", "/api/kvstore/write/", c.sent); !fits(c.answer, got.body) {
			t.Errorf("%.200s\ngot  %.500s\nwant %s", c.sent, got.body, c.answer)
		}
	}
	for sent, status := range map[string]int{``: 400, `{}`: 400, `nope`: 400, `null`: 400, `[`: 400, `[` + strings.Repeat("1,", 100) + `1]`: 413, strings.Repeat(" ", 1<<20+20_000): 413} {
		p.george.in(status, "POST", "/api/kvstore/write/", sent)
	}
	if got := p.george.kv("read", `[{"store":"kvstoreClient","key":"a"},{"store":"kvstoreClient","key":"nothing"},{"store":"kvstoreClient","scope":"Organization","key":"a:b"},{"store":"kvstoreClient","key":"big"}]`); got[0].Status != "ok" || string(got[0].Object.Data) != "1" || got[0].Version == "" ||
		got[1].Code != "NOT_FOUND" || string(got[2].Object.Data) != "[{}]" || string(got[3].Object.Data) != big {
		t.Errorf("%.600v", got)
	}

	if got := p.george.kv("read", `[`+strings.Repeat(`{"store":"kvstoreClient","key":"big"},`, 5)+`{"store":"kvstoreClient","key":"a"}]`); got[3].Status != "ok" || got[4].Code != "TOO_LARGE" || got[4].Object.Data != nil || got[5].Status != "error" {
		t.Errorf("an answer of five MiB: %.300v", got[4:])
	}

	// What could be written can be read, whatever it takes to write it down.
	for key, data := range map[string]string{"angles": `"` + strings.Repeat("<", 1<<20-2) + `"`, "numbers": `[` + strings.Repeat("1e20,", 20_000) + `0]`} {
		p.george.writes("kvstoreClient", key, data)
		if got := p.george.kv("read", `[{"store":"kvstoreClient","key":"`+key+`"}]`); got[0].Status != "ok" || key == "angles" && string(got[0].Object.Data) != data {
			t.Errorf("%s: %.200v", key, got)
		}
		p.george.kv("delete", `[{"store":"kvstoreClient","key":"`+key+`"}]`)
	}

	// Each scope is another place, and so is each user and each world.
	if got := p.george.kv("read", `[{"store":"kvstoreClient","key":"a"}]`, "x-m2-world", "w2"); got[0].Code != "NOT_FOUND" {
		t.Errorf("%+v", got)
	}
	if got := p.martha.kv("read", `[{"store":"kvstoreClient","key":"a"}]`); got[0].Code != "NOT_FOUND" {
		t.Errorf("%+v", got)
	}

	for query, want := range map[string]string{
		"":                 `{"id":"George","store":"kvstoreClient","scope":"World","keys":["a","b","big"],"index":0,"more":false}`,
		"?index=1&limit=1": `{"id":"George","store":"kvstoreClient","scope":"World","keys":["b"],"index":1,"more":true}`,
		"?scope=Organization&store=kvstoreClient": `{"id":"George","store":"kvstoreClient","scope":"Organization","keys":["a:b"],"index":0,"more":false}`,
		"?scope=Project": `{"id":"George","store":"kvstoreClient","scope":"Project","keys":[],"index":0,"more":false}`,
		"?id=GEORGE&index=0&limit=1000&scope=World": `{"id":"George",…"keys":["a","b","big"],…}`,
	} {
		if got := p.george.in(200, "GET", "/api/kvstore/keys/"+query, ""); !fits(want, got.body) {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	for query, status := range map[string]int{"?scope=Galaxy": 400, "?limit=0": 400, "?index=-1": 400, "?store=x": 400, "?scope=LaunchContext": 400} {
		p.george.in(status, "GET", "/api/kvstore/keys/"+query, "")
	}
	if got := p.george.kv("delete", `[{"store":"kvstoreClient","key":"b"},{"store":"kvstoreClient","key":"b"}]`); got[0].Status != "ok" || got[1].Code != "NOT_FOUND" {
		t.Errorf("%+v", got)
	}
	if got := p.george.in(200, "GET", "/api/kvstore/keys/", ""); !strings.Contains(got.body, `"keys":["a","big"]`) {
		t.Errorf("what was deleted is listed: %s", got.body)
	}
}

func TestRealtimeDocuments(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	p := startPlayers(t, nil)
	for _, path := range []string{public, game, "/api/collections/private"} {
		who := p.george
		if path == game {
			who = p.program
		}
		name := path[strings.LastIndex(path, "/")+1:]
		for _, sent := range []string{``, `[]`, `{`, `{"data":1}`, `{"data":null}`, `{"data":[]}`, `{}`, `{"data":{},"more":1}`, `{"data":{"a.b":1}}`, `{"data":{},"ifVersion":1}`, `{"data":{},"ifVersion":"x"}`} {
			who.in(400, "PUT", path, sent)
		}
		fill := strings.Repeat("x", 1<<20-len(`{"a":""}`))
		who.in(200, "PUT", path, `{"data":{"a":"`+fill+`"}}`)
		who.in(413, "PUT", path, `{"data":{"a":"`+fill+`x"}}`)
		who.in(413, "PUT", path, `{"data":{"a":"`+fill+fill+`"}}`)
		if got := who.in(200, "GET", path, ""); !strings.HasPrefix(got.body, `{"name":"`+name+`",`) || !strings.Contains(got.body, `"data":{"a":"`+fill+`"},"version":"`) {
			t.Errorf("%s: %.300s", path, got.body)
		}
		who.in(200, "DELETE", path, "")
		who.in(404, "DELETE", path, "")
		who.in(404, "GET", path, "")
	}
	p.george.in(400, "PUT", "/api/collections/"+strings.Repeat("n", 513), `{"data":{}}`)
	p.george.in(400, "GET", "/api/collections/a%00b", "")
	p.george.asks(400, "GET", game, "", "x-m2-organization", "testOrg", "Authorization", "Bearer "+p.george.token)
	p.george.asks(400, "GET", game, "", "x-m2-project", "testProj", "Authorization", "Bearer "+p.george.token)
	p.george.in(405, "POST", game, "")

	// Who sends the cookie along for another page changes nothing.
	cookie := "gatehouse=" + p.george.token
	p.srv.nobody(t).in(403, "PUT", public, `{"data":{}}`, "Cookie", cookie, "Sec-Fetch-Site", "cross-site")
	p.srv.nobody(t).in(403, "PUT", public, `{"data":{}}`, "Cookie", cookie, "Origin", "https://evil.example")
	p.srv.nobody(t).in(200, "PUT", public, `{"data":{}}`, "Cookie", cookie)
}

// Two editors cannot overwrite each other unknowingly.
func TestRealtimeConditions(t *testing.T) {
	t.Parallel()
	p := startPlayers(t, nil)
	const future = "2999-01-01T00:00:00.000Z"
	for _, path := range []string{public, game} {
		write := func(status int, condition string) (version string) {
			t.Helper()
			got := p.program.in(status, "PUT", path, `{"data":{},"ifVersion":`+condition+`}`)
			if status == 412 {
				if !strings.Contains(got.body, `"PRECONDITION_FAILED"`) {
					t.Errorf("%s", got.body)
				}
				return ""
			}
			return between(t, got.body, `"version":"`, `"`)
		}
		write(412, `"`+future+`"`)
		first := write(200, `null`)
		write(412, `null`)
		second := write(200, `"`+first+`"`)
		write(412, `"`+first+`"`)
		p.program.in(412, "DELETE", path+"?ifVersion="+first, "")
		p.program.in(400, "DELETE", path+"?ifVersion=x", "")
		p.program.in(200, "DELETE", path+"?ifVersion="+second, "")
		write(412, `"`+second+`"`)
		if third := write(200, `null`); third <= second {
			t.Errorf("version %s after %s", third, second)
		}
		second = p.program.publishes(path, `{}`)
		statuses := map[int]int{}
		for _, a := range atOnce(t, 10, func(i int) (told, error) {
			return p.program.try("PUT", path, fmt.Sprintf(`{"data":{"by":%d},"ifVersion":%q}`, i, second), "x-m2-organization", "testOrg", "x-m2-project", "testProj")
		}) {
			statuses[a.status]++
		}
		if statuses[200] != 1 || statuses[412] != 9 {
			t.Errorf("of ten editors of one version: %v", statuses)
		}
	}
	entry := func(condition string) string {
		return `[{"store":"kvstoreClient","object":{"key":"k","data":1},"ifVersion":` + condition + `}]`
	}
	remove := func(condition string) string {
		return `[{"store":"kvstoreClient","key":"k","ifVersion":` + condition + `}]`
	}
	if a := p.george.kv("write", entry(`"`+future+`"`)); a[0].Code != "PRECONDITION_FAILED" {
		t.Errorf("%+v", a)
	}
	first := p.george.kv("write", entry(`null`))[0].Version
	if a := p.george.kv("write", entry(`null`)); a[0].Code != "PRECONDITION_FAILED" {
		t.Errorf("%+v", a)
	}
	second := p.george.kv("write", entry(`"`+first+`"`))[0].Version
	if a := p.george.kv("delete", remove(`"`+first+`"`)); a[0].Code != "PRECONDITION_FAILED" {
		t.Errorf("%+v", a)
	}
	if a := p.george.kv("delete", remove(`"`+second+`"`)); a[0].Status != "ok" || a[0].Version <= second || second <= first {
		t.Errorf("%+v after %s and %s", a, first, second)
	}
}
