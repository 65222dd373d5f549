package server

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
)

// readyTimeout is how long the way through the store may take.
const readyTimeout = 3 * time.Second

// healthz tells that the process answers.
func (s *Server) healthz(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"status": "ok", "version": s.o.Version})
}

// readyz tells whether events flow: the store answers, the feed is open, and
// what is written comes back.
func (s *Server) readyz(c *gin.Context) {
	select {
	case <-s.stopping:
		fault.Write(c.Writer, fault.New(fault.GoingDown, "the server is going down"))
		return
	default:
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	if err := s.log.Ready(ctx); err != nil {
		fault.Write(c.Writer, fault.New(fault.NotReady, err.Error()))
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready", "sockets": s.sockets.Count()})
}
