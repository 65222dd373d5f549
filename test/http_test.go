package test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// do sends one HTTP request and reads the whole answer.
func (s *server) do(t *testing.T, method, path, body string, headers map[string]string) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	client := http.Client{Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.describe(t)
	conforms(t, method, path, response.StatusCode, response.Header, answer)
	return response.StatusCode, answer
}

func (s *server) get(t *testing.T, path string, headers map[string]string) (status int, answer []byte) {
	t.Helper()
	return s.do(t, http.MethodGet, path, "", headers)
}

// page is what GET /events answers.
type page struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next"`
}

// history reads a page of past events from the origin trusted-host.
func (s *server) history(t *testing.T, query string) (page, []frame) {
	t.Helper()
	status, answer := s.get(t, "/events"+query, trusted)
	if status != 200 {
		t.Fatalf("GET /events%s: status %d: %s", query, status, answer)
	}
	var p page
	if err := json.Unmarshal(answer, &p); err != nil {
		t.Fatalf("GET /events%s: %v: %s", query, err, answer)
	}
	if p.Events == nil {
		t.Errorf("GET /events%s: events must be a list, also without any: %s", query, answer)
	}
	frames := []frame{}
	for _, e := range p.Events {
		frames = append(frames, decodeFrame(t, string(e)))
	}
	return p, frames
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)

	for _, path := range []string{"/healthz", "/readyz"} {
		// Whoever asks for these has no origin.
		if status, answer := srv.get(t, path, nil); status != 200 {
			t.Errorf("%s: status %d: %s", path, status, answer)
		}
	}
}

// The root path without an upgrade is a page for whoever opens it in a browser.
func TestRootIsAPage(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	status, page := srv.get(t, "/", map[string]string{"accept": "text/html"})
	if status != 200 || !bytes.Contains(bytes.ToLower(page), []byte("<!doctype html>")) {
		t.Errorf("status %d, want 200 and a page: %s", status, page)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	for request, want := range map[string]int{
		"GET /nothing-here": 404, "POST /nothing-here": 404, "DELETE /events": 405, "POST /healthz": 405,
	} {
		method, path, _ := strings.Cut(request, " ")
		status, answer := srv.do(t, method, path, "", trusted)
		if status != want {
			t.Errorf("%s: status %d, want %d", request, status, want)
		}
		decodeFailure(t, answer)
	}
}

// A head of a request that is too large, or never ends, is not stored.
func TestHugeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	status, _ := srv.get(t, "/healthz", map[string]string{"x-large": strings.Repeat("x", 2<<20)})
	if status != 431 {
		t.Errorf("status %d, want 431", status)
	}
}
