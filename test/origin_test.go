package test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The gate judges the Origin of every socket before it is upgraded.

func TestOriginNotApprovedNeverOpens(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	for name, headers := range map[string]map[string]string{
		"another host":            {"origin": "https://evil.example"},
		"an approved one inside":  {"origin": "https://trusted-host.evil.example"},
		"an approved one as path": {"origin": "https://evil.example/trusted-host"},
		"an approved one as user": {"origin": "https://trusted-host@evil.example"},
		"null":                    {"origin": "null"},
		"empty":                   {"origin": ""},
		"none":                    {},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := refused(t, srv.ws, headers)
			if status != 403 {
				t.Errorf("status %d, want 403", status)
			}
			// Whoever is refused learns why, and not what would be approved.
			if said := answer.Code + answer.Error; strings.Contains(said, "^") || strings.Contains(said, "localhost") {
				t.Errorf("the refusal tells what is approved: %+v", answer)
			}
		})
	}
}

func TestOriginApprovedOpens(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	for _, origin := range []string{
		"trusted-host", // as the seed's snippet sends it
		"http://localhost", "https://localhost", "http://localhost:8080", "https://trusted-host:8443", "HTTPS://Trusted-Host",
	} {
		t.Run(origin, func(t *testing.T) {
			connectWith(t, srv.ws, map[string]string{"origin": origin}).alive()
		})
	}
}

// An approved origin beside another must not carry it in: two Origin headers are no browser's.
func TestTwoOriginsAreRefused(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	conn, err := net.Dial("tcp", strings.TrimPrefix(srv.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: trusted-host\r\nOrigin: http://localhost\r\n"+
		"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1024)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 403 ")) {
		t.Errorf("want status 403, got %q", answer[:n])
	}
}

func TestEmptyListApprovesNothing(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.approvedSocketDomains": []string{}})

	for _, origin := range []string{"trusted-host", "http://localhost", ""} {
		if status, _ := refused(t, srv.ws, map[string]string{"origin": origin}); status != 403 {
			t.Errorf("origin %q: status %d, want 403", origin, status)
		}
	}
}

func TestMissingOriginCanBeAllowed(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.missingOrigin": "allow"})

	connectWith(t, srv.ws, nil).alive()
	if status, _ := refused(t, srv.ws, map[string]string{"origin": "https://evil.example"}); status != 403 {
		t.Errorf("an origin that is sent is judged all the same: status %d, want 403", status)
	}
}

func TestSeedSampleOfApprovedDomains(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.approvedSocketDomains": []string{
		"localhost", `^ws://www.webinate.net:123$`, `^webinate\.net:80$`, `^example\.com$`, `^.+\.example\.com$`,
	}})

	for _, origin := range []string{"https://example.com", "https://www.example.com", "http://webinate.net", "http://localhost:3000"} {
		connectWith(t, srv.ws, map[string]string{"origin": origin}).alive()
	}
	for _, origin := range []string{"https://webinate.net", "https://example.com.evil.org", "https://myexample.com"} {
		if status, _ := refused(t, srv.ws, map[string]string{"origin": origin}); status != http.StatusForbidden {
			t.Errorf("origin %q: status %d, want 403", origin, status)
		}
	}
}

// The block of the API's description loads as it stands there, with its trailing comma.
func TestSeedSampleConfigLoads(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := startWithEnv(t, nil)
	srv.stop(t)
	sample, err := os.ReadFile("testdata/seed-config.json")
	if err != nil {
		t.Fatal(err)
	}
	srv.replaceConfig(t, string(sample))
	// What the sample fixes and a test must not: any free port, this machine only, a store of its own.
	srv.env = []string{"GATEHOUSE_WEBSOCKET__PORT=0", "GATEHOUSE_WEBSOCKET__HOST=127.0.0.1"}
	for key, value := range srv.store {
		srv.env = append(srv.env, fmt.Sprintf("GATEHOUSE_%s=%v", strings.ToUpper(strings.ReplaceAll(key, ".", "__")), value))
	}
	srv.launch(t)

	connectWith(t, srv.ws, map[string]string{"origin": "http://blog.example.org"}).alive()
}
