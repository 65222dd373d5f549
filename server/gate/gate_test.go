package gate_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"gatehouse/server/gate"
)

// seed is the list of the users websocket API's own documentation.
var seed = []string{
	"localhost",
	"^ws://www.webinate.net:123$",
	`^webinate\.net:80$`,
	`^example\.com$`,
	`^.+\.example\.com$`,
	`^example\.org`,
	`^.+\.example\.org`,
}

func mustNew(tb testing.TB, patterns ...string) *gate.Gate {
	tb.Helper()
	g, err := gate.New(patterns)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

func TestJudgeSeed(t *testing.T) {
	g := mustNew(t, seed...)
	for _, c := range []struct {
		origin  string
		index   int // of the pattern that approves it; -1: refused
		form    gate.Form
		matched string
	}{
		{"http://localhost", 0, gate.AsSent, "http://localhost"},
		{"http://localhost:3000", 0, gate.AsSent, "http://localhost:3000"},
		{"localhost", 0, gate.AsSent, "localhost"},
		{"http://LOCALHOST", 0, gate.HostPort, "localhost:80"},
		{"ws://www.webinate.net:123", 1, gate.AsSent, "ws://www.webinate.net:123"},
		{"http://www.webinate.net:123", -1, gate.NoForm, ""},
		{"http://webinate.net", 2, gate.HostPort, "webinate.net:80"},
		{"http://webinate.net:80", 2, gate.HostPort, "webinate.net:80"},
		{"webinate.net:80", 2, gate.AsSent, "webinate.net:80"},
		{"https://webinate.net", -1, gate.NoForm, ""},
		{"http://webinate.net:8080", -1, gate.NoForm, ""},
		{"https://example.com", 3, gate.Host, "example.com"},
		{"https://Example.COM:8443", 3, gate.Host, "example.com"},
		{"example.com", 3, gate.AsSent, "example.com"},
		{"https://a.b.example.com", 4, gate.AsSent, "https://a.b.example.com"},
		{"https://evilexample.com", -1, gate.NoForm, ""},
		{"https://example.com.evil.net", -1, gate.NoForm, ""},
		{"https://example.org", 5, gate.HostPort, "example.org:443"},
		{"https://www.example.org", 6, gate.AsSent, "https://www.example.org"},
		{"trusted-host", -1, gate.NoForm, ""},
	} {
		v := g.Judge([]string{c.origin}, gate.RejectMissing)
		if v.Approved != (c.index >= 0) || v.Index != c.index || v.Form != c.form || v.Matched != c.matched {
			t.Errorf("%s: got %+v, want pattern %d by %v %q", c.origin, v, c.index, c.form, c.matched)
		}
		if v.Origin != c.origin {
			t.Errorf("%s: the verdict is about %q", c.origin, v.Origin)
		}
		if c.index >= 0 && v.Pattern != seed[c.index] {
			t.Errorf("%s: approved by %q", c.origin, v.Pattern)
		}
	}
}

func TestReasons(t *testing.T) {
	long := "https://" + strings.Repeat("a", gate.MaxOrigin)
	for _, c := range []struct {
		name     string
		patterns []string
		origins  []string
		missing  gate.Missing
		want     gate.Reason
	}{
		{"none", seed, nil, gate.RejectMissing, gate.OriginMissing},
		{"none, allowed", seed, nil, gate.AllowMissing, gate.MissingAllowed},
		{"none, allowed, no patterns", nil, nil, gate.AllowMissing, gate.MissingAllowed},
		{"none, though the pattern matches it", []string{""}, nil, gate.RejectMissing, gate.OriginMissing},
		{"empty", seed, []string{""}, gate.RejectMissing, gate.OriginMissing},
		{"empty, allowed", seed, []string{"", ""}, gate.AllowMissing, gate.MissingAllowed},
		{"empty and one", seed, []string{"", "https://example.com"}, gate.RejectMissing, gate.OriginApproved},
		{"no patterns", nil, []string{"https://example.com"}, gate.AllowMissing, gate.OriginNotApproved},
		{"sent, though a missing one is allowed", seed, []string{"https://evil.example"}, gate.AllowMissing, gate.OriginNotApproved},
		{"null", seed, []string{"null"}, gate.AllowMissing, gate.OriginNull},
		{"null, approved", []string{"^null$"}, []string{"null"}, gate.RejectMissing, gate.OriginApproved},
		{"two", seed, []string{"https://example.com", "https://example.com"}, gate.RejectMissing, gate.SeveralOrigins},
		{"two, found in", seed, []string{"http://localhost", "https://evil.example"}, gate.AllowMissing, gate.SeveralOrigins},
		{"two, meant", []string{`^https://a\.com, https://b\.com$`}, []string{"https://a.com", "https://b.com"}, gate.RejectMissing, gate.OriginApproved},
		{"two, too long", []string{`^.*$`}, []string{long, long}, gate.RejectMissing, gate.SeveralOrigins},
		{"longest", []string{`^.*$`}, []string{long[:gate.MaxOrigin]}, gate.RejectMissing, gate.OriginApproved},
		{"too long", []string{`.*`}, []string{long[:gate.MaxOrigin+1]}, gate.RejectMissing, gate.OriginMalformed},
		{"control character", []string{`.*`}, []string{"https://localhost\t.evil"}, gate.RejectMissing, gate.OriginMalformed},
		{"line break", []string{`(?m)^localhost$`}, []string{"localhost\nevil"}, gate.RejectMissing, gate.OriginMalformed},
		{"not UTF-8", []string{`.*`}, []string{"https://\xff.example"}, gate.RejectMissing, gate.OriginMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := mustNew(t, c.patterns...).Judge(c.origins, c.missing)
			if v.Reason != c.want || v.Approved != (c.want == gate.OriginApproved || c.want == gate.MissingAllowed) {
				t.Errorf("got %+v, want %s", v, c.want)
			}
			if len(v.Origin) > gate.MaxOrigin {
				t.Errorf("the verdict carries %d bytes of the header", len(v.Origin))
			}
		})
	}
}

