package server

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"gatehouse/server/api"
	"gatehouse/server/fault"
	"gatehouse/server/gate"
	"gatehouse/server/usersws"
	"gatehouse/users"
	"gatehouse/users/keys"
)

// What middleware leaves for handlers.
const (
	remoteKey  = "remote"
	verdictKey = "verdict"
)

// witness logs the errors that are answered with INTERNAL. The path is the
// route's: what somebody put into it can be an address.
type witness struct {
	gin.ResponseWriter
	log func(err error)
}

var _ fault.Witness = (*witness)(nil)

func (w *witness) Internal(err error) { w.log(err) }

// Unwrap is for [http.ResponseController].
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *Server) witnessed(c *gin.Context) {
	c.Writer = &witness{c.Writer, func(err error) {
		s.o.Logger.Error("a request failed", "method", c.Request.Method, "path", c.FullPath(), "error", err)
	}}
}

// recovered turns a panic of a handler into an answer and a line in the log.
func (s *Server) recovered(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		s.o.Logger.Error("a request panicked", "method", c.Request.Method, "path", c.FullPath(), "panic", p, "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			fault.Write(c.Writer, fault.New(fault.Internal, "the server met an error of its own"))
		}
		c.Abort()
	}()
	c.Next()
}

// client finds the address that a request came from: the last one in
// X-Forwarded-For that no trusted proxy vouches for only by passing it on.
func (p proxies) client(c *gin.Context) { c.Set(remoteKey, p.address(c.Request)) }

func (p proxies) address(r *http.Request) (a netip.Addr) {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		a = ap.Addr().Unmap()
	}
	if p.has(a) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			next, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil {
				break
			}
			if a = next.Unmap().WithZone(""); !p.has(a) {
				break
			}
		}
	}
	return a
}

func (p proxies) has(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

func remote(c *gin.Context) netip.Addr {
	a, _ := c.Get(remoteKey)
	return a.(netip.Addr)
}

// judged asks the gate about every request. One that names an Origin that is not
// approved goes no further; what a missing one means is for each route to say.
func (s *Server) judged(c *gin.Context) {
	if strings.HasPrefix(c.Request.URL.Path, "/healthz") || strings.HasPrefix(c.Request.URL.Path, "/readyz") {
		return // they tell nobody anything
	}
	v := s.settings.Load().gate.Judge(c.Request.Header.Values("Origin"), gate.RejectMissing)
	c.Set(verdictKey, v)
	switch {
	case v.Approved:
		c.Header("Access-Control-Allow-Origin", v.Origin)
		c.Header("Access-Control-Allow-Credentials", "true") // its pages may use the session of who looks at them
		c.Header("Vary", "Origin")
	case v.Reason != gate.OriginMissing:
		s.refuse(c, v)
		c.Abort()
	}
}

// legible refuses a path or a query that is not UTF-8: nothing is called so, and
// not every store can be asked for it.
func legible(c *gin.Context) bool {
	ok := utf8.ValidString(c.Request.URL.Path)
	for name, values := range c.Request.URL.Query() {
		ok = ok && utf8.ValidString(name) && !slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) })
	}
	if !ok {
		fault.Write(c.Writer, fault.New(fault.InvalidParameter, "the path or the query is not UTF-8"))
	}
	return ok
}

func verdict(c *gin.Context) gate.Verdict {
	v, _ := c.Get(verdictKey)
	return v.(gate.Verdict)
}

// refuse answers an Origin that is not approved, without saying which ones are.
func (s *Server) refuse(c *gin.Context, v gate.Verdict) {
	if s.refusals.Allow() {
		s.o.Logger.Warn("origin refused", "reason", string(v.Reason), "origin", v.Origin, "remote", remote(c).String(), "path", c.FullPath())
	}
	why := "this Origin is not approved"
	if v.Reason == gate.OriginMissing {
		why = "the request names no Origin"
	}
	fault.Write(c.Writer, fault.New(fault.Code(v.Reason), why))
}

