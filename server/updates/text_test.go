package updates

import (
	"html"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFlatten(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"":                                     "",
		"plain, with \"quotes\" and 'more'":    "plain, with \"quotes\" and 'more'",
		"two\r\nlines \n":                      "two\r\nlines \n",
		"a < b":                                "a < b",
		"a<1":                                  "a<1",
		"a > b":                                "a > b",
		"R&D":                                  "R&D",
		"R&amp;D":                              "R&D",
		"&amp;amp;":                            "&amp;",
		"&lt;br&gt;":                           "<br>",
		"&#60;b&#x3e;":                         "<b>",
		"&unknown; &":                          "&unknown; &",
		"<b>x</b>":                             "x",
		"<b class='a>b'>x</b>":                 "x",
		"<br>":                                 "",
		"a<br>b":                               "a\nb",
		"a<br><br>b":                           "a\n\nb",
		"a<BR CLEAR=all>b":                     "a\nb",
		"<p>a</p><p>b</p>":                     "a\nb",
		"<p>a</p>\n":                           "a\n",
		"<div><p>a</p></div>":                  "a",
		"<ul><li>a</li><li>b</li></ul>":        "a\nb",
		"<script>a</script>b":                  "b",
		"<script>a":                            "",
		"<style>a</style>b":                    "b",
		"<!-- a -->b":                          "b",
		"<!doctype html>b":                     "b",
		"<?php a ?>b":                          "b",
		"<a href='x'>b</a>":                    "b",
		"<a href=\"data:,<script>\">b</a>":     "b",
		"<b>never closed":                      "never closed",
		"never opened</b></p>":                 "never opened",
		"<<b>script>alert(1)<</b>/script>":     "<script>alert(1)</script>", // text: who shows it escapes it
		"<p>a<p>b":                             "a\nb",
		"<li>a<li>b":                           "a\nb",
		"a<div>b</div>":                        "a\nb",
		"a<p/>b":                               "a\nb",
		"a<div/>b":                             "a\nb",
		"a</br>b":                              "a\nb",
		"\u202e<b>x</b>":                       "\u202ex",
		strings.Repeat("<b>", 10_000) + "deep": "deep",
	} {
		if got := flatten(written); got != want {
			t.Errorf("%.80q: got %.80q, want %.80q", written, got, want)
		}
	}
}

// Text that was escaped comes back as it was, and no markup is left of any.
func FuzzFlatten(f *testing.F) {
	for _, seed := range []string{"a < b & c", "<b>x</b>", "<p>a<br/>b</p>", "&lt;x&gt;", "<script>x</script>", "<", "&", "\x00<", "<p/>", "</br>", "<svg><style><!--</style>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := flatten(s); utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q: %q is no text", s, got)
		}
		if strings.ContainsAny(s, "\x00\r") || strings.HasSuffix(s, "\n") { // which HTML has in other ways
			return
		}
		if got := flatten(html.EscapeString(s)); got != s {
			t.Errorf("%q was escaped, and comes back as %q", s, got)
		}
	})
}
