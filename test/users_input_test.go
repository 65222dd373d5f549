package test

import (
	"strings"
	"testing"
)

// What is wrong with a request is told with the property that is wrong, and nothing is done.

// takers are the routes that take a body, each with one that is right and the fields that it must have.
var takers = []struct{ request, body, required string }{
	{"POST /auth/register", `{"username":"new","email":"new@mail.example","password":"long enough"}`, "username email password"},
	{"POST /auth/login", `{"username":"George","password":"long enough","rememberMe":false}`, "username password"},
	{"PUT /auth/password-reset", `{"user":"George","key":"00","password":"long enough"}`, "user key password"},
	{"POST /users", `{"username":"new","email":"new@mail.example","password":"long enough","privileges":3}`, "username email password"},
	{"PATCH /users/George", `{"email":"g@mail.example"}`, ""},
	{"PUT /users/George/meta", `{}`, ""},
	{"PUT /users/George/meta/p", `{"value":1}`, "value"},
}

func TestUsersBodiesThatAreNone(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	srv.made(t, admin, "George")
	c := srv.listen(t)

	for _, taker := range takers {
		method, path, _ := strings.Cut(taker.request, " ")
		for _, body := range []string{``, ` `, `hello`, `null`, `true`, `7`, `"x"`, `[]`, `{`, taker.body + `}`, taker.body + ` {}`, "\ufeff" + taker.body, "{\"a\":\"\xff\"}", `username=new&password=x`} {
			admin.refusedWith(400, "INVALID_JSON", method, path, body)
		}
		admin.refusedWith(413, "TOO_LARGE", method, path, `{"value":"`+strings.Repeat("x", 65536)+`"}`)
		if !strings.HasSuffix(path, "/meta") {
			admin.wantsInvalid("admin", method, path, strings.TrimSuffix(taker.body, "}")+`,"admin":true}`)
			admin.wantsInvalid("Value", method, path, `{"Value":1}`)
		}
		for field := range strings.FieldsSeq(taker.required) {
			admin.wantsInvalid(field, method, path, strings.Replace(taker.body, `"`+field+`":`, `"`+field+`":1,"`+field+`":`, 1)) // twice
			if field == "value" {
				admin.wantsInvalid(field, method, path, `{}`)
				continue
			}
			for _, wrong := range []string{`7`, `null`, `["x"]`, `{"$ne":null}`, `true`} {
				got := admin.refusedWith(400, "INVALID_PROPERTY", method, path, replaced(taker.body, field, wrong))
				if said := decodeFailure(t, []byte(got.body)).Property; said != field && said != field+".$ne" {
					t.Errorf("%s with the %s %s: %s", taker.request, field, wrong, got.body)
				}
			}
			admin.wantsInvalid(field, method, path, without(taker.body, field))
		}
	}
	c.alive() // and heard nothing of all that
}

