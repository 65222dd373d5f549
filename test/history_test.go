package test

import (
	"net/url"
	"strconv"
	"testing"
)

// GET /events reads the history, page by page.

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	c := connect(t, srv.ws)
	const count = 150
	sent := make([]frame, count)
	for n := range sent {
		sent[n] = c.ask(echo(strconv.Itoa(n)))
	}
	same := func(query string, want []frame) page {
		t.Helper()
		p, got := srv.history(t, query)
		if len(got) != len(want) {
			t.Fatalf("GET /events%s: %d events, want %d", query, len(got), len(want))
		}
		for i := range got {
			if got[i].raw != want[i].raw {
				t.Fatalf("GET /events%s: event %d is %s, want it as sockets saw it: %s", query, i, got[i].raw, want[i].raw)
			}
		}
		return p
	}

	same("", sent[50:]) // without since the newest, a hundred of them
	same("?limit=10", sent[140:])
	same("?limit=1000", sent)
	same("?limit=1000&events=1,10", sent)
	same("?events=1", nil)
	same("?username=george", nil)

	// From page to page with next, to the end and beyond it.
	p := same("?limit=60&since="+sent[0].ID, sent[1:61])
	p = same("?limit=60&since="+url.QueryEscape(p.Next), sent[61:121])
	p = same("?limit=60&since="+url.QueryEscape(p.Next), sent[121:])
	p = same("?limit=60&since="+url.QueryEscape(p.Next), nil)
	later := c.ask(echo(`"later"`))
	same("?since="+url.QueryEscape(p.Next), []frame{later})

	// next also goes past what a filter left out.
	p = same("?events=1&since="+sent[0].ID, nil)
	newest := c.ask(echo(`"newest"`))
	same("?since="+url.QueryEscape(p.Next), []frame{newest})
}

func TestHistoryOfNothing(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)

	p, frames := srv.history(t, "")
	if len(frames) != 0 || p.Next == "" {
		t.Fatalf("want no event and a next, got %+v", p)
	}
	first := connect(t, srv.ws).ask(echo("1"))
	if _, got := srv.history(t, "?since="+url.QueryEscape(p.Next)); len(got) != 1 || got[0].raw != first.raw {
		t.Errorf("next of an empty history must work as since, got %v", got)
	}
}

func TestHistoryOfBadQueries(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	for _, query := range []string{"limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.5", "events=x"} {
		status, answer := srv.get(t, "/events?"+query, trusted)
		decodeFailure(t, answer)
		if status != 400 {
			t.Errorf("?%s: status %d, want 400", query, status)
		}
	}
	status, answer := srv.get(t, "/events?since=made-up", trusted)
	if got := decodeFailure(t, answer); status != 410 || got.Code != "HISTORY_LOST" || got.Oldest == "" {
		t.Errorf("an unknown since: status %d, want 410 with HISTORY_LOST and oldest: %s", status, answer)
	}
}

// Reading needs what a socket needs, or a key; an origin that is sent is judged in any case.
func TestWhoMayReadHistory(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	reader, writer := srv.key(t, "read:events"), srv.key(t, "write:events")

	for name, want := range map[string]struct {
		headers  map[string]string
		statuses []int
	}{
		"an approved origin":        {trusted, []int{200}},
		"a key":                     {bearer(reader), []int{200}},
		"the original's key header": {map[string]string{"users-api-key": reader}, []int{200}},
		"neither":                   {nil, []int{401, 403}},
		"a wrong key":               {bearer("wrong"), []int{401}},
		"a key of another scope":    {bearer(writer), []int{403}},
		"an origin not approved":    {map[string]string{"origin": "https://evil.example"}, []int{403}},
		"a key and such an origin":  {map[string]string{"origin": "https://evil.example", "authorization": "Bearer " + reader}, []int{403}},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := srv.get(t, "/events", want.headers)
			for _, s := range want.statuses {
				if status == s {
					return
				}
			}
			t.Errorf("status %d, want one of %v: %s", status, want.statuses, answer)
		})
	}
}
