package test

import (
	"os"
	"syscall"
	"testing"
)

// The configuration file is watched; what may change without a restart does, for open sockets too.

func TestChangedDomainsCloseWhomTheyNoLongerApprove(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	stays := connect(t, srv.ws)
	goes := connectWith(t, srv.ws, map[string]string{"origin": "http://localhost"})

	srv.configure(t, settings{"websocket.approvedSocketDomains": []string{"^trusted-host$", "^new-host$"}})
	if code, _, _ := goes.closed(); code != 1008 {
		t.Errorf("close code %d, want 1008", code)
	}
	stays.alive()
	connectWith(t, srv.ws, map[string]string{"origin": "http://new-host"}).alive()
	if status, _ := refused(t, srv.ws, map[string]string{"origin": "http://localhost"}); status != 403 {
		t.Errorf("status %d, want 403", status)
	}
}

// Some editors write into the file instead of replacing it.
func TestFileWrittenInPlaceIsNoticed(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	goes := connect(t, srv.ws)

	changed := srv.config(t, settings{"websocket.approvedSocketDomains": []string{"^localhost$"}})
	if err := os.WriteFile(srv.configPath(), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := goes.closed(); code != 1008 {
		t.Errorf("close code %d, want 1008", code)
	}
}

func TestChangedLimitHolds(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	connect(t, srv.ws)

	srv.configure(t, settings{"websocket.maxConnections": 1})
	eventually(t, "the new limit to hold", func() bool {
		c := dial(t, srv.ws, trusted)
		if event := c.event(); event.Event == "unexpected-response" {
			return event.Status == 503
		}
		c.leave()
		return false
	})
}

// A change that is wrong is refused and logged, every problem with its key path; the old one stays.
func TestBrokenChangeIsRefused(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	srv.configure(t, settings{
		"websocket.approvedSocketDomains": []string{"^new-host$", "("},
		"websocket.queueBytes":            "many",
	})
	srv.logged(t, "websocket.approvedSocketDomains")
	srv.logged(t, "websocket.queueBytes")
	c.alive()
	connect(t, srv.ws).alive()

	srv.replaceConfig(t, `{"websocket": `)
	srv.signal(t, syscall.SIGHUP)
	c.alive()
	connect(t, srv.ws).alive()

	srv.configure(t, settings{"websocket.approvedSocketDomains": []string{"^new-host$"}})
	if code, _, _ := c.closed(); code != 1008 {
		t.Errorf("once it is mended, close code %d, want 1008", code)
	}
}

func TestSIGHUPReloads(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	stays := connect(t, srv.ws)
	goes := connectWith(t, srv.ws, map[string]string{"origin": "http://localhost"})

	srv.signal(t, syscall.SIGHUP) // nothing has changed
	stays.alive()
	goes.alive()
	srv.configure(t, settings{"websocket.approvedSocketDomains": []string{"^trusted-host$"}})
	srv.signal(t, syscall.SIGHUP)
	if code, _, _ := goes.closed(); code != 1008 {
		t.Errorf("close code %d, want 1008", code)
	}
	stays.alive()
}
