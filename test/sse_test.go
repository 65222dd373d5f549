package test

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// GET /events is also a feed of server-sent events, the same events as those of a socket.

// sse is one open feed.
type sse struct {
	t     *testing.T
	lines *bufio.Scanner
	alarm *time.Timer // ends the request when nothing comes
}

func openSSE(t *testing.T, url string, headers map[string]string) *sse {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	alarm := time.AfterFunc(patience, cancel)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("status %d, %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	return &sse{t: t, lines: bufio.NewScanner(response.Body), alarm: alarm}
}

// next reads the next event: its id line and the frame in its data.
func (s *sse) next() (id string, f frame) {
	s.t.Helper()
	s.alarm.Reset(patience)
	for data := ""; s.lines.Scan(); {
		name, value, _ := strings.Cut(s.lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "data":
			data += value
		case "": // a comment, or the empty line that ends an event
			if s.lines.Text() == "" && data != "" {
				return id, decodeFrame(s.t, data)
			}
		}
	}
	s.t.Fatalf("the feed ended: %v", s.lines.Err())
	return "", frame{}
}

func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)
	feed := openSSE(t, srv.url+"/events", trusted)

	for n := range 20 {
		sent := c.ask(echo(strconv.Itoa(n)))
		if id, got := feed.next(); got.raw != sent.raw || id != sent.ID {
			t.Fatalf("want id %s and the frame of a socket, %s; got %s and %s", sent.ID, sent.raw, id, got.raw)
		}
	}
}

func TestLastEventID(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)
	c := connect(t, srv.ws)
	first := c.ask(echo("1"))
	missed := []frame{c.ask(echo("2"))}

	for path, headers := range map[string]map[string]string{
		"/events":                   {"origin": "trusted-host", "last-event-id": first.ID},
		"/events?since=" + first.ID: trusted,
		// A browser keeps the address when it returns; what it saw last is newer.
		"/events?since=made-up": {"origin": "trusted-host", "last-event-id": first.ID},
	} {
		feed := openSSE(t, srv.url+path, headers)
		for _, want := range missed {
			if _, got := feed.next(); got.raw != want.raw {
				t.Errorf("%s: want %s, got %s", path, want.raw, got.raw)
			}
		}
		live := c.ask(echo(`"live"`))
		if _, got := feed.next(); got.raw != live.raw {
			t.Errorf("%s: want the live %s, got %s", path, live.raw, got.raw)
		}
		missed = append(missed, live)
	}
}

func TestServerSentHistoryLost(t *testing.T) {
	t.Parallel()
	srv := start(t, nil)

	feed := openSSE(t, srv.url+"/events", map[string]string{"origin": "trusted-host", "last-event-id": "made-up"})
	if _, got := feed.next(); got.EventType != 0 || got.Code != "HISTORY_LOST" || got.Oldest == "" {
		t.Errorf("want eventType 0 with HISTORY_LOST and oldest, got %s", got.raw)
	}
	live := connect(t, srv.ws).ask(echo("1"))
	if id, got := feed.next(); got.raw != live.raw || id != live.ID {
		t.Errorf("want the live %s, got id %s and %s", live.raw, id, got.raw)
	}
}

func TestServerSentEventsAreFiltered(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)
	mark := c.ask(echo("0"))
	echoes := openSSE(t, srv.url+"/events?events=10&since="+mark.ID, bearer(srv.key(t, "read:events")))

	sent := c.ask(echo("1"))
	if _, got := echoes.next(); got.raw != sent.raw {
		t.Errorf("want %s, got %s", sent.raw, got.raw)
	}
}

// A feed is told to go like a socket: it does not hold up the end of the server.
func TestServerSentEventsEndWithTheServer(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	feed := openSSE(t, srv.url+"/events", trusted)

	srv.stop(t)
	for feed.lines.Scan() { // until the feed ends
	}
}
