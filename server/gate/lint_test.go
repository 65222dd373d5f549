package gate_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"gatehouse/server/gate"
)

type found struct {
	kind   gate.Kind
	origin string
	remedy string
}

func TestLint(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    []found
	}{
		// What is in order, or on purpose.
		{`^example\.com$`, nil},
		{`^.+\.example\.com$`, nil},
		{`^webinate\.net:80$`, nil},
		{`^localhost$`, nil},
		{`^127\.0\.0\.1$`, nil},
		{`^trusted-host$`, nil},
		{`^https://example\.com$`, nil},
		{`^https:\/\/example\.com$`, nil},
		{`^example\.com(:443)?$`, nil},
		{`^(a|b)\.example\.com$`, nil},
		{`(?i)^example\.com$`, nil},
		{`^a\.com$|^b\.com$`, nil},
		{`^(a\.com|b\.com)$`, nil},
		{`(^|\.)example\.com$`, nil},
		{`\.example\.com$`, nil},
		{`^(.+\.)?example\.com$`, nil},
		{`^https?://([^/]+\.)?example\.com(:\d+)?$`, nil},
		{`^(?:https?://)?(?:www\.)?example\.com(?::\d+)?$`, nil},
		{`^[a-z0-9-]+\.example\.com$`, nil},
		{`^.*preview\.example\.com$`, nil},
		{`^node.\.example\.com$`, nil},
		{`^localhost:`, nil},
		{`^localhost(:[0-9]+)?$`, nil},
		{`^::1$`, nil},
		{`^\[::1\]:8080$`, nil},
		{`^chrome-extension://abcdef$`, nil},
		{`^html-app://example$`, nil},
		{`^file://$`, nil},
		{`^\Qwww.example.com\E$`, nil},
		{`^www[.]example[.]com$`, nil},
		{`127\.0\.0\.1$`, nil}, // no longer host ends like this

		// Anchors.
		{`localhost`, []found{{gate.Unanchored, "http://localhost.evil.example", `^localhost$`}}},
		{`(?i)localhost`, []found{{gate.Unanchored, "http://localhost.evil.example", `(?i)^localhost$`}}},
		{`::1`, []found{{gate.Unanchored, "http://[::1:bad]", `^::1$`}}},
		{`^example\.org`, []found{{gate.UnanchoredEnd, "https://example.org.evil.example", `^example\.org$`}}},
		{`^.+\.example\.org`, []found{{gate.UnanchoredEnd, "https://a.example.org.evil.example", `^.+\.example\.org$`}}},
		{`^https://example\.com`, []found{{gate.UnanchoredEnd, "https://example.com.evil.example", `^https://example\.com$`}}},
		{`://localhost`, []found{{gate.UnanchoredEnd, "https://localhost.evil.example", `://localhost$`}}},
		{`\.example\.com`, []found{{gate.UnanchoredEnd, "https://www.example.com.evil.example", `\.example\.com$`}}},
		{`^localhost:80`, []found{{gate.UnanchoredEnd, "http://localhost:8080", `^localhost:80$`}}},
		{`^127\.0\.0\.1`, []found{{gate.UnanchoredEnd, "http://127.0.0.1.evil.example", `^127\.0\.0\.1$`}}},
		{`^[b-d]\.example\.com`, []found{{gate.UnanchoredEnd, "https://b.example.com.evil.example", `^[b-d]\.example\.com$`}}},
		{`^a{3}\.example\.com`, []found{{gate.UnanchoredEnd, "https://aaa.example.com.evil.example", `^a{3}\.example\.com$`}}},
		{`example\.com$`, []found{{gate.UnanchoredStart, "https://evilexample.com", `^example\.com$`}}},
		{`\bexample\.com$`, []found{{gate.UnanchoredStart, "https://evil-example.com", `^\bexample\.com$`}}},
		{`7\.0\.0\.1$`, []found{{gate.UnanchoredStart, "http://17.0.0.1", `^7\.0\.0\.1$`}}},
		{`^a\.com|b\.com$`, []found{{gate.Alternation, "https://a.com.evil.example", `^(a\.com|b\.com)$`}}},
		{`^a\.com$|b\.com$`, []found{{gate.Alternation, "https://evilb.com", `^(a\.com|b\.com)$`}}},
		{`a\.com|b\.com`, []found{{gate.Unanchored, "https://a.com.evil.example", `^(a\.com|b\.com)$`}}},

		// Dots.
		{`^www.example.com$`, []found{{gate.UnescapedDot, "https://wwwxexample.com", `^www\.example\.com$`}}},
		{`^node.example\.com$`, []found{{gate.UnescapedDot, "https://nodexexample.com", `^node\.example\.com$`}}},
		{`^127.0.0.1$`, []found{{gate.UnescapedDot, "https://127.0.0a1", `^127\.0\.0\.1$`}}},
		{`^(node.\.example|www.example)\.com$`, []found{{gate.UnescapedDot, "https://wwwxexample.com", `^(node.\.example|www\.example)\.com$`}}},
		{`www.example.com`, []found{
			{gate.Unanchored, "https://www.example.com.evil.example", `^www\.example\.com$`},
			{gate.UnescapedDot, "https://wwwxexample.com", `^www\.example\.com$`},
		}},

		// Wildcards.
		{`^.*example\.com$`, []found{{gate.Wildcard, "https://evilexample.com", `^(.+\.)?example\.com$`}}},
		{`^.+example\.com$`, []found{{gate.Wildcard, "https://evilexample.com", `^.+\.example\.com$`}}},
		{`^https://[^/]*example\.com$`, []found{{gate.Wildcard, "https://evilexample.com", `^https://([^/]+\.)?example\.com$`}}},
		{`^example\.com.*$`, []found{{gate.Wildcard, "https://example.com.evil.example", `^example\.com$`}}},
		{`^example\..*$`, []found{{gate.Wildcard, "https://example.evil.example", ""}}},
		{`^www\.`, []found{{gate.Wildcard, "https://www.evil.example", ""}}},
		{`^https://.*example.com`, []found{
			{gate.UnanchoredEnd, "https://example.com.evil.example", `^https://(.+\.)?example\.com$`},
			{gate.UnescapedDot, "https://examplexcom", `^https://(.+\.)?example\.com$`},
			{gate.Wildcard, "https://evilexample.com", `^https://(.+\.)?example\.com$`},
		}},
		{`.*`, []found{{gate.Everything, "https://evil.example", ""}}},
		{``, []found{{gate.Everything, "https://evil.example", ""}}},
		{`.`, []found{{gate.Everything, "https://evil.example", ""}}},
		{`^https?://`, []found{{gate.Everything, "https://evil.example", ""}}},
		{`^http://`, []found{{gate.Everything, "http://evil.example", ""}}},
		{`:8080$`, []found{{gate.Everything, "https://evil.example:8080", ""}}},
		{`^null$`, []found{{gate.Null, "null", ""}}},
		{`^(localhost|null)$`, []found{{gate.Null, "null", ""}}},

		// What no browser can send.
		{`^ws://www.webinate.net:123$`, []found{{gate.NoBrowser, "ws://www.webinate.net:123", `^https?://www\.webinate\.net:123$`}}},
		{`^wss?://example\.com$`, []found{{gate.NoBrowser, "ws://example.com", `^https?://example\.com$`}}},
		{`^https://example\.com/$`, []found{{gate.NoBrowser, "https://example.com/", `^https://example\.com$`}}},
		{`^https://example\.com/app/.*$`, []found{{gate.NoBrowser, "https://example.com/app/", `^https://example\.com$`}}},
		{`^https://example\.com:443$`, []found{{gate.NoBrowser, "https://example.com:443", `^https://example\.com$`}}},
		{`^Example\.com$`, []found{{gate.NoBrowser, "Example.com", `(?i)^Example\.com$`}}},
		{`a^b`, []found{{gate.NoBrowser, "", ""}}},
		{`\x00`, []found{{gate.NoBrowser, "", ""}}},
	} {
		var got []found
		for _, w := range mustNew(t, c.pattern).Lint() {
			if w.Index != 0 || w.Pattern != c.pattern || w.Message == "" || w.String() != w.Message {
				t.Errorf("%q: got %+v", c.pattern, w)
			}
			got = append(got, found{w.Kind, w.Origin, w.Remedy})
		}
		if len(got) != len(c.want) {
			t.Errorf("%q:\n got %q\nwant %q", c.pattern, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%q:\n got %q\nwant %q", c.pattern, got[i], c.want[i])
			}
		}
		checkWarnings(t, c.pattern)
	}
}

