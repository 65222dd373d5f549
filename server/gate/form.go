package gate

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxOrigin is the length, in bytes, of the longest Origin that is matched.
// The longest host that DNS knows has 253.
const MaxOrigin = 2048

// Form is one way of writing an Origin in which it is tried.
type Form int

// The forms, in the order in which a pattern is tried on them.
const (
	// NoForm is the form of a verdict in which nothing matched.
	NoForm Form = iota
	// AsSent is the header, byte for byte: https://example.com, trusted-host.
	AsSent
	// HostPort is the host in lower case and the port, which is the default
	// one of the scheme (http, ws: 80; https, wss: 443) where none was sent:
	// example.com:443, [::1]:8080. Of other schemes it exists only if a port
	// was sent.
	HostPort
	// Host is the host in lower case, an IPv6 address without its brackets:
	// example.com, ::1.
	Host
)

// String names the form as it is spoken of in messages.
func (f Form) String() string {
	switch f {
	case AsSent:
		return "as sent"
	case HostPort:
		return "host and port"
	case Host:
		return "host"
	}
	return "no form"
}

// FormText is an Origin written in one form.
type FormText struct {
	Form Form
	Text string
}

// Forms lists the forms in which an Origin is tried, in that order: three for
// scheme://host[:port] (two if the port is unknown), one for any other header
// (null, trusted-host, example.com:8443), none for a header that is never
// approved: empty, longer than [MaxOrigin], not UTF-8, or with control
// characters.
func Forms(origin string) []FormText {
	if origin == "" || malformed(origin) {
		return nil
	}
	forms := []FormText{{AsSent, origin}}
	u, ok := parse(origin)
	if !ok {
		return forms
	}
	if u.port != "" {
		forms = append(forms, FormText{HostPort, u.hostPort()})
	}
	return append(forms, FormText{Host, u.name()})
}

// malformed reports whether a header is not to be matched in any form. HTTP
// servers pass few of these on; a pattern should not have to reckon with them.
func malformed(origin string) bool {
	if len(origin) > MaxOrigin || !utf8.ValidString(origin) {
		return true
	}
	for i := range len(origin) {
		if origin[i] < ' ' || origin[i] == 0x7f {
			return true
		}
	}
	return false
}

// parts is an Origin that is scheme://host[:port] to the letter.
type parts struct {
	scheme string // in lower case
	host   string // in lower case; an IPv6 address has its brackets
	port   string // "" if unknown

	rest string // host and port as far as sent, in lower case
}

// hostPort costs an allocation only where the port was not sent.
func (u parts) hostPort() string {
	if len(u.rest) > len(u.host) {
		return u.rest
	}
	return u.host + ":" + u.port
}

func (u parts) name() string {
	return strings.TrimSuffix(strings.TrimPrefix(u.host, "["), "]")
}

// defaultPort is the port that a browser leaves out; "" if there is none.
func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}

// parse takes an Origin apart, or reports that it is not one. It is stricter
// than net/url on purpose: a user name, a path, an escape, a space, an empty
// port or a second one would each allow a header to show one host to the gate
// and another to its reader.
func parse(origin string) (parts, bool) {
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || !isScheme(scheme) {
		return parts{}, false
	}
	host, port := rest, ""
	// The colon of a port is the last one, and comes after an IPv6 address.
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], rest[i+1:]
		if !isPort(port) {
			return parts{}, false
		}
	}
	if !isName(host) && !isIPv6(host) {
		return parts{}, false
	}
	rest = strings.ToLower(rest)
	u := parts{scheme: strings.ToLower(scheme), host: rest[:len(host)], port: port, rest: rest}
	if port == "" {
		u.port = defaultPort(u.scheme)
	}
	return u, true
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// isPort accepts 1 to 65535, written as a browser writes them.
func isPort(s string) bool {
	if s == "" || len(s) > 5 || s[0] == '0' {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	n, err := strconv.Atoi(s)
	return err == nil && n <= 65535
}

// isName accepts a DNS name or an IPv4 address: labels of letters, digits and
// "-_~", none empty, with one trailing dot at most. Names in other scripts
// arrive as punycode from every browser.
func isName(s string) bool {
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' && c != '~' {
				return false
			}
		}
	}
	return true
}

func isIPv6(s string) bool {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return false
	}
	a, err := netip.ParseAddr(s[1 : len(s)-1])
	return err == nil && a.Is6() && a.Zone() == ""
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
