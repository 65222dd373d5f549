package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"gatehouse/server/openapi"
	"gatehouse/server/realtime"
	"gatehouse/store/embedded"
	"gatehouse/users/resources"
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
	for _, r := range handlerOf(t).Routes() {
		if r.Method != http.MethodHead && r.Method != http.MethodOptions {
			list = append(list, r.Method+" "+ginParameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(list)
	return list
}

// handlerOf is the router of a server that follows nothing yet.
func handlerOf(t *testing.T) *gin.Engine {
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
	s, err := New(Options{Store: st, Logger: logger, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s.http.Handler.(*gin.Engine)
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

// Both descriptions are given to whoever asks, with the version of this server.
func TestDescriptionsAreServed(t *testing.T) {
	handler := handlerOf(t)
	for path, want := range map[string][]byte{"/openapi.json": openapi.Document("1.2.3"), "/asyncapi.json": openapi.Async("1.2.3")} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		head := answer.Header()
		if answer.Code != http.StatusOK || !bytes.Equal(answer.Body.Bytes(), want) {
			t.Errorf("%s: status %d, %d bytes, want %d", path, answer.Code, answer.Body.Len(), len(want))
		}
		if head.Get("Content-Type") != "application/json; charset=utf-8" || head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the headers are %v", path, head)
		}
	}
}

// The subprotocol that both descriptions show says what they say of it.
func TestSubprotocolIsAsDescribed(t *testing.T) {
	var inOpenAPI struct {
		Components struct {
			Parameters map[string]struct {
				Example any `json:"example"`
			} `json:"parameters"`
		} `json:"components"`
	}
	var inAsyncAPI struct {
		Components struct {
			ChannelBindings map[string]struct {
				WS struct {
					Headers struct {
						Properties map[string]struct {
							Examples []string `json:"examples"`
						} `json:"properties"`
					} `json:"headers"`
				} `json:"ws"`
			} `json:"channelBindings"`
		} `json:"components"`
	}
	if err := errors.Join(json.Unmarshal(openapi.Document("test"), &inOpenAPI), json.Unmarshal(openapi.Async("test"), &inAsyncAPI)); err != nil {
		t.Fatal(err)
	}
	shown := inAsyncAPI.Components.ChannelBindings["realtime"].WS.Headers.Properties["Sec-WebSocket-Protocol"].Examples
	if example, ok := inOpenAPI.Components.Parameters["Subprotocol"].Example.(string); !ok || len(shown) != 1 || shown[0] != example {
		t.Fatalf("asyncapi.json shows %q, openapi.json %q", shown, inOpenAPI.Components.Parameters["Subprotocol"].Example)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/realtime", nil)
	request.Header.Set("Sec-WebSocket-Protocol", shown[0])
	headers, err := realtime.ReadHeaders(request)
	if err != nil {
		t.Fatal(err)
	}
	want := resources.Place{resources.Organization: "testOrg", resources.Project: "testProj"}
	if at, err := headers.Place(); err != nil || !maps.Equal(at, want) {
		t.Errorf("this says %v, %v, want %v", at, err, want)
	}
}
