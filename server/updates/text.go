package updates

import (
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// structure keeps the elements that stand for a line's end, without anything
// else.
var structure = bluemonday.NewPolicy().AllowElements("br", "p", "div", "li")

// flatten makes text of HTML: paragraphs and the like stand on lines of their
// own. A text without any stays as it is.
func flatten(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return s
	}
	var text strings.Builder
	broken := true // a line has just begun
	for z := html.NewTokenizer(strings.NewReader(structure.Sanitize(s))); ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return strings.TrimSuffix(text.String(), "\n")
		case html.TextToken:
			piece := html.UnescapeString(string(z.Raw()))
			text.WriteString(piece)
			broken = strings.HasSuffix(piece, "\n") || broken && piece == ""
		default:
			name, _ := z.TagName()
			if br := atom.Lookup(name) == atom.Br; br || !broken {
				text.WriteByte('\n')
				broken = true
			}
		}
	}
}