// checkWarnings holds the linter to its promises, whatever the pattern is.
func checkWarnings(t interface{ Errorf(string, ...any) }, pattern string) {
	g, err := gate.New([]string{pattern})
	if err != nil {
		return
	}
	approves := func(g *gate.Gate, origin string) bool {
		return g.Judge([]string{origin}, gate.RejectMissing).Approved
	}
	for _, w := range g.Lint() {
		if w.Origin != "" && !approves(g, w.Origin) {
			t.Errorf("%q does not approve what the warning names: %v", pattern, w)
		}
		if w.Origin == "" && w.Kind != gate.NoBrowser && w.Kind != gate.NotExamined {
			t.Errorf("%q: no Origin is named: %v", pattern, w)
		}
		if w.Kind == gate.NoBrowser == browserOrigin(w.Origin) && w.Kind != gate.NotExamined && w.Kind != gate.Null {
			t.Errorf("%q: could a browser send this? %v", pattern, w)
		}
		if w.Remedy == "" {
			continue
		}
		r, err := gate.New([]string{w.Remedy})
		if err != nil {
			t.Errorf("%q: the remedy does not compile: %v", pattern, err)
			continue
		}
		if w.Kind != gate.NoBrowser && approves(r, w.Origin) {
			t.Errorf("%q: the remedy %q still approves %s", pattern, w.Remedy, w.Origin)
		}
		if again := r.Lint(); len(again) > 0 {
			t.Errorf("%q: the remedy %q is warned of itself: %v", pattern, w.Remedy, again)
		}
	}
}

