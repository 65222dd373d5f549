package test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// names are the usernames of a page of users or sessions, and whether others follow.
func (p *person) names(path string) (names string, more bool) {
	p.t.Helper()
	got := p.wants(200, `{"…":[…],"index":…,"more":…}`, "GET", path, "")
	type item struct{ Username string }
	var page struct {
		Users, Sessions []item
		More            bool
	}
	if err := json.Unmarshal([]byte(got.body), &page); err != nil {
		p.t.Fatal(err)
	}
	var all []string
	for _, u := range append(page.Users, page.Sessions...) {
		all = append(all, u.Username)
	}
	return strings.Join(all, " "), page.More
}

func TestUsersAreListed(t *testing.T) {
	t.Parallel()
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	admin.wants(200, `{"users":[],"index":0,"more":false}`, "GET", "/users", "")
	for _, name := range []string{"martha", "axb", "george", "a.b", "a_b", "a-b", "Zoe"} {
		admin.wants(201, "…", "POST", "/users", newcomer(t, name))
	}
	admin.wants(200, `{"users":[{"username":"george","email":"george@mail.example","privileges":3,"activated":true,"createdOn":"…","lastLoggedIn":null,"meta":{}}],"index":0,"more":false}`,
		"GET", "/users?search=george", "")

	all, more := admin.names("/users")
	if more || len(strings.Fields(all)) != 7 {
		t.Errorf("%q, %t", all, more)
	}
	var paged []string
	for index := range 7 {
		page, more := admin.names("/users?limit=1&index=" + string(rune('0'+index)))
		paged = append(paged, page)
		if more != (index < 6) {
			t.Errorf("at %d: more is %t", index, more)
		}
	}
	if got := strings.Join(paged, " "); got != all {
		t.Errorf("by pages %q, at once %q", got, all)
	}
	if got, more := admin.names("/users?index=7"); got != "" || more {
		t.Errorf("behind the end: %q, %t", got, more)
	}

	// A search is literal, and looks at names and addresses without regard to case.
	for search, want := range map[string]string{
		"a.b": "a.b", "A_B": "a_b", "a%b": "", "a*b": "", "^a": "", "$": "", ".*": "", `\`: "", "[": "", "(": "", "GEORGE": "george",
		"martha@mail": "martha", "zoe": "Zoe", "a-b": "a-b", `{"$ne":1}`: "", "\x00": "",
	} {
		if got, _ := admin.names("/users?search=" + url.QueryEscape(search)); got != want {
			t.Errorf("search for %q: %q, want %q", search, got, want)
		}
	}
	if got, _ := admin.names("/users?search=mail.example&limit=1000"); got != all {
		t.Errorf("%q, want all: %q", got, all)
	}
}

func TestSessionsAreListed(t *testing.T) {
	t.Parallel()
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	george := srv.made(t, admin, "George")
	srv.made(t, admin, "Martha")
	srv.loggedIn(t, "George", passwordOf("George"))

	for path, want := range map[string]string{
		"/sessions": "George Martha George", "/sessions?username=george": "George George", "/sessions?username=martha%40mail.example": "Martha",
		"/sessions?limit=1&index=1": "Martha", "/sessions?index=3": "", "/sessions?username=nobody": "",
	} {
		if got, _ := admin.names(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	// The id is public: it is none that logs in, nor a part of the cookie that is of use.
	id, _, _ := strings.Cut(george.token, "_")
	thief := srv.nobody(t)
	for _, token := range []string{id, id + "_", id + "_" + strings.Repeat("0", 64), strings.ToUpper(george.token), george.token + "0", " " + george.token, `{"$ne":null}`} {
		thief.token = token
		if token != george.token && thief.do("GET", "/users/George", "", "Cookie", "gatehouse="+token).status != 401 {
			t.Errorf("the cookie %q is good for something", token)
		}
	}
	george.logout()
	if got, _ := admin.names("/sessions"); got != "Martha George" {
		t.Errorf("after a logout: %q", got)
	}
}
