package test

import (
	"syscall"
	"testing"
)

// On SIGTERM the server is not ready first, then tells its sockets to go, not all at once, then ends.
func TestSIGTERM(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.drainSeconds": 2})
	clients := make([]*client, 30)
	for i := range clients {
		clients[i] = connect(t, srv.ws)
	}
	silent := dialRaw(t, srv, "")
	silent.write([]byte{0x81}) // half a header, and it will answer no close frame
	if status, _ := srv.get(t, "/readyz", nil); status != 200 {
		t.Fatalf("/readyz: status %d, want 200", status)
	}

	srv.signal(t, syscall.SIGTERM)
	eventually(t, "/readyz to say that it is not ready, while the server still listens", func() bool {
		status, _ := srv.get(t, "/readyz", nil)
		return status == 503
	})
	told := func() (n int) {
		for _, c := range clients {
			if c.inbox.has("close") {
				n++
			}
		}
		return n
	}
	eventually(t, "the first socket to be told", func() bool { return told() > 0 })
	if n := told(); n == len(clients) {
		t.Errorf("all %d sockets were told at once", n)
	}
	for _, c := range clients {
		if code, _, _ := c.closed(); code != 1001 {
			t.Errorf("close code %d, want 1001", code)
		}
	}
	if status := srv.wait(t); status != 0 {
		t.Errorf("status %d, want 0", status)
	}
}

// A second signal, from somebody who cannot wait, ends a long drain.
func TestSecondSIGTERMEndsTheDrain(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.drainSeconds": 3600})
	first, second := connect(t, srv.ws), connect(t, srv.ws)

	srv.signal(t, syscall.SIGTERM)
	eventually(t, "the drain to begin", func() bool {
		status, _ := srv.get(t, "/readyz", nil)
		return status == 503
	})
	srv.signal(t, syscall.SIGTERM)
	first.closed()
	second.closed()
	srv.wait(t)
}
