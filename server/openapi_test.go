package server

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"gatehouse/server/openapi"
	"gatehouse/store/embedded"
)

// Who reads the description of the API sees each route that there is, and none
// that there is not.
func TestEveryRouteIsDescribed(t *testing.T) {
	routes, described := routesOf(t), operationsOf(t)
	for _, r := range routes {
		if !slices.Contains(described, r) {
			t.Errorf("%s is a route, and has no entry in server/openapi/openapi.json", r)
		}
	}
	for _, d := range described {
		if !slices.Contains(routes, d) {
			t.Errorf("%s stands in server/openapi/openapi.json, and is no route", d)
		}
	}
}

var ginParameter = regexp.MustCompile(`[:*]([^/]+)`)

// routesOf are the methods and paths that the router knows, as OpenAPI writes
// them. HEAD is GET without the body, and OPTIONS the preflight of browsers: both
// are the same wherever they are, and described in one place for all.
func routesOf(t *testing.T) (list []string) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := New(Options{Store: st, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range s.http.Handler.(*gin.Engine).Routes() {
		if r.Method != http.MethodHead && r.Method != http.MethodOptions {
			list = append(list, r.Method+" "+ginParameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(list)
	return list
}

// operationsOf are the methods and paths that are described.
func operationsOf(t *testing.T) (list []string) {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(openapi.Document("test"), &document); err != nil {
		t.Fatal(err)
	}
	methods := []string{"GET", "PUT", "POST", "DELETE", "PATCH"}
	for path, item := range document.Paths {
		for name := range item {
			if method := strings.ToUpper(name); slices.Contains(methods, method) { // beside them, what all of them share
				list = append(list, method+" "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}
