package test

import (
	"fmt"
	"strings"
	"testing"
)

// Who may do what: each route of the users API, for each kind of person.

// The columns of the tables below.
var kinds = []string{"nobody", "owner", "another user", "admin", "super admin", "key that reads", "key that writes", "key for neither"}

// routeOf is one row. {user} stands for a user that the row's owner is, {id} for its session.
type routeOf struct {
	request  string // its method and its path
	body     string
	statuses [8]int // by kinds
	fresh    bool   // what is asked for uses the user up
}

var usersRoutes = []routeOf{
	{"GET /users", "", [8]int{401, 403, 403, 200, 200, 200, 403, 403}, false},
	{"POST /users", `{"username":"n{n}","email":"n{n}@mail.example","password":"long enough"}`, [8]int{401, 403, 403, 201, 201, 403, 201, 403}, false},
	{"GET /users/{user}", "", [8]int{401, 200, 403, 200, 200, 200, 403, 403}, false},
	{"GET /users/{user}%40mail.example", "", [8]int{401, 200, 403, 200, 200, 200, 403, 403}, false},
	{"PATCH /users/{user}", `{"meta":{"p":1}}`, [8]int{401, 200, 403, 200, 200, 403, 200, 403}, false},
	{"PATCH /users/{user}", `{"meta":{"n":"{n}"}}`, [8]int{401, 200, 403, 200, 200, 403, 200, 403}, true},
	{"PATCH /users/{user}", `{"password":"a new password"}`, [8]int{401, 400, 403, 200, 200, 403, 200, 403}, true},
	{"PATCH /users/{user}", `{"privileges":2}`, [8]int{401, 403, 403, 403, 200, 403, 403, 403}, true},
	{"DELETE /users/{user}", "", [8]int{401, 204, 403, 204, 204, 403, 204, 403}, true},
	{"GET /users/{user}/meta", "", [8]int{401, 200, 403, 200, 200, 200, 403, 403}, false},
	{"PUT /users/{user}/meta", `{"p":1}`, [8]int{401, 200, 403, 200, 200, 403, 200, 403}, false},
	{"GET /users/{user}/meta/p", "", [8]int{401, 200, 403, 200, 200, 200, 403, 403}, false},
	{"PUT /users/{user}/meta/p", `{"value":1}`, [8]int{401, 200, 403, 200, 200, 403, 200, 403}, false},
	{"DELETE /users/{user}/meta/p", "", [8]int{401, 204, 403, 204, 204, 403, 204, 403}, true},
	{"PUT /auth/{user}/approve-activation", "", [8]int{401, 403, 403, 200, 200, 403, 200, 403}, false},
	{"GET /sessions", "", [8]int{401, 403, 403, 200, 200, 200, 403, 403}, false},
	{"GET /sessions?username={user}", "", [8]int{401, 403, 403, 200, 200, 200, 403, 403}, false},
	{"DELETE /sessions/{id}", "", [8]int{401, 403, 403, 204, 204, 403, 204, 403}, true},
}

// cast are the persons of a test.
type cast struct {
	t       *testing.T
	srv     *server
	persons map[string]*person
	made    int
}

func castOf(t *testing.T, srv *server) *cast {
	t.Helper()
	return &cast{t: t, srv: srv, persons: map[string]*person{
		"nobody": srv.nobody(t), "super admin": srv.superAdmin(t), "admin": srv.adminNamed(t, "second"),
		"key that reads": srv.holder(t, "read:users"), "key that writes": srv.holder(t, "write:users"),
		"key for neither": srv.holder(t, "read:events,write:events,write:documents"),
	}}
}

// victim makes a user with the property p; the owner is who is logged in as it.
func (c *cast) victim() (user string) {
	c.t.Helper()
	c.made++
	user = fmt.Sprintf("v%d", c.made)
	c.persons["key that writes"].wants(201, "…", "POST", "/users", newcomer(c.t, user, "meta", map[string]any{"p": 1}))
	c.persons["owner"] = c.srv.loggedIn(c.t, user, passwordOf(user))
	return user
}