// What is not an origin to the letter has no host, whatever it looks like.
func TestMalformedHasNoHost(t *testing.T) {
	g := mustNew(t, "^localhost$", "^localhost:80$", `^evil\.example$`, `^::1$`, `^127\.0\.0\.1$`)
	for _, origin := range []string{
		"https://localhost@evil.example",
		"https://evil.example@localhost",
		"https://user:pw@localhost",
		"https://evil.example/localhost",
		"http://localhost/",
		"http://localhost?",
		"http://localhost#",
		`http://localhost\.evil.example`,
		`http:\\localhost`,
		"http://localhost\t.evil",
		"https://[::1",
		"https://::1]",
		"https://[::1]]",
		"https://[::1]x",
		"https://[::1%25eth0]",
		"https://[::1%eth0]",
		"https://[127.0.0.1]",
		"https://[localhost]",
		"http://localhost:80:80",
		"http://localhost:",
		"http://localhost:0",
		"http://localhost:080",
		"http://localhost:65536",
		"http://localhost:99999999999999999999",
		"http://localhost:+80",
		"http://localhost:８０",
		"http://localhos%74",
		"http://localhost%00.evil.example",
		"http://localhost.",
		"http://localhost..",
		"http://.localhost",
		"http://ｌocalhost",
		"http://localhoſt",
		"http://loca lhost",
		" http://localhost",
		"http://localhost ",
		"http://localhost, http://evil.example",
		"http://evil.example http://localhost",
		"http:localhost",
		"http:/localhost",
		"http:///localhost",
		"//localhost",
		"://localhost",
		"1http://localhost",
		"ht tp://localhost",
		"http://http://localhost",
		"localhost:3000",
		"http://",
		"https://127.0.0.1%20",
	} {
		if v := g.Judge([]string{origin}, gate.AllowMissing); v.Approved {
			t.Errorf("%q: %v", origin, v)
		}
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct {
		origin string
		want   []string
	}{
		{"https://example.com", []string{"https://example.com", "example.com:443", "example.com"}},
		{"HTTPS://Example.COM", []string{"HTTPS://Example.COM", "example.com:443", "example.com"}},
		{"http://example.com", []string{"http://example.com", "example.com:80", "example.com"}},
		{"ws://example.com", []string{"ws://example.com", "example.com:80", "example.com"}},
		{"wss://example.com", []string{"wss://example.com", "example.com:443", "example.com"}},
		{"https://example.com:8443", []string{"https://example.com:8443", "example.com:8443", "example.com"}},
		{"http://[::1]:3000", []string{"http://[::1]:3000", "[::1]:3000", "::1"}},
		{"http://[2001:DB8::1]", []string{"http://[2001:DB8::1]", "[2001:db8::1]:80", "2001:db8::1"}},
		{"http://127.0.0.1", []string{"http://127.0.0.1", "127.0.0.1:80", "127.0.0.1"}},
		{"https://example.com.", []string{"https://example.com.", "example.com.:443", "example.com."}},
		{"https://xn--bcher-kva.example", []string{"https://xn--bcher-kva.example", "xn--bcher-kva.example:443", "xn--bcher-kva.example"}},
		{"chrome-extension://abcdef", []string{"chrome-extension://abcdef", "abcdef"}},
		{"app://example:99", []string{"app://example:99", "example:99", "example"}},
		{"trusted-host", []string{"trusted-host"}},
		{"example.com:8443", []string{"example.com:8443"}},
		{"null", []string{"null"}},
		{"file://", []string{"file://"}},
		{"https://bücher.example", []string{"https://bücher.example"}},
		{"", nil},
		{"a\x00", nil},
	} {
		var got []string
		for _, f := range gate.Forms(c.origin) {
			got = append(got, f.Text)
		}
		if strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%q: got %q, want %q", c.origin, got, c.want)
		}
	}
}

