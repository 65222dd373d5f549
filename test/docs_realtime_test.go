package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"gatehouse/test/secantus"
)

// documented is what docs/realtime.md shows in blocks of a language.
func documented(t *testing.T, language string) (blocks []string) {
	t.Helper()
	markdown, err := os.ReadFile("../docs/realtime.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fence.FindAllStringSubmatch(string(markdown), -1) {
		if block[1] == language {
			blocks = append(blocks, block[2])
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("docs/realtime.md shows nothing in %s", language)
	}
	return blocks
}

// watching stands behind the documented page: it tells the test what the page shows, until the test has seen enough.
const watching = `
<p></p>
<script>
(async () => {
  for (let over = ''; over === '';) {
    over = await (await fetch('/shows', { method: 'POST', body: document.querySelector('pre').textContent })).text();
  }
  document.querySelector('p').textContent = base58('x-m2-organization:testOrg\nx-m2-project:testProj');
  document.title = 'over';
})();
</script>`

// showing serves a page that a browser shows, with this cookie. Shows is called with what the page says, again and
// again, and tells whether that was all.
func showing(t *testing.T, page string, cookie *http.Cookie, shows func(text string) bool) (url string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		if cookie != nil {
			http.SetCookie(w, cookie)
		}
		_, _ = io.WriteString(w, page)
	})
	mux.HandleFunc("POST /shows", func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			t.Error(err)
		case shows(string(text)):
			_, _ = io.WriteString(w, "over")
		default:
			select {
			case <-time.After(50 * time.Millisecond): // the page asks again at once
			case <-r.Context().Done():
			}
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port + "/"
}

// The page of docs/realtime.md runs in a browser as it is shown there: with a session's cookie, and with the value of
// it in the subprotocol.
func TestDocumentedRealtimePage(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	browser(t)
	srv := startUsers(t, nil)
	george := srv.made(t, srv.admin(t), "george")
	program := srv.holder(t, "write:realtime")
	where := []string{"x-m2-organization", "testOrg", "x-m2-project", "testProj", "x-m2-world", "lobby"}
	shown := strings.Replace(documented(t, "html")[0], "ws://localhost:8080", strings.Replace(srv.ws, "127.0.0.1", "localhost", 1), 1)

	for i, c := range []struct {
		page   string
		cookie *http.Cookie
	}{
		{shown, &http.Cookie{Name: "gatehouse", Value: george.token, HttpOnly: true, SameSite: http.SameSiteLaxMode}},
		{strings.Replace(shown, "// 'authorization': 'Bearer …'", "'authorization': 'Bearer "+george.token+"'", 1), nil},
	} {
		if c.cookie == nil && c.page == shown {
			t.Fatal("the page does not say how credentials are packed")
		}
		const warned = " resource doesn't currently exist, subscription was still made successfully\n"
		begins := "open\nKVStore" + warned + "LiveConfig" + warned
		ends := begins + fmt.Sprintf("kvStore World:kvstoreClient:testKey is {\"hp\":%d}\nliveConfig game is {\"doubled\":true}\n", i)
		var mu sync.Mutex
		var last string
		var written bool
		at := showing(t, c.page+watching, c.cookie, func(text string) bool {
			mu.Lock()
			defer mu.Unlock()
			last = text
			if text == begins && !written {
				written = true
				_, err := george.try("POST", "/api/kvstore/write/", fmt.Sprintf(`[{"store":"kvstoreClient","object":{"key":"testKey","data":{"hp":%d}}}]`, i), where...)
				if err == nil {
					_, err = program.try("PUT", "/api/liveconfig/game", `{"data":{"doubled":true}}`, where...)
				}
				if err != nil {
					t.Error(err)
				}
			}
			return len(text) >= len(ends) || strings.Contains(text, "closed")
		})
		// The subprotocol of the documentation is what the page's own function makes.
		if vector := opens(t, at); vector != "zvtwh2Pc4738C3hkLXwcLbY3LnsqYfMmKG2NWiWNE9yL8xVwQhcLFKCzzne1fqbf" {
			t.Errorf("base58 of the page makes %s", vector)
		}
		mu.Lock()
		if last != ends {
			t.Errorf("the page shows\n%s\nwant\n%s", last, ends)
		}
		mu.Unlock()
		george.wants(200, `[{"status":"ok",…}]`, "POST", "/api/kvstore/delete/", `[{"store":"kvstoreClient","key":"testKey"}]`, where...)
		program.wants(200, `{…}`, "DELETE", "/api/liveconfig/game", "", where...)
	}
}

// What docs/realtime.md has another program write becomes what clients read, also where a deletion has left something
// behind.
func TestDocumentedRealtimeWrites(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	srv := startUsers(t, nil)
	george := srv.made(t, srv.admin(t), "george")
	program := srv.holder(t, "read:realtime,write:realtime")
	where := []string{"x-m2-organization", "testOrg", "x-m2-project", "testProj", "x-m2-world", "lobby"}
	db := secantus.Connect(t, srv.store["mongodb.uri"].(string)).Database(srv.store["mongodb.database"].(string))
	program.wants(200, "{…}", "PUT", "/api/liveconfig/game", `{"data":{"doubled":true}}`, where...)
	program.wants(200, "{…}", "DELETE", "/api/liveconfig/game", "", where...)

	writes := regexp.MustCompile(`(?ms)^db\.(\w+)\.replaceOne\(\n(.*?)\n\)$`).FindAllStringSubmatch(documented(t, "js")[0], -1)
	if len(writes) != 3 {
		t.Fatalf("%d writes are documented, want one for each collection", len(writes))
	}
	for _, write := range writes {
		var arguments []json.RawMessage
		if err := json.Unmarshal([]byte("["+write[2]+"]"), &arguments); err != nil || len(arguments) != 3 {
			t.Fatalf("%s: %v", write[0], err)
		}
		var filter, document bson.D
		for i, into := range []*bson.D{&filter, &document} {
			if err := bson.UnmarshalExtJSON(arguments[i], false, into); err != nil {
				t.Fatalf("%s: %v", arguments[i], err)
			}
		}
		if _, err := db.Collection(write[1]).ReplaceOne(t.Context(), filter, document, options.Replace().SetUpsert(true)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		by         *person
		path, want string
	}{
		{george, "/api/collections/private", `{"name":"private","userId":"george","data":{"seen":2},"version":"…"}`},
		{george, "/api/liveconfig/game", `{"name":"game","data":{"doubled":false},"version":"…"}`},
		{program, "/api/kvstore/keys/?id=george&store=kvstoreServer&scope=World", `{"id":"george","store":"kvstoreServer","scope":"World","keys":["gold"],"index":0,"more":false}`},
	} {
		c.by.wants(200, c.want, "GET", c.path, "", where...)
	}
	program.wants(200, `[{"status":"ok","id":"george","store":"kvstoreServer","scope":"World","object":{"key":"gold","data":7},"version":"…"}]`,
		"POST", "/api/kvstore/read/", `[{"id":"george","store":"kvstoreServer","key":"gold"}]`, where...)
}
