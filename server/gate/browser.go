package gate

import (
	"net/netip"
	"strconv"
	"strings"
)

// site is an origin that a browser may have. The linter speaks of nothing else,
// so that whatever it warns of can really happen.
type site struct {
	scheme string // http or https
	host   string
	port   string // "" is the scheme's default
}

// String writes the Origin as browsers do, without a default port.
func (s site) String() string {
	if s.port == "" || s.port == defaultPort(s.scheme) {
		return s.scheme + "://" + s.host
	}
	return s.scheme + "://" + s.host + ":" + s.port
}

// siteOf reads an Origin that a browser may send.
func siteOf(origin string) (site, bool) {
	u, ok := parse(origin)
	if !ok {
		return site{}, false
	}
	s := site{scheme: u.scheme, host: u.host, port: u.port}
	web := s.scheme == "http" || s.scheme == "https"
	return s, web && isBrowserHost(s.host) && s.String() == origin
}

// isBrowserHost accepts the hosts that survive a browser's URL parser as they
// are. One whose last label is a number must be an IPv4 address. A trailing
// dot is left out: browsers allow it, but nobody means it.
func isBrowserHost(host string) bool {
	if strings.HasPrefix(host, "[") {
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return err == nil && !a.Is4In6() && "["+a.String()+"]" == host
	}
	if len(host) > 253 || strings.HasSuffix(host, ".") {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > 63 {
			return false
		}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if _, err := strconv.ParseUint(last, 0, 64); err == nil || strings.Trim(last, "0123456789") == "" || last == "0x" {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Is4()
	}
	return true
}

// suggests returns the origins that somebody may have meant who wrote a pattern
// that matches this text: it is one, or the host or the end of the host of one.
// The likelier comes first.
func suggests(text string) []site {
	var sites []site
	add := func(origin string) {
		if s, ok := siteOf(origin); ok {
			sites = append(sites, s)
		}
	}
	switch {
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		if strings.HasSuffix(text, ":") {
			text += "8080"
		}
		add(text)
	case strings.HasPrefix(text, "ws://"), strings.HasPrefix(text, "wss://"):
		// Meant for the page, named by the socket that it opens.
		return suggests("http" + strings.TrimPrefix(text, "ws"))
	case strings.HasPrefix(text, "://"):
		add("https" + text)
		add("http" + text)
	case strings.HasPrefix(text, "."), strings.HasPrefix(text, "-"):
		sites = hostSites("www" + text)
	default:
		sites = hostSites(text)
	}
	return sites
}

// hostSites returns the origins of a host, with its port or without.
func hostSites(text string) []site {
	host, port, _ := strings.Cut(text, ":")
	if a, err := netip.ParseAddr(text); err == nil && a.Is6() {
		host, port = "["+text+"]", ""
	} else if end := strings.LastIndexByte(text, ']'); strings.HasPrefix(text, "[") && end > 0 {
		host, port = text[:end+1], strings.TrimPrefix(text[end+1:], ":")
	}
	if port == "" && strings.HasSuffix(text, ":") && !strings.HasPrefix(host, "[") {
		port = "8080" // localhost:
	}
	schemes := []string{"https", "http"}
	if port == "80" || !isPublic(host) {
		schemes = []string{"http", "https"}
	}
	var sites []site
	for _, scheme := range schemes {
		s := site{scheme: scheme, host: strings.ToLower(host), port: port}
		if s.port == "" {
			s.port = defaultPort(scheme)
		}
		if _, ok := siteOf(s.String()); ok {
			sites = append(sites, s)
		}
	}
	return sites
}

// isPublic guesses whether a host has a certificate, for the more natural of
// two examples.
func isPublic(host string) bool {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return false
	}
	return strings.Contains(host, ".")
}