func (c *cast) fill(text, user string) string {
	id, _, _ := strings.Cut(c.persons["owner"].token, "_")
	return strings.NewReplacer("{user}", user, "{id}", id, "{n}", fmt.Sprint(c.made)).Replace(text)
}

func TestUsersRoutesAreForWhoMay(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	c := castOf(t, startUsers(t, nil))
	c.victim()
	c.persons["another user"] = c.persons["owner"]

	user := c.victim()
	for _, route := range usersRoutes {
		for i, kind := range kinds {
			if route.fresh && route.statuses[i] < 300 {
				user = c.victim()
			}
			c.made++ // what {n} stands for
			method, path, _ := strings.Cut(c.fill(route.request, user), " ")
			got := c.persons[kind].do(method, path, c.fill(route.body, user))
			if got.status != route.statuses[i] {
				t.Errorf("%s %s by %s: %d, want %d: %s", route.request, route.body, kind, got.status, route.statuses[i], got.body)
				continue
			}
			want := map[int]string{400: "INVALID_PROPERTY", 401: "UNAUTHORIZED", 403: "FORBIDDEN"}[got.status]
			if want != "" && decodeFailure(t, []byte(got.body)).Code != want {
				t.Errorf("%s by %s: %s, want %s", route.request, kind, got.body, want)
			}
			if route.fresh && route.statuses[i] < 300 {
				user = c.victim()
			}
		}
	}
}

// Who may not ask learns nothing about who exists; who may learns it.
func TestUsersThatDoNotExist(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	c := castOf(t, startUsers(t, nil))
	c.victim()
	c.persons["another user"] = c.persons["owner"]
	user := c.victim()

	for _, route := range usersRoutes {
		if !strings.Contains(route.request, "{user}") || strings.Contains(route.request, "sessions") {
			continue
		}
		for i, kind := range kinds {
			switch kind {
			case "owner":
				continue
			case "nobody", "another user", "key for neither":
			default:
				if route.statuses[i] == 403 {
					continue // another reason, of which the table above tells
				}
				missing := strings.Replace(route.request, "{user}", "missing", 1)
				method, path, _ := strings.Cut(missing, " ")
				c.persons[kind].refusedWith(404, "NOT_FOUND", method, path, c.fill(route.body, user))
				continue
			}
			method, path, _ := strings.Cut(route.request, " ")
			body := c.fill(route.body, user)
			there, missing := c.persons[kind].do(method, c.fill(path, user), body), c.persons[kind].do(method, c.fill(path, "missing"), body)
			if there.status != route.statuses[i] || there.status != missing.status || there.body != missing.body {
				t.Errorf("%s by %s: %d %s of who is there, %d %s of who is not", route.request, kind, there.status, there.body, missing.status, missing.body)
			}
		}
	}
	c.persons["admin"].refusedWith(404, "NOT_FOUND", "DELETE", "/sessions/"+strings.Repeat("0", 24), "")
	c.persons["admin"].refusedWith(404, "NOT_FOUND", "DELETE", "/sessions/%24ne", "")
	c.persons["admin"].wants(200, `{"sessions":[],"index":0,"more":false}`, "GET", "/sessions?username=missing", "")
}

