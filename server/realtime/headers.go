package realtime

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/mr-tron/base58"

	"gatehouse/server/fault"
	"gatehouse/users/resources"
)

// Headers are what a client says beside the request itself: in real headers, and
// in those that it packed into a subprotocol, since a browser lets no page set
// others for a socket. They can carry a token and are never logged.
type Headers struct {
	real   http.Header
	packed map[string]string

	// Protocol is the subprotocol that the others came in, to be sent back as
	// it is: browsers give a socket up that does not select what they offered.
	Protocol string
}

// maxProtocol is how long a subprotocol may be. To decode one takes a time that
// grows with the square of its length.
const maxProtocol = 4 << 10

// RealHeaders are those of a request that needs no subprotocol.
func RealHeaders(r *http.Request) Headers { return Headers{real: r.Header} }

var errProtocol = fault.New(fault.InvalidHandshake, "the subprotocol is not base58 of key:value lines")

// ReadHeaders reads those of a handshake: of the subprotocols that are offered,
// the first that can be decoded. Where there are some, and none of them can, it
// is an error.
func ReadHeaders(r *http.Request) (Headers, error) {
	h := Headers{real: r.Header}
	offered := 0
	for _, list := range r.Header.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(list, ",") {
			p = strings.TrimSpace(p)
			if p == "" {
				continue
			}
			offered++
			if packed, err := unpack(p); err == nil {
				h.packed, h.Protocol = packed, p
				return h, nil
			}
		}
	}
	if offered > 0 {
		return h, errProtocol
	}
	return h, nil
}

var errUnpackable = errors.New("not base58 of key:value lines")

// unpack decodes a subprotocol: base58, in Bitcoin's alphabet, of key:value
// lines. A space separates them too, where x-m2- follows; elsewhere it belongs to
// the value.
func unpack(protocol string) (map[string]string, error) {
	if len(protocol) > maxProtocol {
		return nil, errUnpackable
	}
	b, err := base58.Decode(protocol)
	if err != nil || !utf8.Valid(b) {
		return nil, errUnpackable
	}
	headers := map[string]string{}
	for line := range strings.SplitSeq(string(b), "\n") {
		for _, part := range split(line) {
			key, value, ok := strings.Cut(part, ":")
			key = strings.ToLower(strings.TrimSpace(key))
			value = strings.TrimSpace(value)
			if !ok || key == "" || strings.ContainsFunc(key+value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, errUnpackable
			}
			if _, twice := headers[key]; !twice { // as of real headers the first counts
				headers[key] = value
			}
		}
	}
	if len(headers) == 0 {
		return nil, errUnpackable
	}
	return headers, nil
}

// split cuts a line before each x-m2- that stands behind a space. A line of
// nothing has no parts.
func split(line string) (parts []string) {
	const separator = " x-m2-"
	line = strings.TrimSpace(line)
	if line == "" {
		return nil
	}
	for {
		i := strings.Index(lower(line), separator)
		if i < 0 {
			return append(parts, line)
		}
		parts = append(parts, line[:i])
		line = line[i+1:]
	}
}

// lower is of the same length as s, unlike what [strings.ToLower] makes.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}

// First is the first of these headers, their names in lower case, that says
// something: of the real ones, or else of the packed ones.
func (h Headers) First(names ...string) (name, value string) {
	for _, name := range names {
		if v := strings.TrimSpace(h.real.Get(name)); v != "" {
			return name, v
		}
	}
	for _, name := range names {
		if v := h.packed[name]; v != "" {
			return name, v
		}
	}
	return "", ""
}

// Place is where the client says that it is.
func (h Headers) Place() (resources.Place, error) {
	at := resources.Place{}
	for _, s := range resources.Scopes {
		name, value := h.First(s.Header(), s.Header()+"-id")
		if value == "" {
			continue
		}
		if err := resources.CheckName(name, value, resources.MaxPlace); err != nil {
			return nil, fault.New(fault.InvalidParameter, "the header "+err.Error())
		}
		at[s] = value
	}
	if at[resources.Organization] == "" {
		return nil, fault.New(fault.InvalidParameter, "the header "+resources.Organization.Header()+" is missing")
	}
	return at, nil
}
