package test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cheap has the hashes of passwords cost little: what is tested here is not how long they take.
func cheap(s settings) settings {
	all := settings{"users.bcryptCost": 4}
	maps.Copy(all, s)
	return all
}

// startUsers is start with cheap passwords.
func startUsers(t *testing.T, s settings) *server {
	t.Helper()
	return start(t, cheap(s))
}

// person is somebody who talks to the users API with what was given to them: a session's cookie, or a key.
type person struct {
	t       *testing.T
	srv     *server
	headers http.Header
	token   string // of the cookie; "": none
}

// told is an answer to a person.
type told struct {
	status int
	header http.Header
	body   string
	cookie *http.Cookie // what it sets; nil: none
}

// nobody has no session and no key.
func (s *server) nobody(t *testing.T) *person {
	t.Helper()
	return &person{t, s, http.Header{}, ""}
}

// holder has an access key.
func (s *server) holder(t *testing.T, scopes string) *person {
	t.Helper()
	return &person{t, s, http.Header{"Authorization": {"Bearer " + s.key(t, scopes)}}, ""}
}

// admin has a key that may do with users what an admin may.
func (s *server) admin(t *testing.T) *person {
	t.Helper()
	return s.holder(t, "read:users,write:users")
}

// passwordOf is the password with which these tests register somebody.
func passwordOf(name string) string { return "the-password-of-" + strings.ToLower(name) }

// addressOf is the address with which these tests register somebody.
func addressOf(name string) string { return strings.ToLower(name) + "@mail.example" }

// object is a JSON object of names and values in turn.
func object(t *testing.T, pairs ...any) string {
	t.Helper()
	all := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i].(string)] = pairs[i+1]
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// newcomer is the body that registers somebody.
func newcomer(t *testing.T, name string, more ...any) string {
	t.Helper()
	return object(t, append([]any{"username", name, "email", addressOf(name), "password", passwordOf(name)}, more...)...)
}

// made is a user whom an admin has made, logged in.
func (s *server) made(t *testing.T, admin *person, name string) *person {
	t.Helper()
	admin.wants(201, "…", "POST", "/users", newcomer(t, name))
	return s.loggedIn(t, name, passwordOf(name))
}

// loggedIn is somebody with a session.
func (s *server) loggedIn(t *testing.T, name, password string) *person {
	t.Helper()
	p := s.nobody(t)
	p.login(name, password)
	return p
}

// login begins a session; the person keeps its cookie.
func (p *person) login(name, password string, more ...any) told {
	p.t.Helper()
	got := p.wants(200, `{"authenticated":true,"user":{…}}`, "POST", "/auth/login",
		object(p.t, append([]any{"username", name, "password", password}, more...)...))
	if got.cookie == nil {
		p.t.Fatalf("a login sets no cookie: %v", got.header)
	}
	p.token = got.cookie.Value
	return got
}

// logout ends the session of the person, who keeps the cookie.
func (p *person) logout() {
	p.t.Helper()
	p.wants(200, `{"authenticated":false}`, "POST", "/auth/logout", "")
}

