package engine

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"gatehouse/server/wsconn"
)

// rest is for how long a poll waits while a WebSocket is about to take over: the
// client does not go on before the poll is answered. A goodbye waits as long for
// a poll that was sent with it.
const rest = 50 * time.Millisecond

// get answers a poll with what waits for the client, or with what comes next.
func (s *Session) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	switch {
	case s.closed, s.conn != nil:
		s.mu.Unlock()
		refuse(w, errRequest)
		return
	case s.poll != nil:
		s.mu.Unlock()
		s.end(ReasonError, wsconn.CloseProtocolError, "two polls at once")
		refuse(w, errRequest)
		return
	case s.awaiting && s.server.now() >= s.due: // the timer is about to say so
		s.mu.Unlock()
		s.timeout()
		refuse(w, errRequest)
		return
	case len(s.queue) > 0:
		payload := s.take()
		s.mu.Unlock()
		s.answerPoll(w, r, payload)
		return
	}
	poll := make(chan []byte, 1)
	s.poll = poll
	var rested <-chan time.Time
	if s.probe != nil {
		rested = time.After(rest)
	}
	if s.leaving != nil {
		close(s.leaving)
		s.leaving = nil
	}
	s.mu.Unlock()
	select {
	case payload := <-poll:
		s.answerPoll(w, r, payload)
	case <-rested:
		s.release()
		s.answerPoll(w, r, <-poll)
	case <-r.Context().Done():
		s.end(ReasonClient, wsconn.CloseProtocolError, "the poll was given up")
	}
}

// answerPoll sends what was taken for a poll. Where it cannot, what was taken is
// lost, and so is the session.
func (s *Session) answerPoll(w http.ResponseWriter, r *http.Request, payload []byte) {
	if r.Context().Err() != nil || !answer(w, http.StatusOK, plain, payload) {
		s.end(ReasonClient, wsconn.CloseProtocolError, "a poll could not be answered")
	}
}

// maxPackets is how many packets an answer to a poll has, but for those of one
// message: python-engineio gives up on an answer of more.
const maxPackets = 16

// take joins what waits, up to about what a client may send itself. The caller
// holds mu.
func (s *Session) take() []byte {
	var payload []byte
	n, packets := 0, 0
	for ; n < len(s.queue); n++ {
		m := s.queue[n]
		packets += m.packets()
		if n > 0 && (packets > maxPackets || len(payload)+m.size() > s.server.o.MaxPayload) {
			break
		}
		if n > 0 {
			payload = append(payload, separator)
		}
		payload = append(payload, m.polling()...)
		s.queued -= m.cost()
	}
	clear(s.queue[:n]) // not to be kept by what is left
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	return payload
}

// release answers the poll that waits, if any, with a packet that means nothing.
func (s *Session) release() {
	s.mu.Lock()
	poll := s.poll
	s.poll = nil
	s.mu.Unlock()
	if poll != nil {
		poll <- noop
	}
}

// post takes the packets that a client sends by polling.
func (s *Session) post(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	switch {
	case s.closed, s.conn != nil:
		s.mu.Unlock()
		refuse(w, errRequest)
		return
	case s.posting:
		s.mu.Unlock()
		s.end(ReasonError, wsconn.CloseProtocolError, "two posts at once")
		refuse(w, errRequest)
		return
	}
	s.posting = true
	s.mu.Unlock()
	status := s.receiveAll(w, r)
	s.mu.Lock()
	s.posting = false // before the answer: the next one may follow it at once
	s.mu.Unlock()
	switch status {
	case http.StatusOK:
		answer(w, status, plain, []byte("ok"))
	case http.StatusRequestEntityTooLarge:
		answer(w, status, plain, []byte("payload too large"))
	default:
		refuse(w, errRequest)
	}
}

// receiveAll does what the packets of one payload say, one after the other, and
// keeps none of them: they may be many.
func (s *Session) receiveAll(w http.ResponseWriter, r *http.Request) (status int) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(requestTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.server.o.MaxPayload)))
	_ = c.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.end(ReasonError, wsconn.CloseTooBig, "")
		return http.StatusRequestEntityTooLarge
	case err != nil:
		s.end(ReasonClient, wsconn.CloseProtocolError, "a post was given up")
		return http.StatusBadRequest
	}
	for text := range bytes.SplitSeq(body, []byte{separator}) {
		p, err := readPacket(text)
		if err != nil {
			s.end(ReasonError, wsconn.CloseProtocolError, err.Error())
		}
		if err != nil || s.over() { // it may have ended for another reason meanwhile
			return http.StatusBadRequest
		}
		if p.kind == packetClose { // nothing counts behind it
			s.awaitPoll()
			s.receive(p)
			return http.StatusOK
		}
		if !s.receive(p) {
			return http.StatusBadRequest
		}
	}
	return http.StatusOK
}

// awaitPoll lets a poll come that a client has sent before its goodbye, on
// another connection: it is answered as it would have been in time.
func (s *Session) awaitPoll() {
	s.mu.Lock()
	if s.closed || s.poll != nil {
		s.mu.Unlock()
		return
	}
	leaving := make(chan struct{})
	s.leaving = leaving
	s.mu.Unlock()
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-leaving:
	case <-t.C:
	}
}
