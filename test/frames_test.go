package test

import (
	"strconv"
	"strings"
	"testing"
)

// What happens below JSON: the frames themselves, good, odd and broken.

func TestTooLargeClosesTheSocket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c, other := connect(t, srv.ws), connect(t, srv.ws)

	// 65,536 bytes are allowed, the frame around the message included; one more is not.
	frame := echo(`""`)
	largest := echo(`"` + strings.Repeat("x", 65536-len(frame)) + `"`)
	c.ask(largest)
	other.next()
	c.send(strings.Replace(largest, "x", "xx", 1))
	if code, _, _ := c.closed(); code != 1009 {
		t.Errorf("close code %d, want 1009", code)
	}
	other.alive()
}

// A message in many small fragments is as large as their sum.
func TestTooLargeInFragmentsClosesTheSocket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	r := dialRaw(t, srv, "")

	fragment := func(opcode byte) []byte {
		f := frameOf(opcode, make([]byte, 1024))
		f[0] &^= 0x80 // not the last
		return f
	}
	r.write(fragment(opText))
	for range 64 {
		r.write(fragment(0)) // a continuation
	}
	if code, _, _ := r.closed(t); code != 1009 {
		t.Errorf("close code %d, want 1009", code)
	}
}

// A header that announces more than is allowed is refused before its payload is awaited or stored.
func TestHugeHeaderClosesTheSocket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	r := dialRaw(t, srv, "")

	r.write(append(headerOf(opText, 1<<40), 0, 0, 0, 0))
	if code, _, _ := r.closed(t); code != 1009 {
		t.Errorf("close code %d, want 1009", code)
	}
}

func TestBinaryFrames(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	c.sendBinary([]byte(echo(`"é"`)))
	if got := c.next(); got.EventType != 10 || string(got.Message) != `"é"` {
		t.Errorf("UTF-8 in a binary frame is taken as text, got %s", got.raw)
	}
	c.sendBinary([]byte("{\"eventType\":10,\"message\":\"\xff\"}"))
	if got := c.next(); got.EventType != 0 || got.Code != "INVALID_JSON" {
		t.Errorf("what is not UTF-8 is INVALID_JSON, got %s", got.raw)
	}
	c.alive()
}

func TestTextFrameMustBeUTF8(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	for _, wrong := range []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} {
		c := connect(t, srv.ws)
		c.send(`{"eventType":10,"message":"` + wrong + `"}`)
		if code, _, before := c.closed(); code != 1007 || len(before) != 0 {
			t.Errorf("%q: close code %d after %d frames, want 1007 at once", wrong, code, len(before))
		}
	}
}

func TestFragmentsAreOneMessage(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	r := dialRaw(t, srv, "")

	whole := []byte(echo(`"в частях"`))
	for i, b := range whole { // cut inside characters too
		f := frameOf(0, []byte{b})
		if i == 0 {
			f = frameOf(opText, []byte{b})
		}
		if i < len(whole)-1 {
			f[0] &^= 0x80 // not the last
		}
		r.write(f)
		if i == 5 {
			r.write(frameOf(opPing, []byte("inside"))) // control frames may come between
		}
	}
	opcode, payload, err := r.read()
	if err != nil || opcode != opPong || string(payload) != "inside" {
		t.Fatalf("want the pong first: opcode %#x, %q (%v)", opcode, payload, err)
	}
	if got := r.next(t); string(got.Message) != `"в частях"` {
		t.Errorf("got %s", got.raw)
	}
}

func TestPingIsAnswered(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	for _, payload := range []string{"", "ping", strings.Repeat("p", 125)} {
		c.do(nodeCommand{Do: "ping", Data: []byte(payload)})
		if got := c.event(); got.Event != "pong" || got.Data != payload {
			t.Errorf("ping %q: %s", payload, describe(got))
		}
	}
}

func TestCloseIsAnswered(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	c.do(nodeCommand{Do: "close", Code: 4999, Reason: "my own"})
	if code, _, _ := c.closed(); code != 4999 {
		t.Errorf("close code %d, want the client's own 4999", code)
	}
}

func TestBrokenFramesCloseTheSocket(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	payload := []byte(echo("1"))

	unmasked := append([]byte{0x80 | opText, byte(len(payload))}, payload...)
	reserved := frameOf(opText, payload)
	reserved[0] |= 0x40 // compressed, though no compression was agreed upon
	for name, broken := range map[string][]byte{
		"unmasked":                     unmasked,
		"a reserved bit":               reserved,
		"a reserved opcode":            frameOf(0x3, payload),
		"a continuation of nothing":    frameOf(0x0, payload),
		"a ping of 126 bytes":          frameOf(opPing, make([]byte, 126)),
		"a fragmented ping":            {opPing, 0x80, 1, 2, 3, 4},
		"a close of one byte":          frameOf(opClose, []byte{3}),
		"a close of a code never sent": frameOf(opClose, []byte{0x03, 0xED}), // 1005
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, srv, "")
			r.write(broken)
			if code, _, before := r.closed(t); code != 1002 || len(before) != 0 {
				t.Errorf("close code %d after %d frames, want 1002 at once", code, len(before))
			}
		})
	}
	connect(t, srv.ws).alive()
}

// Frames that never become whole hold nobody else up.
func TestHalfFramesHeldOpen(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	c := connect(t, srv.ws)

	whole := frameOf(opText, []byte(echo(`"`+strings.Repeat("x", 1000)+`"`)))
	for n := range 60 {
		held := dialRaw(t, srv, "")
		// Within the first byte of the header, the length, the mask, the payload, and before its last byte.
		held.write(whole[:[]int{1, 2, 3, 6, 500, len(whole) - 1}[n%6]])
	}
	for n := range 100 {
		if got := c.ask(echo(strconv.Itoa(n))); string(got.Message) != strconv.Itoa(n) {
			t.Fatalf("want number %d, got %s", n, got.raw)
		}
	}
}

// A value too deep to read is an error to its sender, and no more than that.
func TestDeepNestingIsNoCrash(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, settings{"websocket.maxMessageBytes": 1 << 20})
	c := connect(t, srv.ws)

	const deep = 100_000
	for name, value := range map[string]string{
		"lists":        strings.Repeat(`[`, deep) + strings.Repeat(`]`, deep),
		"objects":      strings.Repeat(`{"a":`, deep) + `1` + strings.Repeat(`}`, deep),
		"never closed": strings.Repeat(`[`, deep),
	} {
		if got := c.ask(echo(value)); got.EventType != 0 || got.Code != "INVALID_JSON" {
			t.Errorf("%s: want INVALID_JSON, got %.200s", name, got.raw)
		}
		if got := c.ask(value); got.EventType != 0 || got.Code != "INVALID_JSON" {
			t.Errorf("%s, the frame itself: want INVALID_JSON, got %.200s", name, got.raw)
		}
	}
	c.alive()
}
