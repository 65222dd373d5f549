package engine

import (
	"encoding/base64"
	"errors"
	"sync"
	"unicode/utf8"

	"gatehouse/server/wsconn"
)

// The types of packets, as they stand at the beginning of each.
const (
	packetOpen    = '0'
	packetClose   = '1'
	packetPing    = '2'
	packetPong    = '3'
	packetMessage = '4'
	packetUpgrade = '5'
	packetNoop    = '6'

	// binaryPrefix stands before the Base64 of a binary message in a poll.
	binaryPrefix = 'b'
)

// separator stands between the packets of one poll.
const separator = '\x1e'

// Message is what is sent to a session: a text, and binary data that follow it.
// It is encoded once for each transport, whatever the number of sessions that it
// is sent to.
type Message struct {
	packet []byte // the text with its type before it
	data   [][]byte

	frames sync.Once
	batch  *wsconn.Batch
	polls  sync.Once
	poll   []byte
}

// NewMessage makes a message of a text, and of binary data that follow it. It
// keeps the data, which must not be changed.
func NewMessage(text []byte, data ...[]byte) *Message {
	return &Message{packet: append([]byte{packetMessage}, text...), data: data}
}

// NewBinary makes a message of binary data alone.
func NewBinary(data []byte) *Message { return &Message{data: [][]byte{data}} }

func control(packet string) *Message { return &Message{packet: []byte(packet)} }

// webSocket is the message as frames: binary data are frames of their own.
func (m *Message) webSocket() *wsconn.Batch {
	m.frames.Do(func() {
		if m.packet != nil && len(m.data) == 0 {
			m.batch = wsconn.NewBatch(wsconn.TextFrame(m.packet), "")
			return
		}
		m.batch = wsconn.MakeBatch(m.room(), 1+len(m.data))
		m.appendTo(m.batch)
	})
	return m.batch
}

func (m *Message) appendTo(b *wsconn.Batch) {
	if m.packet != nil {
		b.Append(wsconn.TextFrame(m.packet), "")
	}
	for _, d := range m.data {
		b.Append(wsconn.BinaryFrame(d), "")
	}
}

// maxHeader is the most that stands before the payload of a frame.
const maxHeader = 10

// room is how many bytes the frames take at most.
func (m *Message) room() int {
	n := len(m.packet) + maxHeader
	for _, d := range m.data {
		n += len(d) + maxHeader
	}
	return n
}

// joined is all of these in one batch. A bound of what waits for a WebSocket
// never refuses a batch that waits alone: what a poll was allowed to leave is not
// too much for the WebSocket that takes over.
func joined(all []*Message) *wsconn.Batch {
	if len(all) == 1 {
		return all[0].webSocket()
	}
	bytes, frames := 0, 0
	for _, m := range all {
		bytes += m.room()
		frames += 1 + len(m.data)
	}
	b := wsconn.MakeBatch(bytes, frames)
	for _, m := range all {
		m.appendTo(b)
	}
	return b
}

// polling is the message as the packets of a poll.
func (m *Message) polling() []byte {
	m.polls.Do(func() {
		m.poll = m.packet
		for _, d := range m.data {
			if m.poll != nil {
				m.poll = append(m.poll[:len(m.poll):len(m.poll)], separator)
			}
			m.poll = append(m.poll, binaryPrefix)
			m.poll = base64.StdEncoding.AppendEncode(m.poll, d)
		}
	})
	return m.poll
}

// overhead is about what a message takes beside its bytes. It is counted too:
// small ones are many.
const overhead = 128

// cost is about how many bytes it takes where it waits.
func (m *Message) cost() int { return m.size() + overhead }

// packets is how many packets it is in a poll.
func (m *Message) packets() int {
	if m.packet == nil {
		return len(m.data)
	}
	return 1 + len(m.data)
}

// size is about how many bytes it is in a poll.
func (m *Message) size() int {
	n := len(m.packet)
	for _, d := range m.data {
		n += len(d) + len(d)/3
	}
	return n
}

var errPacket = errors.New("this is no packet of Engine.IO")

// packet is what a client sent.
type packet struct {
	kind   byte // as the constants, binaryPrefix for binary data
	data   []byte
	binary bool
}

// readPacket reads one packet of a poll or of a text frame.
func readPacket(p []byte) (packet, error) {
	switch {
	case len(p) == 0:
		return packet{}, errPacket
	case p[0] == binaryPrefix:
		data := make([]byte, base64.StdEncoding.DecodedLen(len(p)-1))
		n, err := base64.StdEncoding.Decode(data, p[1:])
		if err != nil {
			return packet{}, errPacket
		}
		return packet{kind: packetMessage, data: data[:n], binary: true}, nil
	case p[0] < packetOpen || p[0] > packetNoop || !utf8.Valid(p):
		return packet{}, errPacket
	}
	return packet{kind: p[0], data: p[1:]}, nil
}
