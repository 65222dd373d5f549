package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
	"gatehouse/server/players"
)

// playerRoutes are the socket of players, and the routes that game clients call
// beside it. Clients send no Origin there, and are let in by what they show; one
// that is sent has been judged.
func (s *Server) playerRoutes(r *gin.Engine) {
	r.GET("/socket", s.playerSocket)
	for _, path := range []string{"/public/health", "/v1/health-check"} {
		r.GET(path, healthy)
		r.OPTIONS(path, preflight("GET"))
	}
	methods := map[string]string{}
	for name, route := range players.Routes() {
		method, path, _ := strings.Cut(name, " ")
		r.Handle(method, path, s.ofPlayers(route))
		if methods[path] != "" {
			methods[path] += ", "
		}
		methods[path] += method
	}
	for path, methods := range methods {
		r.OPTIONS(path, preflight(methods))
	}
}

// withoutSlash serves a path under /v1 as it is without the slash at its end, which
// one of the clients puts there.
func withoutSlash(r *gin.Engine, c *gin.Context) bool {
	u := c.Request.URL
	if !strings.HasPrefix(u.Path, "/v1/") || !strings.HasSuffix(u.EscapedPath(), "/") {
		return false
	}
	raw := strings.TrimRight(u.EscapedPath(), "/")
	path, err := url.PathUnescape(raw)
	if err != nil || path == "/v1" {
		return false
	}
	u.Path, u.RawPath = path, raw
	r.HandleContext(c)
	return true
}

// healthy tells clients that they are not offline.
func healthy(c *gin.Context) { c.Status(http.StatusNoContent) }

// playerSocket opens a socket of players.
func (s *Server) playerSocket(c *gin.Context) {
	if !c.IsWebsocket() {
		fault.Write(c.Writer, fault.New(fault.InvalidHandshake, "this is a WebSocket, opened with ?ticket="))
		return
	}
	if s.followed(c, s.players.Opened()) {
		s.players.Serve(c.Writer, c.Request, remote(c), func(origins []string) bool { return len(origins) == 0 || s.approves(origins) })
	}
}

// ofPlayers is a route of game clients.
func (s *Server) ofPlayers(route players.Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		if s.followed(c, s.players.Opened()) && legible(c) && pathValues(c) {
			c.Header("Access-Control-Expose-Headers", "Retry-After")
			s.players.ServeRoute(c.Writer, c.Request, remote(c), route)
		}
	}
}
