package server

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"gatehouse/server/api"
	"gatehouse/server/fault"
	"gatehouse/server/gate"
	"gatehouse/server/openapi"
	"gatehouse/users/keys"
)

//go:embed index.html
var index []byte

// routes is every route there is.
func (s *Server) routes(trusted proxies) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed, r.RedirectTrailingSlash = true, false
	r.UseEscapedPath, r.UnescapePathValues = true, false // an id may hold a slash; pathValues unescapes it
	_ = r.SetTrustedProxies(nil)                         // addresses are found by proxies.client
	r.Use(s.witnessed, s.recovered, trusted.client, s.judged)

	r.GET("/", s.root)
	r.HEAD("/", s.root)
	r.GET("/events", s.getEvents)
	r.POST("/events", s.postEvents)
	r.OPTIONS("/events", preflight("GET, POST"))
	r.POST("/documents/:collection", s.ofDocuments(s.documents.Post))
	r.OPTIONS("/documents/:collection", preflight("POST"))
	r.GET("/documents/:collection/:id", s.ofDocuments(s.documents.Get))
	r.PUT("/documents/:collection/:id", s.ofDocuments(s.documents.Put))
	r.PATCH("/documents/:collection/:id", s.ofDocuments(s.documents.Patch))
	r.DELETE("/documents/:collection/:id", s.ofDocuments(s.documents.Delete))
	r.OPTIONS("/documents/:collection/:id", preflight("GET, PUT, PATCH, DELETE"))
	s.accountRoutes(r)
	s.updateRoutes(r)
	s.realtimeRoutes(r)
	s.playerRoutes(r)
	r.GET("/openapi.json", s.described(openapi.Document))
	r.GET("/asyncapi.json", s.described(openapi.Async))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.Handle(method, "/healthz", s.healthz)
		r.Handle(method, "/readyz", s.readyz)
	}

	r.NoRoute(func(c *gin.Context) {
		if withoutSlash(r, c) {
			return
		}
		fault.Write(c.Writer, fault.New(fault.NotFound, "there is nothing at this path"))
	})
	r.NoMethod(func(c *gin.Context) {
		fault.Write(c.Writer, fault.New(fault.MethodNotAllowed, "this path does not answer this method"))
	})
	return r
}

// described answers with a description of all of this.
func (s *Server) described(document func(version string) []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("X-Content-Type-Options", "nosniff")
		c.Data(http.StatusOK, "application/json; charset=utf-8", document(s.o.Version))
	}
}

// Scopes of access keys; a user who is logged in needs none.
const (
	anybody   = ""
	readUsers = "read:users"
	editUsers = "write:users"
)

// accountRoutes are those of accounts and sessions. Whose account one may look
// at or change is for the accounts to say.
func (s *Server) accountRoutes(r *gin.Engine) {
	a, allowed := s.accounts, map[string]string{}
	route := func(method, path, scope string, h api.Handler) {
		r.Handle(method, path, s.ofAccounts(scope, h))
		if allowed[path] != "" {
			allowed[path] += ", "
		}
		allowed[path] += method
	}
	route("POST", "/auth/register", anybody, a.Register)
	route("POST", "/auth/login", anybody, a.Login)
	route("POST", "/auth/logout", anybody, a.Logout)
	route("GET", "/auth/authenticated", anybody, a.Authenticated)
	route("GET", "/auth/activate-account", anybody, a.Activate)
	route("POST", "/auth/:user/resend-activation", anybody, a.ResendActivation)
	route("PUT", "/auth/:user/approve-activation", editUsers, a.Approve)
	route("POST", "/auth/:user/request-password-reset", anybody, a.RequestReset)
	route("GET", "/auth/password-reset", anybody, a.ResetPage)
	route("PUT", "/auth/password-reset", anybody, a.Reset)

	route("GET", "/users", readUsers, a.ListUsers)
	route("POST", "/users", editUsers, a.CreateUser)
	route("GET", "/users/:user", readUsers, a.GetUser)
	route("PATCH", "/users/:user", editUsers, a.PatchUser)
	route("DELETE", "/users/:user", editUsers, a.DeleteUser)
	route("GET", "/users/:user/meta", readUsers, a.GetMeta)
	route("PUT", "/users/:user/meta", editUsers, a.PutMeta)
	route("GET", "/users/:user/meta/:name", readUsers, a.GetMetaValue)
	route("PUT", "/users/:user/meta/:name", editUsers, a.PutMetaValue)
	route("DELETE", "/users/:user/meta/:name", editUsers, a.DeleteMetaValue)

	route("GET", "/sessions", readUsers, a.ListSessions)
	route("DELETE", "/sessions/:id", editUsers, a.EndSession)
	for path, methods := range allowed {
		r.OPTIONS(path, preflight(methods))
	}
}

