package players

import (
	"testing"

	"gatehouse/server/wsconn"
)

// Where the feed lost a stretch all sockets are closed: what they were not told
// cannot be told.
func TestFeedIsLost(t *testing.T) {
	s, r := stranger()
	s.service.add(s)
	s.service.endAll()
	if r.code != wsconn.CloseGoingAway || r.reason == "" {
		t.Errorf("closed with %d %q", r.code, r.reason)
	}
}