// replaced is an object of texts with another value at one name.
func replaced(body, field, value string) string {
	before, rest, _ := strings.Cut(body, `"`+field+`":"`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + `"` + field + `":` + value + after
}

// without is an object of texts without one name.
func without(body, field string) string {
	all := replaced(body, field, "")
	return strings.NewReplacer(`"`+field+`":,`, ``, `,"`+field+`":`, ``).Replace(all)
}

func TestUsersValuesThatCannotBe(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"websocket.maxMessageBytes": 1 << 20, "users.registrationsPerHour": 0})
	admin := srv.admin(t)
	george := srv.made(t, admin, "George")
	c := srv.listen(t)

	for property, values := range map[string][]string{
		"username": {``, ` `, `a b`, `-a`, `a.`, `.a`, `a_`, `a@mail.example`, `é`, `а`, `a/b`, `a\nb`, `a\u0000`, `$a`, strings.Repeat("x", 65)},
		"email": {
			``, `x`, `a@`, `@mail.example`, `Ann <ann@mail.example>`, `<ann@mail.example>`, `ann@mail.example, b@mail.example`, ` ann@mail.example`,
			`ann@mail.example\r\nBcc: b@mail.example`, `ann@mail.example\u0000`, `ü@mail.example`, strings.Repeat("x", 250) + `@a.example`, `a b@mail.example`, `ann@[127.0.0.1]`,
		},
		"password": {``, `1234567`, `ééééééé`, strings.Repeat("x", 73), strings.Repeat("é", 37), `long enough\u0000`},
	} {
		for _, value := range values {
			body := replaced(`{"username":"new","email":"new@mail.example","password":"long enough"}`, property, `"`+value+`"`)
			srv.nobody(t).wantsInvalid(property, "POST", "/auth/register", body)
			admin.wantsInvalid(property, "POST", "/users", body)
			if property != "username" {
				admin.wantsInvalid(property, "PATCH", "/users/George", `{"`+property+`":"`+value+`"}`)
			}
			if property == "password" {
				srv.nobody(t).wantsInvalid(property, "PUT", "/auth/password-reset", `{"user":"George","key":"00","password":"`+value+`"}`)
			}
		}
	}
	for _, value := range []string{`"yes"`, `1`, `null`, `[]`} {
		srv.nobody(t).wantsInvalid("rememberMe", "POST", "/auth/login", `{"username":"George","password":"x","rememberMe":`+value+`}`)
	}
	for _, value := range []string{`"2"`, `2.5`, `null`, `[]`, `true`, `1e300`} {
		admin.wantsInvalid("privileges", "PATCH", "/users/George", `{"privileges":`+value+`}`)
		admin.wantsInvalid("privileges", "POST", "/users", `{"username":"new","email":"new@mail.example","password":"long enough","privileges":`+value+`}`)
	}
	srv.nobody(t).wantsInvalid("privileges", "POST", "/auth/register", newcomer(t, "new", "privileges", 2))

	for name, property := range map[string]string{`$x`: `$x`, `a.b`: `a.b`, `__proto__`: `__proto__`, ``: ``, strings.Repeat("x", 129): strings.Repeat("x", 129)} {
		for _, nested := range [][2]string{{`{"` + name + `":1}`, property}, {`{"q":[{"` + name + `":1}]}`, "q.0." + property}} {
			srv.nobody(t).wantsInvalid("meta."+nested[1], "POST", "/auth/register", strings.TrimSuffix(newcomer(t, "new"), "}")+`,"meta":`+nested[0]+`}`)
			george.wantsInvalid("meta."+nested[1], "PATCH", "/users/George", `{"meta":`+nested[0]+`}`)
			got := george.refusedWith(400, "INVALID_PROPERTY", "PUT", "/users/George/meta", nested[0])
			got2 := george.refusedWith(400, "INVALID_PROPERTY", "PUT", "/users/George/meta/p", `{"value":`+nested[0]+`}`)
			if !strings.Contains(got.body, property) || !strings.Contains(got2.body, property) {
				t.Errorf("%s: neither %s nor %s may forget which name it was", nested[0], got.body, got2.body)
			}
		}
	}
	for path := range map[string]bool{"%24x": true, "a.b": true, "__proto__": true, strings.Repeat("x", 129): true, "a%00b": true} {
		george.refusedWith(400, "INVALID_PROPERTY", "PUT", "/users/George/meta/"+path, `{"value":1}`)
		george.refusedWith(404, "NOT_FOUND", "DELETE", "/users/George/meta/"+path, "")
		george.refusedWith(404, "NOT_FOUND", "GET", "/users/George/meta/"+path, "")
	}
	for _, value := range []string{`[]`, `"x"`, `null`, `7`} {
		srv.nobody(t).wantsInvalid("meta", "POST", "/auth/register", strings.TrimSuffix(newcomer(t, "new"), "}")+`,"meta":`+value+`}`)
		george.wantsInvalid("meta", "PATCH", "/users/George", `{"meta":`+value+`}`)
	}
	large := `"` + strings.Repeat("x", 65<<10) + `"`
	srv.nobody(t).wantsInvalid("meta", "POST", "/auth/register", strings.TrimSuffix(newcomer(t, "new"), "}")+`,"meta":{"p":`+large+`}}`)
	george.wantsInvalid("meta", "PUT", "/users/George/meta", `{"p":`+large+`}`)
	george.wantsInvalid("meta", "PUT", "/users/George/meta/p", `{"value":`+large+`}`)

	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "limit=1.5", "limit=-1", "index=-1", "index=x", "index=1e3", "index=99999999999999999999", "limit=1&index=x"} {
		admin.refusedWith(400, "INVALID_PARAMETER", "GET", "/users?"+query, "")
		admin.refusedWith(400, "INVALID_PARAMETER", "GET", "/sessions?"+query, "")
	}
	george.wants(200, `{}`, "GET", "/users/George/meta", "")
	admin.wants(200, `{"users":[{"username":"George",…}],"index":0,"more":false}`, "GET", "/users", "")
	c.alive() // and heard nothing of all that
}

// What is at its bounds can be.
func TestUsersValuesAtTheirBounds(t *testing.T) {
	t.Parallel()
	srv := startUsers(t, nil)
	for _, name := range []string{"x", strings.Repeat("x", 64), "a.b_c-d", "0", "A-1"} {
		srv.nobody(t).wants(201, `{"username":"`+name+`","activation":"none"}`, "POST", "/auth/register",
			object(t, "username", name, "email", name+"@mail.example", "password", "12345678"))
		p := srv.loggedIn(t, name, "12345678")
		p.wants(200, `{"username":"`+name+`",…}`, "GET", "/users/"+strings.ToUpper(name), "")
	}
	for i, password := range []string{strings.Repeat("x", 72), "éééééééé", "        ", `"\'<>&` + "\t\u2028", "пароль-пароль"} {
		name := "p" + string(rune('0'+i))
		srv.nobody(t).wants(201, "…", "POST", "/auth/register", object(t, "username", name, "email", addressOf(name), "password", password))
		srv.loggedIn(t, name, password)
		srv.nobody(t).refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", name, "password", "!"+password))
	}
	longest := strings.Repeat("x", 64) + "@" + strings.Repeat(strings.Repeat("y", 58)+".", 3) + "example"
	for len(longest) < 254 {
		longest = strings.Replace(longest, ".example", "z.example", 1)
	}
	srv.nobody(t).wants(201, "…", "POST", "/auth/register", object(t, "username", "longest", "email", longest, "password", "12345678"))
	srv.loggedIn(t, strings.ToUpper(longest), "12345678")
	p := srv.loggedIn(t, "x", "12345678")
	p.wants(200, `{"value":1}`, "PUT", "/users/x/meta/"+strings.Repeat("%C3%A9", 64), `{"value":1}`)
	p.wants(200, `{"value":1}`, "GET", "/users/x/meta/"+strings.Repeat("%C3%A9", 64), "")
	p.wants(200, `{"value":"a/b"}`, "PUT", "/users/x/meta/a%2Fb", `{"value":"a/b"}`)
	p.wants(200, `{"value":"a/b"}`, "GET", "/users/x/meta/a%2Fb", "")
	p.wants(204, "", "DELETE", "/users/x/meta/a%2Fb", "")
}
