package engine

import (
	"net/http"
	"strconv"
	"time"
)

// The codes of errors of HTTP, as the protocol's clients know them.
const (
	errTransport = iota
	errSession
	errMethod
	errRequest
	_
	errVersion
)

var messages = map[int]string{
	errTransport: "Transport unknown",
	errSession:   "Session ID unknown",
	errMethod:    "Bad handshake method",
	errRequest:   "Bad request",
	errVersion:   "Unsupported protocol version",
}

func refuse(w http.ResponseWriter, code int) {
	answer(w, http.StatusBadRequest, "application/json; charset=utf-8", mustJSON(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, messages[code]}))
}

// requestTimeout is how long a client may take to send what it posts, and to take
// an answer.
const requestTimeout = 30 * time.Second

const plain = "text/plain; charset=utf-8"

// answer answers a request. It reports whether the answer went out, as far as
// can be known here.
func answer(w http.ResponseWriter, status int, kind string, body []byte) bool {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(requestTimeout))
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return false
	}
	return flush(w) == nil
}

// flush has what was written go out now: a small answer would otherwise be
// written when its handler has returned, and nobody would learn that it was not.
// What is around a writer may flush it without saying how that went, so the
// innermost that says is asked.
func flush(w http.ResponseWriter) error {
	for {
		switch inner := w.(type) {
		case interface{ FlushError() error }:
			return inner.FlushError()
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return nil
		}
	}
}

func unavailable(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", "5")
	answer(w, http.StatusServiceUnavailable, "application/json; charset=utf-8", mustJSON(map[string]any{"code": errRequest, "message": err.Error()}))
}
