package server

import (
	"errors"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
	"gatehouse/server/gate"
	"gatehouse/server/usersws"
	"gatehouse/users/keys"
)

// What middleware leaves for handlers.
const (
	remoteKey  = "remote"
	verdictKey = "verdict"
)

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
func (p proxies) client(c *gin.Context) {
	var a netip.Addr
	if ap, err := netip.ParseAddrPort(c.Request.RemoteAddr); err == nil {
		a = ap.Addr().Unmap()
	}
	if p.has(a) {
		hops := strings.Split(strings.Join(c.Request.Header.Values("X-Forwarded-For"), ","), ",")
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
	c.Set(remoteKey, a)
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
		c.Header("Vary", "Origin")
	case v.Reason != gate.OriginMissing:
		s.refuse(c, v)
		c.Abort()
	}
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
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, users-api-key")
		h.Set("Access-Control-Max-Age", "600")
		c.Status(http.StatusNoContent)
	}
}

// shownKey verifies the access key of a request: nil where it shows none, and an
// answer and false where it shows a wrong one.
func (s *Server) shownKey(c *gin.Context) (*keys.Key, bool) {
	token := c.GetHeader("users-api-key")
	if scheme, rest, ok := strings.Cut(c.GetHeader("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
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
	return usersws.Peer{Remote: remote(c), Origins: origins, Key: key, Approved: func() bool { return s.approves(origins) }}
}
