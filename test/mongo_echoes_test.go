package test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// outcome is what the sender of an echo was told.
type outcome int

const (
	echoSent    outcome = iota // and nothing heard of it yet
	echoTaken                  // its event came
	echoRefused                // STORE_UNAVAILABLE, and so it never comes
	echoInDoubt                // STORE_UNAVAILABLE with inDoubt: it may come, once
)

// echoesTogether is how many echoes a writer sends at once.
const echoesTogether = 3

// echoWriter is a socket that sends numbered echoes, a few at a time, and waits for what becomes of each.
type echoWriter struct {
	t      *testing.T
	c      *client
	writer int

	mu       sync.Mutex
	outcomes []outcome
	slowest  time.Duration // that the first STORE_UNAVAILABLE of those sent together took
}

// sendSome sends a few echoes, and reports whether the socket can go on when it knows what became of them.
func (e *echoWriter) sendSome() bool {
	e.mu.Lock()
	first := len(e.outcomes)
	e.outcomes = append(e.outcomes, make([]outcome, echoesTogether)...)
	e.mu.Unlock()
	begun := time.Now()
	for n := first; n < first+echoesTogether; n++ {
		e.c.send(fmt.Sprintf(`{"eventType":10,"message":{"writer":%d,"n":%d},"requestId":"%d/%d"}`, e.writer, n, e.writer, n))
	}
	for answers := 0; answers < echoesTogether; {
		// An outage may take as long as a test waits for anything, and what comes after it as well.
		event, ok := e.c.inbox.take(2 * patience)
		if !ok || event.Event != "message" {
			e.t.Errorf("the socket of echo writer %d: want an answer to echo %d, got: %s", e.writer, first, describe(event))
			return false
		}
		var f frame
		if err := json.Unmarshal([]byte(event.Data), &f); err != nil {
			e.t.Errorf("no frame: %s", event.Data)
			return false
		}
		var writer, n int
		if _, err := fmt.Sscanf(string(f.RequestID), `"%d/%d"`, &writer, &n); err != nil {
			if f.Code == "HISTORY_LOST" { // which may be; witnesses look at it
				continue
			}
			e.t.Errorf("a frame that answers nothing: %s", event.Data)
			return false
		}
		if writer != e.writer || n < first {
			continue // of another writer, or one that was in doubt
		}
		if e.note(f, n, answers == 0, time.Since(begun)) {
			answers++
		}
	}
	return true
}

// note reports whether this is the first that was heard of the echo. First says that it is the first answer to those
// that were sent together.
func (e *echoWriter) note(f frame, n int, first bool, after time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was, is := e.outcomes[n], echoTaken
	switch {
	case f.EventType == 10:
	case f.Code != "STORE_UNAVAILABLE":
		e.t.Errorf("echo %d of writer %d: want an echo or STORE_UNAVAILABLE, got %+v", n, e.writer, f)
	case f.InDoubt:
		is = echoInDoubt
	default:
		is = echoRefused
	}
	if is != echoTaken && first {
		e.slowest = max(e.slowest, after)
	}
	if was == echoSent {
		e.outcomes[n] = is
	} else if was == echoTaken && is == echoRefused {
		e.t.Errorf("echo %d of writer %d has come, and its sender is told that it does not", n, e.writer)
	}
	return was == echoSent
}

// count is how many echoes had one of these outcomes.
func (e *echoWriter) count(which ...outcome) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, is := range e.outcomes {
		for _, o := range which {
			if is == o {
				n++
			}
		}
	}
	return n
}
