package wsconn

import "encoding/binary"

// Opcodes of RFC 6455, section 5.2.
const (
	opText  = 0x1
	opBin   = 0x2
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	finBit  = 0x80
	maskBit = 0x80
	rsvBits = 0x70

	// maxControlPayload is the most that a control frame may carry.
	maxControlPayload = 125
)

// TextFrame returns a complete, final, unmasked text frame that carries
// payload, ready to be written to any number of sockets.
func TextFrame(payload []byte) []byte { return frame(opText, payload) }

// BinaryFrame is TextFrame for bytes that are no text.
func BinaryFrame(payload []byte) []byte { return frame(opBin, payload) }

// frame returns a complete server frame.
func frame(opcode byte, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+10)
	b = append(b, finBit|opcode)
	switch n := len(payload); {
	case n <= 125:
		b = append(b, byte(n))
	case n <= 0xFFFF:
		b = append(b, 126)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, 127)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, payload...)
}

// closeFrame returns a close frame. A reason that does not fit is left out
// rather than cut: half an id is none.
func closeFrame(code int, reason string) []byte {
	if len(reason) > maxControlPayload-2 {
		reason = ""
	}
	p := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(reason)), uint16(code))
	return frame(opClose, append(p, reason...))
}

// header is what the first bytes of a client's frame say.
type header struct {
	b0, b1  byte
	size    int   // of the header itself, the mask included
	payload int64 // bytes that follow it
}

func (h header) opcode() byte    { return h.b0 & 0x0f }
func (h header) isControl() bool { return h.b0&0x08 != 0 }

// parseHeader reads a frame's header; false where b does not hold all of it.
func parseHeader(b []byte) (h header, ok bool) {
	if len(b) < 2 {
		return header{}, false
	}
	h = header{b0: b[0], b1: b[1], size: 2, payload: int64(b[1] &^ maskBit)}
	switch h.payload {
	case 126:
		h.size = 4
	case 127:
		h.size = 10
	}
	if len(b) < h.size {
		return header{}, false
	}
	switch h.size {
	case 4:
		h.payload = int64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		// The reader that the frame is handed to refuses any such length;
		// here it only must not overflow.
		h.payload = int64(min(binary.BigEndian.Uint64(b[2:]), 1<<62))
	}
	if h.b1&maskBit != 0 {
		h.size += 4
	}
	return h, len(b) >= h.size
}

// unmask removes the client's mask from b in place.
func unmask(key [4]byte, b []byte) {
	for i := range b {
		b[i] ^= key[i&3]
	}
}
