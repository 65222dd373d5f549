package api

import (
	_ "embed"
	"net/http"
	"strings"
	"time"
)

// The pages that people see who follow a link of a mail. A deployment that has
// its own links to them in the mails' templates.
var (
	//go:embed pages/activated.html
	activatedPage []byte
	//go:embed pages/refused.html
	refusedPage []byte
	//go:embed pages/reset.html
	resetPage []byte
)

// wantsPage reports whether a browser asks, and not a program.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func writePage(w http.ResponseWriter, status int, page []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(streamTimeout))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the address holds a key
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(page)
}