// try sends a request from any goroutine; headers are names and values in turn.
func (p *person) try(method, path, body string, headers ...string) (told, error) {
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.srv.url+path, strings.NewReader(body))
	if err != nil {
		return told{}, err
	}
	request.Header = p.headers.Clone()
	if p.token != "" {
		request.Header.Set("Cookie", "gatehouse="+p.token)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return told{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	got := told{status: response.StatusCode, header: response.Header, body: strings.TrimSuffix(string(b), "\n")}
	for _, c := range response.Cookies() {
		if c.Name == "gatehouse" {
			got.cookie = c
		}
	}
	return got, err
}

// do is try for the test's own goroutine.
func (p *person) do(method, path, body string, headers ...string) told {
	p.t.Helper()
	got, err := p.try(method, path, body, headers...)
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}

// wants sends a request and compares the answer; … in the body stands for anything.
func (p *person) wants(status int, body, method, path, sent string, headers ...string) told {
	p.t.Helper()
	got := p.do(method, path, sent, headers...)
	if got.status != status || !fits(body, got.body) {
		p.t.Errorf("%s %s %.300s\ngot  %d %.500s\nwant %d %.500s", method, path, sent, got.status, got.body, status, body)
	}
	return got
}

// refusedWith sends a request that has to be answered with an error.
func (p *person) refusedWith(status int, code, method, path, sent string, headers ...string) told {
	p.t.Helper()
	got := p.do(method, path, sent, headers...)
	if got.status != status || decodeFailure(p.t, []byte(got.body)).Code != code {
		p.t.Errorf("%s %s %.300s\ngot  %d %.500s\nwant %d %s", method, path, sent, got.status, got.body, status, code)
	}
	return got
}

// wantsInvalid sends a request in which one property is wrong.
func (p *person) wantsInvalid(property, method, path, sent string) {
	p.t.Helper()
	got := p.refusedWith(400, "INVALID_PROPERTY", method, path, sent)
	if said := decodeFailure(p.t, []byte(got.body)).Property; said != property {
		p.t.Errorf("%s %s %.300s: the property is %q, want %q: %.300s", method, path, sent, said, property, got.body)
	}
}

// present tells whether the person's session is one.
func (p *person) present() bool {
	p.t.Helper()
	return strings.HasPrefix(p.do("GET", "/auth/authenticated", "").body, `{"authenticated":true,`)
}

// headersOf are those by which a socket shows who it is.
func (p *person) headersOf() map[string]string {
	all := maps.Clone(trusted)
	for name := range p.headers {
		all[strings.ToLower(name)] = p.headers.Get(name)
	}
	if p.token != "" {
		all["cookie"] = "gatehouse=" + p.token
	}
	return all
}

// listen opens a socket that hears what is done from now on. What was done just before can still be on its way to
// those who have opened one: it passes before an echo does.
func (s *server) listen(t *testing.T) *client {
	t.Helper()
	c := connect(t, s.ws)
	begin := `"socket ` + strconv.Itoa(c.id) + ` listens"`
	c.send(echo(begin))
	for string(c.next().Message) != begin {
	}
	return c
}

// loggedLink waits for the so manieth link of a kind that is logged for a user where no mail is sent, and returns
// the path and the query behind the server's address.
func (s *server) loggedLink(t *testing.T, kind, username string, number int) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^.*kind=` + kind + ` username=` + regexp.QuoteMeta(username) + ` link="?([^"\s]+)"?$`)
	var links [][]string
	eventually(t, "a link in the log: "+kind+" of "+username, func() bool {
		links = line.FindAllStringSubmatch(s.log.String(), -1)
		return len(links) >= number
	})
	return s.local(t, links[number-1][1])
}

// local is what a link that leads to the server has behind the server's address.
func (s *server) local(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Scheme+"://"+u.Host != strings.Replace(s.url, "127.0.0.1", "localhost", 1) {
		t.Fatalf("the link %q does not lead to the server at %s (%v)", link, s.url, err)
	}
	return u.RequestURI()
}

// keyIn is the key that a link carries, and the user it is for.
func keyIn(t *testing.T, link string) (user, key string) {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("user") == "" || len(u.Query().Get("key")) < 20 {
		t.Fatalf("a link without user and key: %q (%v)", link, err)
	}
	return u.Query().Get("user"), u.Query().Get("key")
}

// sameJSON tells whether two values are the same to who reads JSON; the order of names counts.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	read := func(s string) (tokens []json.Token) {
		d := json.NewDecoder(strings.NewReader(s))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				return tokens
			}
			if err != nil {
				t.Fatalf("no JSON: %v: %.200s", err, s)
			}
			tokens = append(tokens, token)
		}
	}
	return slices.Equal(read(a), read(b))
}