// browserOrigin tells it by net/url, which is not how the gate does.
func browserOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Scheme+"://"+u.Host != origin {
		return false
	}
	if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if strings.Contains(u.Host, "[") {
		_, err := netip.ParseAddr(u.Hostname())
		return err == nil
	}
	return strings.Trim(u.Hostname(), "abcdefghijklmnopqrstuvwxyz0123456789.-_~") == ""
}

func TestLintKeepsOrder(t *testing.T) {
	var indexes []int
	for _, w := range mustNew(t, seed...).Lint() {
		indexes = append(indexes, w.Index)
		if w.Pattern != seed[w.Index] {
			t.Errorf("got %+v", w)
		}
	}
	if len(indexes) != 4 || indexes[0] != 0 || indexes[1] != 1 || indexes[2] != 5 || indexes[3] != 6 {
		t.Errorf("got warnings of %v", indexes)
	}
}

func TestLintIsBounded(t *testing.T) {
	for name, pattern := range map[string]string{
		"64 KiB":            "^" + strings.Repeat("a", 64<<10) + "$",
		"64 KiB of options": strings.Repeat("(a|b)?", 10<<10),
		"64 KiB of dots":    strings.Repeat(".", 64<<10),
		"repetition":        strings.Repeat(`([a-z0-9]{1,63}\.)?`, 60),
	} {
		w := mustNew(t, pattern).Lint()
		if len(w) != 1 || w[0].Kind != gate.NotExamined {
			t.Errorf("%s: got %d warnings", name, len(w))
		}
		for _, w := range w {
			if len(w.Message) > 1000 {
				t.Errorf("%s: %d bytes of message", name, len(w.Message))
			}
		}
	}
	// As large as is examined at all: these need only end.
	for _, pattern := range []string{
		strings.Repeat("(a|b)?", 300),
		strings.Repeat(".", 2000),
		strings.Repeat("(", 400) + "a" + strings.Repeat(")", 400),
		strings.Repeat(`.*x`, 100),
		`^ws://` + strings.Repeat(`[^/]{1,9}\.`, 20) + `$`,
		`(.{1,30}\.){1,30}x`,
		strings.Repeat(`\b`, 900) + "a",
		"(?:" + strings.Repeat("a|", 900) + "b)$",
	} {
		checkWarnings(t, pattern)
	}
}
