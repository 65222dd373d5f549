package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"gatehouse/users"
)

func (s *Server) userRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /users", answer(s.listUsers))
	m.HandleFunc("POST /users", answer(s.createUser))
	m.HandleFunc("PUT /users/password", answer(s.setPassword))
	m.HandleFunc("DELETE /users", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(deletionTimeout + 5*time.Second))
		ctx, cancel := context.WithTimeout(r.Context(), deletionTimeout)
		defer cancel()
		answer(s.deleteUser)(w, r.WithContext(ctx))
	})
	m.HandleFunc("POST /users/import", func(w http.ResponseWriter, r *http.Request) {
		c, deadline := http.NewResponseController(w), time.Now().Add(importTimeout)
		_ = c.SetReadDeadline(deadline)
		_ = c.SetWriteDeadline(deadline.Add(5 * time.Second))
		ctx, cancel := context.WithDeadline(r.Context(), deadline)
		defer cancel()
		answerUpTo(max(MaxLine, MaxBatchBytes)+MaxBatch, s.importUsers)(w, r.WithContext(ctx))
	})
}

// deletionTimeout is how long an account with all its files may take to go.
const deletionTimeout = 2 * time.Minute

func (s *Server) listUsers(r *http.Request) (any, error) {
	q := r.URL.Query()
	skip, err := strconv.Atoi(q.Get("index"))
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		return nil, fmt.Errorf("limit: %w", err)
	}
	found, more, err := Administer(s.o.Users).List(r.Context(), q.Get("search"), skip, limit)
	page := userPage{Users: make([]user, len(found)), More: more}
	for i, u := range found {
		page.Users[i] = userOf(u)
	}
	return page, err
}

func (s *Server) createUser(r *http.Request) (any, error) {
	var n newUser
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		return nil, err
	}
	made, err := Administer(s.o.Users).Create(r.Context(), users.NewUser{Username: n.Username, Email: n.Email, Password: n.Password}, n.Admin)
	if err == nil {
		s.o.Logger.Info("a user was created", "username", made.Username, "privileges", int(made.Privileges))
	}
	return userOf(made), err
}

func (s *Server) setPassword(r *http.Request) (any, error) {
	var n newPassword
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		return nil, err
	}
	name, err := Administer(s.o.Users).SetPassword(r.Context(), n.Name, n.Password)
	if err == nil {
		s.o.Logger.Info("a user's password was set", "username", name)
	}
	return username{name}, err
}

func (s *Server) deleteUser(r *http.Request) (any, error) {
	name, err := Administer(s.o.Users).Delete(r.Context(), r.URL.Query().Get("name"))
	if err == nil {
		s.o.Logger.Info("a user was deleted", "username", name)
	}
	return username{name}, err
}

// importUsers reads all of a batch before it begins: one that breaks off does
// nothing.
func (s *Server) importUsers(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(body, []byte{'\n'})
	if len(lines) > MaxBatch {
		return nil, fmt.Errorf("at most %d documents can be imported at once", MaxBatch)
	}
	results, err := Administer(s.o.Users).Import(r.Context(), lines)
	imported := 0
	for _, r := range results {
		if r.Err == nil {
			imported++
		}
	}
	if err == nil {
		s.o.Logger.Info("users were imported", "imported", imported, "refused", len(results)-imported)
	}
	return importedLines(results), err
}
