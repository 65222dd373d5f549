package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"gatehouse/events"
	"gatehouse/server/fault"
)

// streamTimeout is for how long a stream may take nothing.
const streamTimeout = 30 * time.Second

// stream follows the log as server-sent events. It begins behind Last-Event-ID,
// which a browser sends when it reconnects, or since, or now.
func (e *Events) stream(w http.ResponseWriter, r *http.Request, filter events.Filter, remote netip.Addr, allowed func(context.Context) bool) {
	if err := e.o.Streams.Admit(remote); err != nil {
		fault.Write(w, err)
		return
	}
	defer e.o.Streams.Release(remote)

	since := r.Header.Get("Last-Event-ID")
	if since == "" {
		since = r.URL.Query().Get("since")
	}
	reader, err := e.o.Log.Open(r.Context(), since)
	lost := errors.Is(err, events.ErrHistoryLost)
	if lost {
		reader, err = e.o.Log.Open(r.Context(), "")
	}
	if err != nil {
		fault.Write(w, err)
		return
	}
	s := &stream{w: w, rc: http.NewResponseController(w), filter: filter, pingEvery: e.o.PingEvery, allowed: allowed}
	s.reader = reader
	defer func() { s.reader.Close() }() // it may be another by then
	// The server's limit on reading a request is not one on following.
	_ = s.rc.SetReadDeadline(time.Time{})
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // proxies must pass it on as it comes
	w.WriteHeader(http.StatusOK)

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go e.endWhenStopping(ctx, cancel)
	err = s.place("events follow")
	if lost && err == nil {
		err = s.lost(e.o.Log.Oldest(ctx))
	}
	for err == nil {
		err = s.more(ctx)
		if errors.Is(err, events.ErrHistoryLost) {
			// The reader was so slow that history went on without it.
			s.reader.Close()
			if s.reader, err = e.o.Log.Open(ctx, ""); err == nil {
				err = s.lost(e.o.Log.Oldest(ctx))
			}
		}
	}
}

// endWhenStopping ends a stream at some moment of the drain time, so that not all
// of them come back at once. It returns when the stream has ended.
func (e *Events) endWhenStopping(ctx context.Context, end context.CancelFunc) {
	select {
	case <-e.o.Stopping:
	case <-ctx.Done():
		return
	}
	moment := time.NewTimer(rand.N(e.o.Drain() + 1)) //nolint:gosec // nobody gains by guessing it
	defer moment.Stop()
	select {
	case <-moment.C:
		end()
	case <-ctx.Done():
	}
}

// stream is one reader of server-sent events.
type stream struct {
	w         http.ResponseWriter
	rc        *http.ResponseController
	reader    *events.Reader
	filter    events.Filter
	pingEvery time.Duration
	allowed   func(context.Context) bool
}

func (s *stream) write(b []byte) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(streamTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.rc.Flush()
}

// more waits for events and writes them, or a comment where none come for long.
func (s *stream) more(ctx context.Context) error {
	wait, cancel := ctx, context.CancelFunc(func() {})
	if s.pingEvery > 0 {
		wait, cancel = context.WithTimeout(ctx, s.pingEvery)
	}
	defer cancel()
	es, err := s.reader.Next(wait, stretch)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !s.allowed(ctx):
		return errors.New("no longer allowed")
	case errors.Is(err, context.DeadlineExceeded):
		return s.place("still here")
	case err != nil:
		return err
	}
	var b []byte
	for _, entry := range es {
		if s.filter.Match(entry) {
			b = appendEvent(b, entry.ID, entry.JSON)
		}
	}
	if len(b) == 0 {
		return nil
	}
	return s.write(b)
}

// place tells where the stream is, with a comment and an id without an event: a
// browser comes back to it, also where the filter let nothing pass since.
func (s *stream) place(comment string) error {
	return s.write([]byte(": " + comment + "\nid: " + s.reader.Place() + "\n\n"))
}

func (s *stream) lost(oldest string) error {
	return s.write(appendEvent(nil, s.reader.Place(), events.Event{Type: events.Error, Body: events.LostBody(oldest, "")}.JSON()))
}

// appendEvent writes one event; payloads hold no line breaks.
func appendEvent(b []byte, id string, payload []byte) []byte {
	if id != "" {
		b = append(append(append(b, "id: "...), id...), '\n')
	}
	b = append(append(b, "data: "...), payload...)
	return append(b, "\n\n"...)
}
