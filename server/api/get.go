package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"gatehouse/events"
	"gatehouse/server/fault"
)

// How many events one answer holds.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// stretch is how many events are read from the log at a time.
const stretch = 256

// An answer ends early, with the next to go on from, where it has so many bytes
// or has looked at so many events.
const (
	maxPageBytes = 4 << 20
	maxLooked    = 50_000
)

// Admitter counts the connections that are held open.
type Admitter interface {
	Admit(a netip.Addr) error
	Release(a netip.Addr)
}

// Options for [NewEvents].
type Options struct {
	Log   *events.Log
	Store events.Applier

	// MaxBodyBytes is how large an event may be that is published.
	MaxBodyBytes func() int

	// Streams counts those who follow.
	Streams Admitter

	// PingEvery is how often a stream in which nothing happens shows that it
	// lives; 0 is never.
	PingEvery time.Duration

	// Stopping is closed when streams are to end, which they do over the
	// time that Drain gives.
	Stopping <-chan struct{}
	Drain    func() time.Duration
}

// Events serves /events. Who may do what has been decided before.
type Events struct{ o Options }

// NewEvents makes the handlers.
func NewEvents(o Options) *Events { return &Events{o} }

// Get reads the history, or follows it where the client accepts
// text/event-stream. Remote is who asks; a stream ends when it is no longer
// allowed.
func (e *Events) Get(w http.ResponseWriter, r *http.Request, remote netip.Addr, allowed func(context.Context) bool) {
	q := r.URL.Query()
	filter, err := events.ParseFilter(q.Get("events"), q.Get("username"))
	if err != nil {
		fault.Write(w, fault.New(fault.InvalidParameter, err.Error()))
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		e.stream(w, r, filter, remote, allowed)
		return
	}
	limit := defaultLimit
	if s := q.Get("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxLimit {
			fault.Write(w, fault.New(fault.InvalidParameter, "limit must be a whole number from 1 to "+strconv.Itoa(maxLimit)))
			return
		}
	}
	e.history(w, r, filter, q.Get("since"), limit)
}

// history answers {"events":[…],"next":id}: what follows since in ascending
// order, or without since the newest.
func (e *Events) history(w http.ResponseWriter, r *http.Request, filter events.Filter, since string, limit int) {
	page := struct {
		Events []json.RawMessage `json:"events"`
		Next   string            `json:"next"`
	}{Events: []json.RawMessage{}, Next: since}
	var found []*events.Entry
	if since == "" {
		found, page.Next = e.o.Log.Newest(filter, limit, maxPageBytes)
	} else {
		var err error
		if found, page.Next, err = e.after(r, filter, since, limit); err != nil {
			e.fail(w, r, err)
			return
		}
	}
	for _, entry := range found {
		page.Events = append(page.Events, entry.JSON)
	}
	writeJSON(w, http.StatusOK, page)
}

// after finds what follows since, and the id to go on from.
func (e *Events) after(r *http.Request, filter events.Filter, since string, limit int) (found []*events.Entry, next string, err error) {
	reader, err := e.o.Log.Open(r.Context(), since)
	if err != nil {
		return nil, "", err
	}
	defer reader.Close()
	next = since
	bytes, looked := 0, 0
	for {
		es, err := reader.Take(r.Context(), stretch)
		if err != nil || len(es) == 0 {
			return found, next, err
		}
		for _, entry := range es {
			if entry.ID == "" {
				continue
			}
			next = entry.ID
			looked++
			if filter.Match(entry) {
				found = append(found, entry)
				bytes += len(entry.JSON)
			}
			if len(found) == limit || bytes >= maxPageBytes {
				return found, next, nil
			}
		}
		if looked >= maxLooked {
			return found, next, nil
		}
	}
}

// fail answers an error of the log.
func (e *Events) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, events.ErrHistoryLost) {
		f := fault.New(fault.HistoryLost, "the history does not reach back to since; read on from oldest")
		f.Oldest = e.o.Log.Oldest(r.Context())
		err = f
	}
	fault.Write(w, err)
}
