package gate_test

import (
	"strings"
	"testing"

	"gatehouse/server/gate"
)

func TestVerdictExplains(t *testing.T) {
	for _, c := range []struct {
		patterns, origins []string
		want              string
	}{
		{
			[]string{"^localhost$", `^example\.com$`},
			[]string{"https://example.com"},
			`https://example.com is approved by "^example\\.com$" (pattern 2), which matches its host "example.com"`,
		},
		{
			[]string{`^example\.com:443$`},
			[]string{"https://example.com"},
			`https://example.com is approved by "^example\\.com:443$" (pattern 1), which matches its host and port "example.com:443"`,
		},
		{
			[]string{"^trusted-host$"},
			[]string{"trusted-host"},
			`trusted-host is approved by "^trusted-host$" (pattern 1), which matches it as sent`,
		},
		{
			[]string{"^localhost$"},
			[]string{"https://evil.example"},
			`https://evil.example is not approved: no pattern matches it as sent, its host and port "evil.example:443" or its host "evil.example"`,
		},
		{
			[]string{"^localhost$"},
			[]string{"other-host"},
			`other-host is not approved: no pattern matches it as sent, and in no other form is it tried, not being of the shape scheme://host[:port]`,
		},
		{nil, []string{"https://evil.example"}, `https://evil.example is not approved: the list of approved origins is empty`},
		{nil, []string{"null"}, `null is not approved: the list of approved origins is empty`},
		{nil, nil, `no Origin was sent, and one is needed here`},
		{
			[]string{"^localhost$"},
			[]string{"a", "b"},
			`several Origin headers were sent ("a, b"), and no pattern approves exactly these`,
		},
		{
			[]string{"^localhost$"},
			[]string{"evil\x1b[2J"},
			`"evil\x1b[2J" is refused: an Origin is UTF-8 without control characters, of at most 2048 bytes`,
		},
	} {
		if got := mustNew(t, c.patterns...).Judge(c.origins, gate.RejectMissing).String(); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
	if got := mustNew(t).Judge(nil, gate.AllowMissing).String(); !strings.Contains(got, "allowed") {
		t.Errorf("got %s", got)
	}
}

// A message goes to logs and terminals, and what it tells of is hostile.
func TestVerdictIsSafeToShow(t *testing.T) {
	g := mustNew(t, "^localhost$", "\u202e")
	for _, origin := range []string{
		"https://evil\u202e.example", "a\nlevel=error b", "\x1b]0;title\x07", "\xff\xfe", "a\" b", "https://\u009b31m",
		strings.Repeat("é", 1000), strings.Repeat("x", 1<<20), "trusted\u202ehost",
	} {
		got := g.Judge([]string{origin}, gate.RejectMissing).String()
		if i := strings.IndexFunc(got[:min(len(got), len(origin))], func(r rune) bool { return r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0 || r == 0x202e }); i >= 0 {
			t.Errorf("%q holds something unprintable", got)
		}
		if len(got) > 2000 {
			t.Errorf("%d bytes are said of %.20q…", len(got), origin)
		}
	}
}
