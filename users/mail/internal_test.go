package mail

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for hours, want := range map[float64]string{
		24: "24 hours", 1: "60 minutes", 0.5: "30 minutes", 1.5: "90 minutes", 2: "2 hours", 48: "48 hours", 72: "3 days",
		100: "100 hours", 8760: "365 days", 50.25: "50 hours", 1. / 60: "1 minute", 10. / 60: "10 minutes", 10.5 / 60: "10 minutes",
		0.001: "4 seconds", 0: "", -1: "",
	} {
		if got := words(hours); got != want {
			t.Errorf("%g hours: %q, want %q", hours, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	d := document{User: "Typed@Elsewhere.example"}
	m := Message{To: "a@b.example", Link: "https://x/?key=k3y", Key: "k3y"}
	for text, want := range map[string]string{
		"550 <A@B.example> unknown":              "550 <…> unknown",
		"550 a is unknown, as an address":        "550 … is unknown, as an address",
		"typed@elsewhere.example typed it":       "… … it",
		"someone.else@c.example, ü@ö.example":    "…, …",
		"at https://x/?key=k3y with k3y":         "at … with …",
		"550-one\r\n550 two":                     "550-one 550 two",
		"dial tcp 127.0.0.1:25: refused":         "dial tcp 127.0.0.1:25: refused",
		"SRS0=hash=tt=b.example=a@relay.example": "…",
	} {
		if got := redact(errors.New(text), secrets(d, m)...); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := redact(errors.New(strings.Repeat("ü", 1<<20))); len(got) > maxError+len("…") {
		t.Errorf("%d bytes", len(got))
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for attempts, about := range map[int]time.Duration{
		0: 10 * time.Second, 1: 20 * time.Second, 3: 80 * time.Second, 7: 1280 * time.Second,
		8: 30 * time.Minute, 9: 30 * time.Minute, 1 << 30: 30 * time.Minute, -1: 10 * time.Second,
	} {
		seen := make(map[time.Duration]bool)
		for range 100 {
			d := delay(attempts, 10*time.Second, 30*time.Minute)
			if d < about*3/4 || d > about*5/4 || d > 30*time.Minute {
				t.Errorf("after %d: %s, want about %s", attempts, d, about)
			}
			seen[d] = true
		}
		if len(seen) < 10 {
			t.Errorf("after %d: no jitter", attempts)
		}
	}
}

func TestOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outage{every: time.Minute}
		failed := func(want bool) {
			t.Helper()
			if got := o.failed(time.Now()); got != want {
				t.Errorf("failed: %t", got)
			}
		}
		ended := func(after time.Duration, want bool) {
			t.Helper()
			if d, got := o.ended(time.Now()); got != want || d != after {
				t.Errorf("ended: %s, %t", d, got)
			}
		}
		ended(0, false)
		failed(true)
		failed(false)
		<-time.After(59 * time.Second)
		failed(false)
		<-time.After(time.Second)
		failed(true)
		ended(time.Minute, true)
		ended(0, false)
		// By turns: neither the failure nor its end is told.
		failed(false)
		<-time.After(time.Second)
		ended(time.Second, false)
		<-time.After(time.Minute)
		failed(true)
		o.once = true
		<-time.After(time.Hour)
		failed(false)
		ended(time.Hour, true)
	})
}