// Nobody acts on who has the same rank or a higher one, but for the super admin, who acts on all; and the super admin
// stays what it is.
func TestRanks(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	c := castOf(t, startUsers(t, nil))
	super, admin, key := c.persons["super admin"], c.persons["admin"], c.persons["key that writes"]
	third := c.srv.adminNamed(t, "third")

	for _, by := range []*person{admin, key} {
		for _, of := range []string{"root", "third"} {
			for request, body := range map[string]string{
				"PATCH /users/": `{"meta":{}}`, "DELETE /users/": "",
			} {
				method, path, _ := strings.Cut(request, " ")
				by.refusedWith(403, "FORBIDDEN", method, path+of, body)
			}
			by.refusedWith(403, "FORBIDDEN", "PATCH", "/users/"+of, `{"privileges":3}`)
			by.refusedWith(403, "FORBIDDEN", "PUT", "/users/"+of+"/meta", `{}`)
			by.refusedWith(403, "FORBIDDEN", "PUT", "/users/"+of+"/meta/p", `{"value":1}`)
			by.refusedWith(403, "FORBIDDEN", "PATCH", "/users/"+of, `{"password":"a new password"}`)
		}
		by.refusedWith(403, "FORBIDDEN", "POST", "/users", newcomer(t, "made", "privileges", 2))
		id, _, _ := strings.Cut(third.token, "_")
		by.refusedWith(403, "FORBIDDEN", "DELETE", "/sessions/"+id, "")
	}
	admin.wants(200, `{"username":"root",…"privileges":1,…}`, "GET", "/users/root", "")

	super.refusedWith(403, "FORBIDDEN", "DELETE", "/users/root", "")
	super.refusedWith(403, "FORBIDDEN", "PATCH", "/users/root", `{"privileges":2}`)
	super.wants(201, `{…"privileges":2,…}`, "POST", "/users", newcomer(t, "fourth", "privileges", 2))
	super.wants(200, `{…"privileges":3,…}`, "PATCH", "/users/fourth", `{"privileges":3}`)
	for _, by := range []*person{super, admin, key} {
		for _, privileges := range []string{"1", "0", "4", "-1"} {
			by.wantsInvalid("privileges", "PATCH", "/users/fourth", `{"privileges":`+privileges+`}`)
			by.wantsInvalid("privileges", "POST", "/users", `{"username":"fifth","email":"fifth@mail.example","password":"long enough","privileges":`+privileges+`}`)
		}
	}
	super.wants(204, "", "DELETE", "/users/third", "")
	if third.present() {
		t.Error("an admin who was deleted goes on")
	}
	admin.wants(200, `{…"privileges":3,…}`, "PATCH", "/users/second", `{"privileges":3}`) // one may always step down
	admin.refusedWith(403, "FORBIDDEN", "GET", "/users", "")
}

// The owner changes what is its own, and shows the current password for a new one.
func TestOwnAccount(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	george, elsewhere := srv.made(t, admin, "George"), srv.loggedIn(t, "george", passwordOf("George"))
	srv.made(t, admin, "Martha")

	user := `{"username":"George","email":"george@mail.example","privileges":3,"activated":true,"createdOn":"20…Z","lastLoggedIn":"20…Z","meta":{}}`
	george.wants(200, user, "GET", "/users/GEORGE", "")
	george.wants(200, `{"authenticated":true,"user":`+user+`}`, "GET", "/auth/authenticated", "")
	moves := func(to string) string {
		return object(t, "email", to, "meta", map[string]any{"p": 1}, "currentPassword", passwordOf("George"))
	}
	george.wantsInvalid("currentPassword", "PATCH", "/users/George", `{"email":"g@mail.example"}`)
	george.refusedWith(409, "TAKEN", "PATCH", "/users/George", moves("MARTHA@mail.example"))
	george.wants(200, user, "GET", "/users/George", "") // all of it or nothing
	george.wants(200, `{…"email":"g@mail.example",…"meta":{"p":1}}`, "PATCH", "/users/George", moves("g@mail.example"))

	george.wantsInvalid("currentPassword", "PATCH", "/users/George", `{"password":"a new password"}`)
	george.wantsInvalid("currentPassword", "PATCH", "/users/George", `{"password":"a new password","currentPassword":"wrong password"}`)
	george.wants(200, "…", "PATCH", "/users/George", object(t, "password", "a new password", "currentPassword", passwordOf("George")))
	if !george.present() || elsewhere.present() {
		t.Error("a new password must end all sessions but the one in which it was chosen")
	}
	george.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", "George", "password", passwordOf("George")))
	srv.loggedIn(t, "george", "a new password")
	george.wants(204, "", "DELETE", "/users/George", "")
	george.refusedWith(401, "UNAUTHORIZED", "GET", "/users/George", "")
}
