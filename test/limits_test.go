package test

import (
	"maps"
	"testing"
)

// How many sockets may be open, in all and from one address.

func TestMaxConnections(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.maxConnections": 2})
	first, second := connect(t, srv.ws), connect(t, srv.ws)

	if status, _ := refused(t, srv.ws, trusted); status != 503 {
		t.Errorf("the third socket: status %d, want 503", status)
	}
	second.alive()
	first.leave()
	eventually(t, "the place of a socket that left to be free", func() bool {
		return dial(t, srv.ws, trusted).event().Event == "open"
	})
}

func TestMaxConnectionsPerIP(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.maxConnectionsPerIP": 2})
	first := connect(t, srv.ws)
	connect(t, srv.ws)

	if status, _ := refused(t, srv.ws, trusted); status != 429 {
		t.Errorf("the third socket of an address: status %d, want 429", status)
	}
	// Whom no proxy vouches for cannot choose an address.
	if status, _ := refused(t, srv.ws, from("203.0.113.1")); status != 429 {
		t.Errorf("with an X-Forwarded-For of its own: status %d, want 429", status)
	}
	first.leave()
	eventually(t, "the place of a socket that left to be free", func() bool {
		return dial(t, srv.ws, trusted).event().Event == "open"
	})
}

func TestForwardedForCountsFromTrustedProxies(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{
		"websocket.maxConnectionsPerIP": 1,
		"websocket.trustedProxies":      []string{"127.0.0.1", "198.51.100.0/24"},
	})

	connectWith(t, srv.ws, from("203.0.113.1"))
	connectWith(t, srv.ws, from("203.0.113.2"))
	connectWith(t, srv.ws, from("2001:db8::1"))
	for _, same := range []string{
		"203.0.113.1",
		"203.0.113.2, 198.51.100.7",              // by way of a second trusted proxy
		"192.0.2.99, 203.0.113.1",                // the client put an address before its own
		"192.0.2.99, 203.0.113.2, 198.51.100.99", // both
	} {
		if status, _ := refused(t, srv.ws, from(same)); status != 429 {
			t.Errorf("X-Forwarded-For: %s: status %d, want 429", same, status)
		}
	}
}

// from are the headers of a socket that a proxy forwards.
func from(forwarded string) map[string]string {
	headers := maps.Clone(trusted)
	headers["x-forwarded-for"] = forwarded
	return headers
}
