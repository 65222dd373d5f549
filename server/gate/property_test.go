package gate_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"gatehouse/server/gate"

	"pgregory.net/rapid"
)

// shape is the reference for what an origin is, to the letter.
var shape = regexp.MustCompile(
	`^([A-Za-z][A-Za-z0-9+.-]*)://((?:[A-Za-z0-9_~-]+\.)*[A-Za-z0-9_~-]+\.?|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$`)

// reference lists the forms of an origin, made in another way than the gate's.
func reference(origin string) []string {
	forms := []string{origin}
	m := shape.FindStringSubmatch(origin)
	if m == nil {
		return forms
	}
	host, port := strings.ToLower(m[2]), m[3]
	bare := strings.Trim(host, "[]")
	if bare != host {
		if a, err := netip.ParseAddr(bare); err != nil || !a.Is6() {
			return forms
		}
	}
	if port == "" {
		port = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}[strings.ToLower(m[1])]
	}
	if port != "" {
		forms = append(forms, host+":"+port)
	}
	return append(forms, bare)
}

// The generators make what is nearly an origin, or nearly a sensible pattern,
// far more often than noise.
var (
	label  = rapid.StringMatching(`[a-z]([a-z0-9-]{0,4}[a-z0-9])?`)
	host   = rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(label, 1, 3).Draw(t, "labels"), ".") })
	origin = rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			scheme := rapid.SampledFrom([]string{"http", "https", "ws", "wss", "HTTP", "app", "1x", ""}).Draw(t, "scheme")
			between := rapid.SampledFrom([]string{"://", "://", "://", "://", ":/", ":", "", `:\\`, ":///"}).Draw(t, "between")
			name := rapid.OneOf(host, rapid.SampledFrom([]string{
				"localhost", "Example.com", "example.com.", "[::1]", "[::G]", "[1.2.3.4]", "127.0.0.1", "a..b", "a@b", "%61", "a b", "[::1%1]", "::1", "ü",
			})).Draw(t, "host")
			port := rapid.SampledFrom([]string{"", "", ":80", ":443", ":8080", ":", ":0", ":08", ":65535", ":65536", ":x", ":1:2", "/", "/p"}).Draw(t, "port")
			return scheme + between + name + port
		}),
		rapid.SampledFrom([]string{"null", "trusted-host", "file://"}),
		rapid.StringN(1, 20, -1),
	)
	pattern = rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{
				"^", "$", "^", "$", "|", ".", `\.`, ".*", ".+", `\b`, "(?i)", "https?://", "https://", "ws://", "://", ":443", ":80", "/", "[a-z]+", `\d`,
				"localhost", "example", `example\.com`, "example.com", `127\.0\.0\.1`, "::1", "null", "(:[0-9]+)?", "(a|b)", "{2}", "?", "(", ")", "A", "[^/]*",
			}),
			label,
		), 1, 8).Draw(t, "pieces"), "")
	})
)

func TestJudgeAgreesWithReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var patterns []string
		for _, p := range rapid.SliceOfN(pattern, 0, 4).Draw(t, "patterns") {
			if _, err := regexp.Compile(p); err == nil {
				patterns = append(patterns, p)
			}
		}
		o := origin.Draw(t, "origin")
		g, err := gate.New(patterns)
		if err != nil {
			t.Fatal(err)
		}
		want := false
		for _, p := range patterns {
			for _, form := range reference(o) {
				want = want || regexp.MustCompile(p).MatchString(form)
			}
		}
		v := g.Judge([]string{o}, gate.RejectMissing)
		if v.Reason == gate.OriginMalformed {
			if gate.Forms(o) != nil {
				t.Fatalf("%q has forms and is malformed", o)
			}
			return
		}
		if v.Approved != want {
			t.Fatalf("%q by %q: got %v", o, patterns, v)
		}
		checkVerdict(t, v, patterns)
	})
}

// checkVerdict sees that what a verdict says of itself is so.
func checkVerdict(t interface{ Fatalf(string, ...any) }, v gate.Verdict, patterns []string) {
	if !v.Approved {
		if v.Index != -1 || v.Form != gate.NoForm || v.Pattern != "" || v.Matched != "" {
			t.Fatalf("refused, and yet: %+v", v)
		}
		return
	}
	if v.Pattern != patterns[v.Index] || !regexp.MustCompile(v.Pattern).MatchString(v.Matched) {
		t.Fatalf("not what approves it: %+v", v)
	}
	for _, f := range gate.Forms(v.Origin) {
		if f.Form == v.Form && f.Text == v.Matched {
			return
		}
	}
	t.Fatalf("no form of it: %+v", v)
}

func TestWarningsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkWarnings(t, pattern.Draw(t, "pattern")) })
}

// Whoever anchors and escapes is left alone.
func TestLiteralHostsAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := host.Filter(func(h string) bool { return h != "null" }).Draw(t, "host")
		p := rapid.SampledFrom([]string{"", "https://", "https?://"}).Draw(t, "before") + regexp.QuoteMeta(h) +
			rapid.SampledFrom([]string{"", ":8080", "(:[0-9]+)?"}).Draw(t, "behind")
		g, err := gate.New([]string{"^" + p + "$"})
		if err != nil {
			t.Fatal(err)
		}
		if w := g.Lint(); len(w) > 0 {
			t.Fatalf("%v", w)
		}
	})
}

// A pattern of which it is said that no browser passes it passes none.
func TestNoBrowserIsProved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pattern.Draw(t, "pattern")
		o := origin.Draw(t, "origin")
		g, err := gate.New([]string{p})
		if err != nil || !browserOrigin(o) || !g.Judge([]string{o}, gate.RejectMissing).Approved {
			return
		}
		for _, w := range g.Lint() {
			if w.Kind == gate.NoBrowser {
				t.Fatalf("%q approves %s, but: %v", p, o, w)
			}
		}
	})
}