// preflight answers a browser that asks whether it may send a key from an
// approved Origin; any other has been refused.
func preflight(methods string) gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, users-api-key, "+
			"x-api-key, x-m2-organization, x-m2-organization-id, x-m2-project, x-m2-project-id, x-m2-world, x-m2-world-id, x-m2-launch-context, x-m2-launch-context-id, "+
			"x-talo-alias, x-talo-dev-build, x-talo-include-dev-data, x-talo-client, x-talo-player, x-talo-session")
		h.Set("Access-Control-Max-Age", "600")
		c.Status(http.StatusNoContent)
	}
}

// keyToken is the access key that a request shows, or "".
func keyToken(c *gin.Context) string {
	if scheme, rest, ok := strings.Cut(c.GetHeader("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest)
	}
	return c.GetHeader("users-api-key")
}

// shownKey verifies the access key of a request: nil where it shows none, and an
// answer and false where it shows a wrong one.
func (s *Server) shownKey(c *gin.Context) (*keys.Key, bool) {
	token := keyToken(c)
	if token == "" {
		return nil, true
	}
	key, err := s.keys.Verify(c.Request.Context(), token)
	switch {
	case errors.Is(err, keys.ErrWrong):
		fault.Write(c.Writer, fault.New(fault.Unauthorized, "the access key is wrong or was revoked"))
		return nil, false
	case err != nil:
		s.o.Logger.Error("an access key could not be looked up", "error", err)
		fault.Write(c.Writer, err)
		return nil, false
	}
	return &key, true
}

func (s *Server) peer(c *gin.Context, key *keys.Key) usersws.Peer {
	origins := c.Request.Header.Values("Origin")
	p := usersws.Peer{Remote: remote(c), Origins: origins, Key: key, Approved: func() bool { return s.approves(origins) }}
	if token := sessionToken(c); token != "" {
		p.Session = func(ctx context.Context) (users.Actor, error) {
			actor, _, err := s.members.Session(ctx, token)
			return actor, err
		}
	}
	return p
}

// sessionToken is that of the cookie, or "".
func sessionToken(c *gin.Context) string {
	token, _ := c.Cookie(api.SessionCookie)
	return token
}

// renew puts the end of the cookie off, where that of its session was.
func (s *Server) renew(c *gin.Context, session users.Session) {
	if session.PutOff && session.Remember {
		http.SetCookie(c.Writer, s.accounts.Cookie(sessionToken(c), session))
	}
}

// ownPages refuses a request that changes something where a browser sends it for
// another site's page. It would send the cookie along, and does not always say
// which page it was.
func (s *Server) ownPages(c *gin.Context) bool {
	switch c.Request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	v := verdict(c)
	if site := c.GetHeader("Sec-Fetch-Site"); v.Approved || site == "" || site == "same-origin" {
		return true
	}
	s.refuse(c, v)
	return false
}

// caller finds who asks: a key with this scope, which may do what an admin may,
// or who is logged in. Nobody is answered, unless the scope is empty.
func (s *Server) caller(c *gin.Context, scope string) (users.Actor, bool) {
	key, ok := s.shownKey(c)
	switch {
	case !ok:
		return users.Actor{}, false
	case scope == "":
		return users.Actor{}, true
	case key != nil && !key.Has(scope):
		fault.Write(c.Writer, fault.New(fault.Forbidden, "the access key lacks the scope "+scope))
		return users.Actor{}, false
	case key != nil:
		return users.Program(), true
	}
	actor, session, err := s.members.Session(c.Request.Context(), sessionToken(c))
	if err == nil {
		s.renew(c, session)
	}
	if errors.Is(err, users.ErrNoSession) {
		err = fault.New(fault.Unauthorized, "this needs a session (POST /auth/login), or an access key with the scope "+scope)
	}
	if err != nil {
		fault.Write(c.Writer, err)
		return users.Actor{}, false
	}
	return actor, true
}
