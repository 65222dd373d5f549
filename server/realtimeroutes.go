package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"gatehouse/events"
	"gatehouse/server/fault"
	"gatehouse/server/realtime"
	"gatehouse/users"
	"gatehouse/users/keys"
	"gatehouse/users/resources"
)

// Scopes of access keys for resources.
const (
	readRealtime  = "read:realtime"
	writeRealtime = "write:realtime"
)

// credentials are the collections of what people are let in by.
var credentials = []string{events.Sessions, keys.Collection().Name}

// realtimeRoutes are the socket of resources, and the API by which they are read
// and written. Programs send no Origin there, and are let in; one that is sent
// has been judged.
func (s *Server) realtimeRoutes(r *gin.Engine) {
	for _, path := range []string{"/realtime", "/api/realtime", "/api/realtime/"} {
		r.GET(path, s.realtimeSocket)
	}
	r.GET("/realtime/status", s.realtimeStatus)
	r.GET("/api/realtime/status", s.realtimeStatus)
	v := s.realtime
	for path, h := range map[string]realtime.Handler{"/api/kvstore/read/": v.ReadKV, "/api/kvstore/write/": v.WriteKV, "/api/kvstore/delete/": v.DeleteKV} {
		r.POST(path, s.ofResources(h))
		r.OPTIONS(path, preflight("POST"))
	}
	r.GET("/api/kvstore/keys/", s.ofResources(v.ListKV))
	r.OPTIONS("/api/kvstore/keys/", preflight("GET"))
	for path, of := range map[string]realtime.Documents{"/api/collections/:name": v.Collections(), "/api/liveconfig/:name": v.LiveConfigs()} {
		r.GET(path, s.ofResources(of.Get))
		r.PUT(path, s.ofResources(of.Put))
		r.DELETE(path, s.ofResources(of.Delete))
		r.OPTIONS(path, preflight("GET, PUT, DELETE"))
	}
}

// realtimeStatus tells how the service is, whoever asks. A store that does not
// answer is met again without the service noticing; meanwhile nobody is told of
// anything.
func (s *Server) realtimeStatus(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	status, code := s.realtime.Status(), http.StatusOK
	if status.Status != realtime.OK || s.log.Ready(ctx) != nil {
		status.Status, code = realtime.Degraded, http.StatusServiceUnavailable
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(code, status)
}

// realtimeSocket opens a socket of resources.
func (s *Server) realtimeSocket(c *gin.Context) {
	if !s.followed(c, s.realtime.Opened()) {
		return
	}
	h, err := realtime.ReadHeaders(c.Request)
	var peer realtime.Peer
	if err == nil {
		peer, err = s.resourcePeer(c, h)
	}
	if err == nil && !peer.Viewer.Read {
		err = fault.New(fault.Forbidden, "the access key lacks the scope "+readRealtime)
	}
	if err != nil {
		fault.Write(c.Writer, err)
		return
	}
	s.realtime.Serve(c.Writer, c.Request, peer)
}

// ofResources is a handler of the API of resources.
func (s *Server) ofResources(h realtime.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !s.begun(c) || !s.ownPages(c) || !legible(c) || !pathValues(c) {
			return
		}
		headers := realtime.RealHeaders(c.Request)
		peer, err := s.resourcePeer(c, headers)
		if err != nil {
			fault.Write(c.Writer, err)
			return
		}
		s.realtime.ServeAPI(c.Writer, &realtime.Call{Request: c.Request, Place: peer.Place, Viewer: peer.Viewer, Valid: peer.Valid}, h)
	}
}

// resourcePeer finds who wants to see or change resources, and where they are.
func (s *Server) resourcePeer(c *gin.Context, h realtime.Headers) (realtime.Peer, error) {
	at, err := h.Place()
	if err != nil {
		return realtime.Peer{}, err
	}
	origins := append([]string(nil), c.Request.Header.Values("Origin")...)
	p := realtime.Peer{
		Remote:   remote(c),
		Origins:  origins,
		Protocol: h.Protocol,
		Place:    at,
		Approved: func() bool { return len(origins) == 0 || s.approves(origins) },
	}
	token, err := bearer(h)
	switch {
	case err != nil:
		return realtime.Peer{}, err
	case keys.Plausible(token):
		err = s.byKey(c, token, &p)
	case token != "":
		err = s.bySession(c, token, &p)
	case sessionToken(c) != "":
		err = s.bySession(c, sessionToken(c), &p)
	default:
		err = users.ErrNoSession
	}
	if !errors.Is(err, users.ErrNoSession) {
		return p, err
	}
	switch {
	case token != "":
		err = fault.New(fault.Unauthorized, "the session has ended, or the access key is wrong or was revoked")
	case s.settings.Load().Realtime.Anonymous: // also for who comes with the cookie of a session that has ended
		p.Viewer.Read = true
		p.Valid = func(context.Context) bool { return s.settings.Load().Realtime.Anonymous }
		err = nil
	default:
		err = fault.New(fault.Unauthorized, "this needs a session or an access key, as authorization: Bearer or x-api-key")
	}
	return p, err
}

// bearer is the credential that headers show, or "".
func bearer(h realtime.Headers) (string, error) {
	name, value := h.First("authorization", "x-api-key", "users-api-key") // the last as everywhere else
	if name != "authorization" {
		return value, nil
	}
	scheme, token, _ := strings.Cut(value, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fault.New(fault.Unauthorized, "authorization must be Bearer and a session or an access key")
	}
	return token, nil
}

// byKey lets somebody in by an access key.
func (s *Server) byKey(c *gin.Context, token string, p *realtime.Peer) error {
	key, err := s.keys.Verify(c.Request.Context(), token)
	switch {
	case errors.Is(err, keys.ErrWrong):
		return fault.New(fault.Unauthorized, err.Error())
	case err != nil:
		return err
	}
	p.Viewer = resources.Viewer{UserID: realtime.ProgramPrefix + key.Name, Program: true, Read: key.Has(readRealtime), Write: key.Has(writeRealtime)}
	p.Credential = realtime.Credential{Collection: keys.Collection().Name, ID: key.ID}
	p.Valid = func(ctx context.Context) bool {
		_, err := s.keys.Get(ctx, key.ID)
		return !errors.Is(err, keys.ErrUnknown)
	}
	return nil
}

// bySession lets somebody in by a session.
func (s *Server) bySession(c *gin.Context, token string, p *realtime.Peer) error {
	actor, session, err := s.members.Session(c.Request.Context(), token)
	if err != nil {
		return err
	}
	if token == sessionToken(c) {
		s.renew(c, session)
	}
	p.Viewer = resources.Viewer{UserID: actor.User.Username, Read: true, Write: true}
	p.Credential = realtime.Credential{Collection: events.Sessions, ID: session.ID}
	p.Valid = func(ctx context.Context) bool {
		_, _, err := s.members.Session(ctx, token)
		return !errors.Is(err, users.ErrNoSession)
	}
	return nil
}