func TestNewReportsEveryPattern(t *testing.T) {
	g, err := gate.New([]string{"[", "fine", "(", "a\xff"})
	if g != nil || err == nil {
		t.Fatalf("got %v, %v", g, err)
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T joins nothing", err)
	}
	var places []int
	for _, e := range joined.Unwrap() {
		var pe *gate.PatternError
		if !errors.As(e, &pe) || pe.Err == nil || !errors.Is(e, pe.Err) {
			t.Fatalf("%v is a %T", e, e)
		}
		places = append(places, pe.Index)
	}
	if len(places) != 3 || places[0] != 0 || places[1] != 2 || places[2] != 3 {
		t.Errorf("got the places %v", places)
	}
	if !strings.Contains(err.Error(), `pattern 3, "("`) {
		t.Errorf("got %v", err)
	}
}

func TestJudgeConcurrently(t *testing.T) {
	g := mustNew(t, seed...)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if !g.Judge([]string{"https://example.com"}, gate.RejectMissing).Approved {
					t.Error("refused")
				}
			}
			g.Lint()
		})
	}
	all.Wait()
}

func TestJudgeAllocates(t *testing.T) {
	g := mustNew(t, `^example\.com$`, `^https://example\.org$`)
	for _, c := range []struct {
		origin string
		most   float64
	}{
		{"https://example.com:8443", 0},
		{"https://example.com", 1}, // the form with its default port
	} {
		headers := []string{c.origin}
		got := testing.AllocsPerRun(100, func() { g.Judge(headers, gate.RejectMissing) })
		if got > c.most {
			t.Errorf("%s: %v allocations, at most %v wanted", c.origin, got, c.most)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	patterns := append([]string{`^https://[a-z]+\.example\.net$`, `^a\.test$`}, seed...)
	g := mustNew(b, append(patterns, `^last\.example$`)...)
	for name, origin := range map[string]string{
		"approved by the tenth": "https://last.example:8443",
		"refused":               "https://evil.example",
	} {
		b.Run(name, func(b *testing.B) {
			headers := []string{origin}
			b.ReportAllocs()
			for b.Loop() {
				g.Judge(headers, gate.RejectMissing)
			}
		})
	}
}
