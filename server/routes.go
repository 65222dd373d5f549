package server

import (
	"context"
	_ "embed"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
	"gatehouse/server/gate"
	"gatehouse/users/keys"
)

//go:embed index.html
var index []byte

// routes is every route there is.
func (s *Server) routes(trusted proxies) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	_ = r.SetTrustedProxies(nil) // addresses are found by proxies.client
	r.Use(s.recovered, trusted.client, s.judged)

	r.GET("/", s.root)
	r.HEAD("/", s.root)
	r.GET("/events", s.getEvents)
	r.POST("/events", s.postEvents)
	r.OPTIONS("/events", preflight)
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.Handle(method, "/healthz", s.healthz)
		r.Handle(method, "/readyz", s.readyz)
	}

	r.NoRoute(func(c *gin.Context) {
		fault.Write(c.Writer, fault.New(fault.NotFound, "there is nothing at this path"))
	})
	r.NoMethod(func(c *gin.Context) {
		fault.Write(c.Writer, fault.New(fault.MethodNotAllowed, "this path does not answer this method"))
	})
	return r
}

// root is the users socket, and for who comes without one a page that says what
// this is.
func (s *Server) root(c *gin.Context) {
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
	if !s.begun(c) {
		return
	}
	key, ok := s.shownKey(c)
	switch {
	case !ok:
	case key == nil:
		fault.Write(c.Writer, fault.New(fault.Unauthorized, "this needs an access key, as Authorization: Bearer or in users-api-key"))
	case !key.Has("write:events"):
		fault.Write(c.Writer, fault.New(fault.Forbidden, "the access key lacks the scope write:events"))
	default:
		s.events.Post(c.Writer, c.Request)
	}
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
