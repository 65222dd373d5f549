package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"gatehouse/store"
	"gatehouse/users/keys"
)

// Keys are the access keys, as this package needs them.
type Keys interface {
	Create(ctx context.Context, name string, scopes []string) (keys.Key, string, error)
	List(ctx context.Context) ([]keys.Key, error)
	Revoke(ctx context.Context, name string) error
}

// Options for [Listen].
type Options struct {
	Keys    Keys
	Users   Users
	Version string
	Address string // where the server listens for everybody

	// Examine looks at the store.
	Examine func(ctx context.Context) []store.Finding

	// Reload takes the configuration over anew, or says what is wrong with it.
	Reload func() error

	Logger *slog.Logger
}

// examineTimeout is how long an examination of the store may take.
const examineTimeout = 10 * time.Minute

// stopTimeout is for how long requests are finished when the server stops.
const stopTimeout = 5 * time.Second

// Server is the socket's side of a running server.
type Server struct {
	o        Options
	path     string
	made     os.FileInfo
	listener net.Listener
	http     *http.Server
}

// Listen makes the socket at path. It answers once Serve runs.
func Listen(path string, o Options) (*Server, error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, path: path, listener: l}
	s.made, _ = os.Lstat(path)
	s.http = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Serve answers until ctx ends. Then it removes the socket, and finishes what was
// asked for, within a few seconds. It must be called, to give the socket back.
func (s *Server) Serve(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }() // ends with Shutdown or Close
	var err error
	select {
	case err = <-served:
		s.remove()
	case <-ctx.Done():
		s.remove()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = s.http.Shutdown(bounded)
		_ = s.http.Close()
		if ended := <-served; err == nil && !errors.Is(ended, http.ErrServerClosed) {
			err = ended
		}
	}
	return err
}

// remove takes the socket away, unless somebody else has put another there.
func (s *Server) remove() {
	now, err := os.Lstat(s.path)
	if err == nil && s.made != nil && os.SameFile(now, s.made) {
		_ = os.Remove(s.path)
	}
}

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /status", answer(func(*http.Request) (any, error) {
		return Status{s.o.Version, os.Getpid(), s.o.Address}, nil
	}))
	m.HandleFunc("GET /keys", answer(func(r *http.Request) (any, error) { return s.o.Keys.List(r.Context()) }))
	m.HandleFunc("POST /keys", answer(func(r *http.Request) (any, error) {
		var n newKey
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			return nil, err
		}
		k, token, err := s.o.Keys.Create(r.Context(), n.Name, n.Scopes)
		if err == nil {
			s.o.Logger.Info("a key was created", "name", k.Name, "scopes", k.Scopes)
		}
		return createdKey{k, token}, err
	}))
	m.HandleFunc("DELETE /keys", answer(func(r *http.Request) (any, error) {
		name := r.URL.Query().Get("name")
		err := s.o.Keys.Revoke(r.Context(), name)
		if err == nil {
			s.o.Logger.Info("a key was revoked", "name", name)
		}
		return struct{}{}, err
	}))
	s.userRoutes(m)
	m.HandleFunc("GET /examination", func(w http.ResponseWriter, r *http.Request) {
		// A large file takes a while to be read.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(examineTimeout))
		answer(func(r *http.Request) (any, error) { return s.o.Examine(r.Context()), nil })(w, r)
	})
	m.HandleFunc("POST /reload", answer(func(*http.Request) (any, error) { return struct{}{}, s.o.Reload() }))
	return m
}

// maxBody bounds the bodies of requests, in bytes, but for imports.
const maxBody = 64 << 10

// answer makes a handler of a function.
func answer(f func(*http.Request) (any, error)) http.HandlerFunc { return answerUpTo(maxBody, f) }

// answerUpTo is answer with another bound of the body.
func answerUpTo(limit int64, f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		v, err := f(r)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			v = newFailure(err)
			w.WriteHeader(http.StatusBadRequest)
		}
		_ = json.NewEncoder(w).Encode(v)
	}
}
