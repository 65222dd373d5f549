package test

import (
	"strings"
	"testing"
)

// A user's meta is read and set over a socket too, by who may do so over HTTP.

// asks sends a meta request with these properties, and compares the answer.
func (c *client) asks(properties, want string) {
	c.t.Helper()
	if got := c.ask(`{"eventType":9,` + properties + `}`); !fits(want, got.raw) {
		c.t.Errorf("asked %.300s\ngot  %.500s\nwant %s", properties, got.raw, want)
	}
}

// failsWith is asks for a request that is not followed.
func (c *client) failsWith(code, properties string) {
	c.t.Helper()
	c.asks(properties, `{"eventType":0,"code":"`+code+`","error":"…"…}`)
}

// quiet opens a socket that hears nothing but replies.
func (p *person) quiet() *client {
	p.t.Helper()
	return connectWith(p.t, p.srv.ws+"/?events=4", p.headersOf())
}

func TestMetaBySocket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	george := srv.made(t, admin, "George")
	watch := srv.listen(t)
	for name, p := range map[string]*person{"a key": admin, "the own session": george} {
		t.Run(name, func(t *testing.T) {
			c := p.quiet()
			c.asks(`"username":"George"`, `{"eventType":9,"username":"George","val":{}}`)
			c.asks(`"username":"George","val":{"color":"blue","n":1.5}`, `{"eventType":9,"username":"George","val":{"color":"blue","n":1.5}}`)
			watch.hears(updated(`"meta.color","meta.n"`, "George"))
			c.asks(`"username":"George","property":"color","requestId":"r1"`, `{"eventType":9,"username":"George","property":"color","val":"blue","requestId":"r1"}`)
			c.asks(`"username":"George","property":"p","val":null,"requestId":2`, `{"eventType":9,"username":"George","property":"p","val":null,"requestId":2}`)
			watch.hears(updated(`"meta.p"`, "George"))
			c.asks(`"username":"George","property":"p"`, `{"eventType":9,"username":"George","property":"p","val":null}`)
			c.asks(`"username":"George"`, `{"eventType":9,"username":"George","val":{"color":"blue","n":1.5,"p":null}}`)
			c.asks(`"username":"George","property":"absent","requestId":3`, `{"eventType":0,"code":"NOT_FOUND","error":"…","requestId":3}`)
			c.asks(`"username":"George","val":{}`, `{"eventType":9,"username":"George","val":{}}`)
			watch.hears(updated(`"meta.color","meta.n","meta.p"`, "George"))
			c.alive()
		})
	}
	// What was set here is what HTTP says.
	george.quiet().asks(`"username":"george","property":"p","val":{"deep":[1,{"x":true}]}`, `{"eventType":9,"username":"…eorge","property":"p","val":{"deep":[1,{"x":true}]}}`)
	george.wants(200, `{"p":{"deep":[1,{"x":true}]}}`, "GET", "/users/George/meta", "")
}

// Who may not ask hears the same of users that exist and of those that do not.
func TestMetaBySocketIsForWhoMay(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	admin := srv.admin(t)
	george := srv.made(t, admin, "George")
	srv.made(t, admin, "Martha")
	out := srv.loggedIn(t, "George", passwordOf("George"))
	loggedOut := out.quiet()
	loggedOut.asks(`"username":"George"`, `{"eventType":9,"username":"George","val":{}}`)
	out.logout()
	stranger := srv.nobody(t)
	stranger.token = strings.Repeat("0", 24) + "_" + strings.Repeat("0", 64)

	for name, c := range map[string]*client{
		"nobody": srv.nobody(t).quiet(), "another user": george.quiet(), "a wrong cookie": stranger.quiet(),
		"a key of another scope": srv.holder(t, "read:events").quiet(),
	} {
		for _, rest := range []string{``, `,"property":"p"`, `,"val":{}`, `,"property":"p","val":1`, `,"requestId":"x"`} {
			there, missing := c.ask(`{"eventType":9,"username":"Martha"`+rest+`}`), c.ask(`{"eventType":9,"username":"nobody"`+rest+`}`)
			if there.Code != "FORBIDDEN" || missing.raw != there.raw {
				t.Errorf("%s asks %s: %s of who is there, %s of who is not", name, rest, there.raw, missing.raw)
			}
		}
		c.alive()
	}
	for _, rest := range []string{``, `,"property":"p"`, `,"val":{}`} {
		loggedOut.failsWith("FORBIDDEN", `"username":"George"`+rest)
	}

	reader, writer := srv.holder(t, "read:users").quiet(), srv.holder(t, "write:users").quiet()
	reader.asks(`"username":"Martha"`, `{"eventType":9,"username":"Martha","val":{}}`)
	reader.failsWith("FORBIDDEN", `"username":"Martha","property":"p","val":1`)
	reader.failsWith("NOT_FOUND", `"username":"nobody"`)
	writer.asks(`"username":"Martha","property":"p","val":1`, `{"eventType":9,"username":"Martha","property":"p","val":1}`)
	writer.failsWith("FORBIDDEN", `"username":"Martha"`)
	writer.failsWith("NOT_FOUND", `"username":"nobody","property":"p","val":1`)
}

