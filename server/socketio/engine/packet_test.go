package engine

import (
	"bytes"
	"testing"
)

// What a client can send is read or refused, and a message is the same in both
// transports.
func FuzzPacket(f *testing.F) {
	for _, seed := range []string{"4hello", "2probe", "bAQID", "b", "b!", "", "1", "4\x1e4", "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := readPacket(text)
		if err != nil {
			return
		}
		if p.kind != packetMessage {
			return
		}
		m := NewMessage(p.data)
		if p.binary {
			m = NewBinary(p.data)
		}
		again, err := readPacket(m.polling())
		if err != nil || again.binary != p.binary || !bytes.Equal(again.data, p.data) {
			t.Fatalf("%q: %+v, then %q: %+v, %v", text, p, m.polling(), again, err)
		}
		if m.webSocket().Len() < len(p.data) {
			t.Fatalf("%q: %s", text, m.webSocket())
		}
	})
}

func TestMessageOfBoth(t *testing.T) {
	t.Parallel()
	m := NewMessage([]byte("ab"), []byte{1, 2, 3}, nil)
	if got := string(m.polling()); got != "4ab\x1ebAQID\x1eb" {
		t.Errorf("%q", got)
	}
	if got := m.webSocket().String(); got != "\x81\x034ab\x82\x03\x01\x02\x03\x82\x00" {
		t.Errorf("%q", got)
	}
}
