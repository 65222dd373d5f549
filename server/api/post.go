package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"gatehouse/events"
	"gatehouse/server/fault"
	"gatehouse/server/request"
)

// Post publishes one event: an echo, or a type that the deployment has declared.
// It answers 202 with {"accepted":true} when the store has it; the event itself
// comes to those who follow.
func (e *Events) Post(w http.ResponseWriter, r *http.Request) {
	b, err := readBody(w, r, e.o.MaxBodyBytes())
	var a events.Announcement
	if err == nil {
		a, err = e.announcement(b)
	}
	if err == nil {
		err = events.Announce(r.Context(), e.o.Store, a)
	}
	if err != nil {
		fault.Write(w, err)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]bool{"accepted": true})
}

// announcement reads what was posted.
func (e *Events) announcement(b []byte) (events.Announcement, error) {
	r, err := request.Parse(b)
	rule, declared := e.o.Log.Rules().Rule(r.Type)
	switch {
	case err != nil:
		return events.Announcement{}, err
	case r.Type == events.Echo:
		if broadcast, err := r.Flag("broadcast"); err != nil || !broadcast {
			return events.Announcement{}, fault.Invalid("broadcast", "can only be true here: there is no socket to answer alone")
		}
		return r.Echo()
	case declared:
		return r.Own(rule)
	}
	return events.Announcement{}, request.Refuse(r.Type, false)
}

// readBody reads a body of at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.New(fault.TooLarge, "the body is larger than "+strconv.Itoa(limit)+" bytes")
	case err != nil:
		return nil, fault.New(fault.InvalidJSON, "the body could not be read")
	}
	return b, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(streamTimeout)) // who does not read holds nothing for long
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // events stand there as they were sent
	_ = enc.Encode(v)
}
