package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// The types of packets.
const (
	typeConnect = iota
	typeDisconnect
	typeEvent
	typeAck
	typeConnectError
	typeBinaryEvent
	typeBinaryAck
)

// packet is one packet as it was read, or is to be written.
type packet struct {
	kind        int
	namespace   string // "/" where none is named
	id          int64  // of an event that wants an answer, and of that answer; -1: none
	attachments int    // how many binary frames follow
	data        json.RawMessage
}

var errPacket = errors.New("this is no packet of Socket.IO")

// maxID bounds the ids that clients choose: they fit into a number of
// JavaScript.
const maxID = 1<<53 - 1

// parse reads the text of a packet. The data are a copy.
func parse(text []byte) (packet, error) {
	if len(text) == 0 || text[0] < '0' || text[0] > '6' {
		return packet{}, errPacket
	}
	p := packet{kind: int(text[0] - '0'), namespace: "/", id: -1}
	rest := text[1:]
	if p.kind == typeBinaryEvent || p.kind == typeBinaryAck {
		digits, after, ok := bytes.Cut(rest, []byte("-"))
		n, err := strconv.ParseUint(string(digits), 10, 16)
		if !ok || err != nil || n == 0 {
			return packet{}, errPacket
		}
		p.attachments, rest = int(n), after
	}
	if len(rest) > 0 && rest[0] == '/' {
		name, after, _ := bytes.Cut(rest, []byte(","))
		if path, _, query := bytes.Cut(name, []byte("?")); query { // older clients put one there
			name = path
		}
		p.namespace, rest = string(name), after
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits > 0 {
		n, err := strconv.ParseInt(string(rest[:digits]), 10, 64)
		if err != nil || n > maxID {
			return packet{}, errPacket
		}
		p.id, rest = n, rest[digits:]
	}
	if len(rest) > 0 {
		if !json.Valid(rest) {
			return packet{}, errPacket
		}
		p.data = bytes.Clone(bytes.TrimSpace(rest))
	}
	if !p.plausible() {
		return packet{}, errPacket
	}
	return p, nil
}

// plausible reports whether a packet of this type can carry these data.
func (p packet) plausible() bool {
	first := byte(0)
	if len(p.data) > 0 {
		first = p.data[0]
	}
	switch p.kind {
	case typeConnect:
		return first == 0 || first == '{'
	case typeDisconnect:
		return first == 0
	case typeConnectError:
		return first == '{' || first == '"'
	case typeAck, typeBinaryAck:
		return first == '[' && p.id >= 0
	}
	return first == '['
}

// text is the packet as it goes over the wire, without its attachments.
func (p packet) text() []byte {
	b := make([]byte, 0, len(p.namespace)+len(p.data)+24)
	b = append(b, byte('0'+p.kind))
	if p.attachments > 0 {
		b = strconv.AppendInt(b, int64(p.attachments), 10)
		b = append(b, '-')
	}
	if p.namespace != "/" {
		b = append(append(b, p.namespace...), ',')
	}
	if p.id >= 0 {
		b = strconv.AppendInt(b, p.id, 10)
	}
	return append(b, p.data...)
}

// reserved are names of events that the libraries make themselves: they cannot
// be sent.
var reserved = map[string]bool{
	"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true, "newListener": true, "removeListener": true,
}

// list splits the data of an answer.
func (p packet) list() (args []json.RawMessage, err error) {
	if json.Unmarshal(p.data, &args) != nil {
		return nil, errPacket
	}
	return args, nil
}

// event splits the data of an event into its name and its arguments.
func (p packet) event() (name string, args []json.RawMessage, err error) {
	var all []json.RawMessage
	if json.Unmarshal(p.data, &all) != nil || len(all) == 0 {
		return "", nil, errPacket
	}
	// A number is a name, too.
	if json.Unmarshal(all[0], &name) != nil {
		var n json.Number
		if json.Unmarshal(all[0], &n) != nil {
			return "", nil, errPacket
		}
		name = n.String()
	}
	if reserved[name] || bytes.Equal(all[0], []byte("null")) {
		return "", nil, errPacket
	}
	return name, all[1:], nil
}
