package server

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"gatehouse/server/fault"
)

func TestAddressBehindProxies(t *testing.T) {
	trusted, err := parseProxies([]string{"10.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		peer, forwarded, want string
	}{
		"no proxy":                 {"192.0.2.1:1", "", "192.0.2.1"},
		"a stranger's header":      {"192.0.2.1:1", "198.51.100.7", "192.0.2.1"},
		"one proxy":                {"10.1.2.3:1", "198.51.100.7", "198.51.100.7"},
		"two proxies":              {"[::1]:1", "198.51.100.7, 10.9.9.9", "198.51.100.7"},
		"what the client claims":   {"10.1.2.3:1", "203.0.113.9, 198.51.100.7", "198.51.100.7"},
		"all of them proxies":      {"10.1.2.3:1", "10.4.4.4", "10.4.4.4"},
		"nonsense":                 {"10.1.2.3:1", "198.51.100.7, nonsense", "10.1.2.3"},
		"an empty header":          {"10.1.2.3:1", "", "10.1.2.3"},
		"IPv4 in IPv6":             {"[::ffff:10.1.2.3]:1", "::ffff:198.51.100.7", "198.51.100.7"},
		"no address at all":        {"@", "198.51.100.7", "invalid IP"},
		"a zone does not multiply": {"10.1.2.3:1", "fe80::1%eth0", "fe80::1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := gin.CreateTestContext(httptest.NewRecorder())
			c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
			c.Request.RemoteAddr = tc.peer
			if tc.forwarded != "" {
				c.Request.Header.Set("X-Forwarded-For", tc.forwarded)
			}
			trusted.client(c)
			if got := remote(c).String(); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
	for _, bad := range []string{"", "localhost", "10.0.0.0/33"} {
		if _, err := parseProxies([]string{bad}); err == nil {
			t.Errorf("%q was taken for an address", bad)
		}
	}
}

// An error whose words no client should see is logged, with the route and not
// with what somebody put into the path.
func TestErrorsOfItsOwnAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := &Server{o: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	r := gin.New()
	r.Use(s.witnessed)
	r.GET("/users/:user", func(c *gin.Context) { fault.Write(c.Writer, errors.New("the disk is on fire")) })
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/users/ann@example.com", http.NoBody))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if said := log.String(); !strings.Contains(said, "the disk is on fire") || !strings.Contains(said, "/users/:user") || strings.Contains(said, "ann@") {
		t.Errorf("the log says: %s", said)
	}
}
