package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"time"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
	"gatehouse/users"
)

// accountsTimeout is how long a request waits for the store, and for its turn to
// have a password checked.
const accountsTimeout = 4500 * time.Millisecond

// SessionCookie is the name of the cookie that holds a session's token.
const SessionCookie = "gatehouse"

// AccountsOptions for [NewAccounts].
type AccountsOptions struct {
	Accounts *users.Accounts

	// MaxBodyBytes is how large a body may be.
	MaxBodyBytes func() int

	// Secure reports whether people reach the server by TLS, so that cookies
	// can be kept from any other way.
	Secure func() bool
}

// Accounts serves /auth, /users and /sessions. That the gate let a request in has
// been decided before; the path values user, name and id are unescaped.
type Accounts struct{ o AccountsOptions }

// NewAccounts makes the handlers.
func NewAccounts(o AccountsOptions) *Accounts { return &Accounts{o} }

// Call is one request.
type Call struct {
	Request *http.Request
	Actor   users.Actor // who asks; the zero value is nobody
	Token   string      // of the session that was shown, good or not
	Remote  netip.Addr

	body []byte
}

// Answer is what a request comes to.
type Answer struct {
	status   int
	body     any    // to be JSON; nil: none
	page     []byte // HTML instead
	cookie   *http.Cookie
	location string
}

// Handler does what a request asks for.
type Handler func(ctx context.Context, c *Call) (Answer, error)

// Serve reads the body, has a handler do what is asked for, and answers.
func (a *Accounts) Serve(w http.ResponseWriter, c *Call, h Handler) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), accountsTimeout)
	defer cancel()
	var answer Answer
	var err error
	if m := c.Request.Method; m != http.MethodGet && m != http.MethodDelete {
		c.body, err = readBody(w, c.Request, a.o.MaxBodyBytes())
	}
	if err == nil {
		answer, err = h(ctx, c)
	}
	if err != nil {
		fault.Write(w, err)
		return
	}
	if answer.cookie != nil {
		http.SetCookie(w, answer.cookie)
	}
	if answer.location != "" {
		w.Header().Set("Location", answer.location)
	}
	switch {
	case answer.page != nil:
		writePage(w, answer.status, answer.page)
	case answer.body != nil:
		writeJSON(w, answer.status, answer.body)
	default:
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(answer.status)
	}
}

// fields reads the body, which may have these fields.
func (c *Call) fields(known ...string) (request.Body, error) {
	return request.ParseBody(c.body, known...)
}

func (c *Call) user() string { return c.Request.PathValue("user") }

// Cookie holds a session's token; where the session is to outlive the browser,
// for as long as it lasts. An empty token takes the cookie away.
func (a *Accounts) Cookie(token string, s users.Session) *http.Cookie {
	c := &http.Cookie{Name: SessionCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.o.Secure()} //nolint:gosec // Secure where people come by TLS
	switch {
	case token == "":
		c.MaxAge = -1
	case s.Remember:
		c.MaxAge = max(1, int(time.Until(s.Expires).Seconds()))
	}
	return c
}

// userView is a user as its owner and admins see it.
type userView struct {
	Username     string           `json:"username"`
	Email        string           `json:"email"`
	Privileges   users.Privileges `json:"privileges"`
	Activated    bool             `json:"activated"`
	CreatedOn    *string          `json:"createdOn"`
	LastLoggedIn *string          `json:"lastLoggedIn"`
	Meta         json.RawMessage  `json:"meta"`
}

func viewOf(u users.User) userView {
	return userView{u.Username, u.Email, u.Privileges, u.Activated, momentOf(u.CreatedOn), momentOf(u.LastLoggedIn), store.JSONDocument(u.Meta)}
}

// momentOf is a time as text; nil where there is none.
func momentOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(store.TimeLayout)
	return &s
}
