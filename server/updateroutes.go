package server

import (
	"errors"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
	"gatehouse/server/updates"
	"gatehouse/users"
	"gatehouse/users/keys"
	"gatehouse/users/profiles"
)

// updateRoutes are Socket.IO, and the API of characters' profiles. Programs send
// no Origin there, and are let in; one that is sent has been judged.
func (s *Server) updateRoutes(r *gin.Engine) {
	for _, path := range []string{"/socket.io", "/socket.io/"} {
		r.GET(path, s.socketIO)
		r.POST(path, s.socketIO)
		r.OPTIONS(path, preflight("GET, POST"))
	}
	u := s.updates
	const one, profile = "/api/rp/v1/characters/:world/:name", "/api/rp/v1/characters/profile/:world/:name"
	r.GET(profile, s.ofCharacters(everybody, u.Get))
	r.PUT(profile, s.ofCharacters(owners, u.Put))
	r.OPTIONS(profile, preflight("GET, PUT"))
	r.POST("/api/rp/v1/characters", s.ofCharacters(programs, u.Create))
	r.OPTIONS("/api/rp/v1/characters", preflight("POST"))
	r.PATCH(one, s.ofCharacters(owners, u.Change))
	r.DELETE(one, s.ofCharacters(owners, u.Delete))
	r.OPTIONS(one, preflight("PATCH, DELETE"))
	r.OPTIONS("/api/rp/v1/characters/profile/:world", preflight("PATCH, DELETE")) // of a world called profile, which the router does not find
}

// whose says who may use a route of characters.
type whose uint8

const (
	everybody whose = iota
	owners          // and programs, with an access key
	programs
)

// following answers a request that comes before changes of characters are
// followed.
func (s *Server) following(c *gin.Context) bool { return s.followed(c, s.updates.Opened()) }

// followed answers a request that comes before a dialect follows the store.
func (s *Server) followed(c *gin.Context, opened <-chan struct{}) bool {
	if !s.begun(c) {
		return false
	}
	select {
	case <-opened:
		return true
	default:
		fault.Write(c.Writer, errNotFollowed)
		return false
	}
}

var errNotFollowed = fault.New(fault.NotReady, "the server does not follow its store yet; try again in a moment")

// socketIO is everything that clients of Socket.IO ask for.
func (s *Server) socketIO(c *gin.Context) {
	if s.following(c) {
		s.updates.ServeHTTP(c.Writer, c.Request)
	}
}

// ofCharacters is a handler of the profile API.
func (s *Server) ofCharacters(who whose, h updates.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !s.following(c) || !s.ownPages(c) || !pathValues(c) {
			return
		}
		call := &updates.Call{Request: c.Request}
		if who != everybody {
			editor, err := s.editor(c, who)
			if err != nil {
				updates.Fail(c.Writer, err)
				return
			}
			call.Editor = editor
		}
		c.Header("Access-Control-Expose-Headers", "ETag")
		s.updates.Serve(c.Writer, call, h)
	}
}

// editor finds who wants to change a character.
func (s *Server) editor(c *gin.Context, who whose) (profiles.Editor, error) {
	if token := keyToken(c); token != "" {
		key, err := s.keys.Verify(c.Request.Context(), token)
		switch {
		case errors.Is(err, keys.ErrWrong):
			return profiles.Editor{}, updates.Unauthorized
		case err != nil:
			return profiles.Editor{}, err
		case !key.Has(updates.Scope):
			return profiles.Editor{}, updates.Forbidden
		}
		return profiles.Editor{Program: true}, nil
	}
	if who == programs {
		return profiles.Editor{}, updates.Unauthorized
	}
	actor, session, err := s.members.Session(c.Request.Context(), sessionToken(c))
	switch {
	case errors.Is(err, users.ErrNoSession):
		return profiles.Editor{}, updates.Unauthorized
	case err != nil:
		return profiles.Editor{}, err
	}
	s.renew(c, session)
	return profiles.Editor{Username: actor.User.Username}, nil
}
