package server

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
	"gatehouse/store"
)

// readyTimeout is how long the way through the store may take.
const readyTimeout = 3 * time.Second

// healthz tells that the process answers.
func (s *Server) healthz(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"status": "ok", "version": s.o.Version})
}

// readyz tells whether events flow: the store answers, the feed is open, what is
// written comes back, and each dialect follows the store.
func (s *Server) readyz(c *gin.Context) {
	select {
	case <-s.stopping:
		fault.Write(c.Writer, fault.New(fault.GoingDown, "the server is going down"))
		return
	default:
	}
	if err := s.waiting.Load(); err != nil {
		fault.Write(c.Writer, fault.New(fault.NotReady, (*err).Error()))
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	if err := s.log.Ready(ctx); err != nil {
		fault.Write(c.Writer, fault.New(fault.NotReady, err.Error()))
		return
	}
	for _, opened := range []<-chan struct{}{s.updates.Opened(), s.realtime.Opened(), s.players.Opened()} {
		select {
		case <-opened:
		default:
			fault.Write(c.Writer, errNotFollowed)
			return
		}
	}
	answer := gin.H{"status": "ready", "sockets": s.sockets.Count()}
	if r, ok := s.o.Store.(store.Reacher); ok {
		if reach, known := r.Reach(); known {
			answer["historySeconds"] = int(reach.Seconds()) // for how long a client, or this server, may be away
		}
	}
	c.JSON(http.StatusOK, answer)
}

// begun answers a request that comes before the first feed of the store is open:
// what happens meanwhile would be lost to who is admitted.
func (s *Server) begun(c *gin.Context) bool {
	select {
	case <-s.log.Begun():
		return true
	default:
	}
	fault.Write(c.Writer, fault.New(fault.NotReady, "the server does not have its store yet; try again in a moment"))
	return false
}