// ofAccounts is a handler of accounts, for who is logged in or has a key with
// this scope.
func (s *Server) ofAccounts(scope string, h api.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !s.begun(c) || !s.ownPages(c) || !pathValues(c) {
			return
		}
		actor, ok := s.caller(c, scope)
		if !ok {
			return
		}
		c.Header("Access-Control-Expose-Headers", "Location, Retry-After")
		s.accounts.Serve(c.Writer, &api.Call{Request: c.Request, Actor: actor, Token: sessionToken(c), Remote: remote(c)}, h)
	}
}

// root is the users socket, and for who comes without one a page that says what
// this is.
func (s *Server) root(c *gin.Context) {
	if c.IsWebsocket() && c.Request.URL.Query().Has("ticket") { // where published clients of games connect
		s.playerSocket(c)
		return
	}
	if !c.IsWebsocket() {
		c.Header("X-Content-Type-Options", "nosniff")
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'")
		c.Data(http.StatusOK, "text/html; charset=utf-8", index)
		return
	}
	if !s.admitted(c, s.settings.Load().MissingOrigin) || !s.begun(c) {
		return
	}
	key, ok := s.shownKey(c)
	if !ok {
		return
	}
	s.users.Serve(c.Writer, c.Request, s.peer(c, key))
}

// getEvents needs what a socket needs, an approved Origin, or a key that may
// read.
func (s *Server) getEvents(c *gin.Context) {
	if !s.begun(c) {
		return
	}
	key, ok := s.shownKey(c)
	if !ok {
		return
	}
	origins, byKey := c.Request.Header.Values("Origin"), key != nil && key.Has("read:events")
	if !byKey && !s.admitted(c, s.settings.Load().MissingOrigin) {
		return
	}
	s.events.Get(c.Writer, c.Request, remote(c), func(ctx context.Context) bool {
		if byKey {
			if _, err := s.keys.Get(ctx, key.ID); errors.Is(err, keys.ErrUnknown) {
				return false
			}
			return len(origins) == 0 || s.approves(origins)
		}
		return s.approves(origins)
	})
}

// approves asks the gate as it is now, for what is open already.
func (s *Server) approves(origins []string) bool {
	now := s.settings.Load()
	return now.gate.Judge(origins, now.MissingOrigin).Approved
}

// postEvents needs a key that may write.
func (s *Server) postEvents(c *gin.Context) {
	if s.begun(c) && s.allowed(c, "write:events") {
		s.events.Post(c.Writer, c.Request)
	}
}

// ofDocuments is a handler of documents, for who has a key that may write them.
func (s *Server) ofDocuments(handle http.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if s.begun(c) && s.allowed(c, "write:documents") && pathValues(c) {
			c.Header("Access-Control-Expose-Headers", "ETag, Location")
			handle(c.Writer, c.Request)
		}
	}
}

// allowed answers a request that shows no key with this scope.
func (s *Server) allowed(c *gin.Context, scope string) bool {
	key, ok := s.shownKey(c)
	switch {
	case !ok:
		return false
	case key == nil:
		fault.Write(c.Writer, fault.New(fault.Unauthorized, "this needs an access key, as Authorization: Bearer or in users-api-key"))
		return false
	case !key.Has(scope):
		fault.Write(c.Writer, fault.New(fault.Forbidden, "the access key lacks the scope "+scope))
		return false
	}
	return true
}

// pathValues gives the request what stands in its path, for handlers that do not
// know gin.
func pathValues(c *gin.Context) bool {
	for _, p := range c.Params {
		value, err := url.PathUnescape(p.Value)
		if err != nil { // net/http has refused such a path before
			fault.Write(c.Writer, fault.New(fault.InvalidParameter, "the path cannot be read"))
			return false
		}
		c.Request.SetPathValue(p.Key, value)
	}
	return true
}

// admitted answers a request whose Origin is missing where it may not be; one
// that was sent has been judged.
func (s *Server) admitted(c *gin.Context, missing gate.Missing) bool {
	v := verdict(c)
	if v.Approved || v.Reason == gate.OriginMissing && bool(missing) {
		return true
	}
	s.refuse(c, v)
	return false
}