// An admin's session may what the key may: see everybody, and change those of lower rank.
func TestMetaBySocketOfAnAdmin(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, nil)
	super, admin := srv.superAdmin(t), srv.adminNamed(t, "second")
	srv.made(t, super, "George")
	c := admin.quiet()

	c.asks(`"username":"George","property":"p","val":1`, `{"eventType":9,"username":"George","property":"p","val":1}`)
	c.asks(`"username":"root"`, `{"eventType":9,"username":"root","val":{}}`)
	c.failsWith("FORBIDDEN", `"username":"root","property":"p","val":1`)
	c.failsWith("NOT_FOUND", `"username":"nobody"`)
	super.quiet().asks(`"username":"second","property":"p","val":1`, `{"eventType":9,"username":"second","property":"p","val":1}`)

	// An admin who is none any more is so at once, on a socket that is open too.
	super.wants(200, "…", "PATCH", "/users/second", `{"privileges":3}`)
	c.failsWith("FORBIDDEN", `"username":"George"`)
	c.asks(`"username":"second"`, `{"eventType":9,"username":"second","val":{"p":1}}`)
}

func TestMetaBySocketIsChecked(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startUsers(t, settings{"websocket.maxMessageBytes": 1 << 20})
	george := srv.made(t, srv.admin(t), "George")
	c := george.quiet()
	of := func(rest string) string { return `"username":"George",` + rest }

	for _, name := range []string{`$x`, `a.b`, `__proto__`, ``, strings.Repeat("x", 129), `a\u0000b`} {
		c.failsWith("INVALID_PROPERTY", of(`"property":"`+name+`","val":1`))
		c.failsWith("INVALID_PROPERTY", of(`"val":{"`+name+`":1}`))
		c.failsWith("INVALID_PROPERTY", of(`"property":"p","val":[{"q":{"`+name+`":1}}]`))
	}
	for _, rest := range []string{`"property":5`, `"property":null,"val":1`, `"val":[]`, `"val":"x"`, `"val":null`, `"val":{"a":1,"a":2}`, `"property":"p","val":1e400`} {
		c.failsWith("INVALID_PROPERTY", of(rest))
	}
	c.failsWith("INVALID_PROPERTY", `"property":"p"`)
	c.failsWith("INVALID_PROPERTY", `"username":7`)
	c.asks(of(`"requestId":"r","property":"$x","val":1`), `{"eventType":0,"code":"INVALID_PROPERTY","error":"…","property":"…","requestId":"r"}`)

	half := strings.Repeat("x", 33<<10)
	c.failsWith("INVALID_PROPERTY", of(`"property":"p","val":"`+half+half+`"`))
	c.asks(of(`"property":"p","val":"`+half+`"`), `{…}`)
	c.failsWith("INVALID_PROPERTY", of(`"property":"q","val":"`+half+`"`)) // the bound is that of all together
	c.failsWith("INVALID_PROPERTY", of(`"val":{"p":"`+half+`","q":"`+half+`"}`))
	george.wants(200, `{"p":"`+half+`"}`, "GET", "/users/George/meta", "")

	for _, name := range []string{strings.Repeat("x", 128), `é`, `constructor`, `prototype`, `a b`, `_id`, `x$y`} {
		c.asks(of(`"property":"`+name+`","val":"v"`), `{"eventType":9,"username":"George","property":"`+name+`","val":"v"}`)
		c.asks(of(`"property":"`+name+`"`), `{"eventType":9,"username":"George","property":"`+name+`","val":"v"}`)
	}
}

// A value comes back as JSON has it. Numbers that JSON's readers do not tell apart may be written otherwise.
func TestMetaValues(t *testing.T) {
	t.Parallel()
	srv := startUsers(t, nil)
	george := srv.made(t, srv.admin(t), "George")
	c := george.quiet()

	for _, value := range []string{
		`null`, `true`, `false`, `0`, `-1`, `1.5`, `1e100`, `2147483648`, `9007199254740993`, `""`, `"é 😀"`, `"$x"`, `"\"\\\u0000\u2028"`,
		`[]`, `{}`, `[null,[1,"x"],{"a":[]}]`, `{"b":1,"a":2,"10":3}`, `{"eventType":4,"username":"x"}`, `"2026-01-31T12:00:00Z"`,
		strings.Repeat(`[`, 50) + strings.Repeat(`]`, 50),
	} {
		c.asks(`"username":"George","property":"p","val":`+value, `{"eventType":9,"username":"George","property":"p","val":`+value+`}`)
		for where, got := range map[string]string{
			"socket": string(c.ask(`{"eventType":9,"username":"George","property":"p"}`).fields(t)["val"]),
			"HTTP":   strings.TrimSuffix(strings.TrimPrefix(george.do("GET", "/users/George/meta/p", "").body, `{"value":`), `}`),
		} {
			if !sameJSON(t, value, got) {
				t.Errorf("set to %s, by %s it is %s", value, where, got)
			}
		}
	}
}
