package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// maxBrackets bounds how deep a text can be nested, and so the stack of the
// parser, which is recursive and has no bound of its own.
const maxBrackets = 100_000

// parse reads JSON in which comments and trailing commas may stand. When it
// cannot, message says why, for people, and offset where. The message never
// shows a value of the text: it might be a secret.
func parse(text []byte) (tree hujson.Value, offset int, message string) {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return tree, 0, "begins with a byte order mark; save it as UTF-8 without one"
	case !utf8.Valid(text):
		return tree, invalidUTF8(text), "is not UTF-8 here; save it as UTF-8"
	case len(bytes.TrimSpace(text)) == 0:
		return tree, 0, "is empty; the least that it can hold is {}"
	case bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > maxBrackets:
		return tree, 0, fmt.Sprintf("has more than %d brackets", maxBrackets)
	}
	// The parser wants an end of line after a comment, even after the last.
	ended := append(text[:len(text):len(text)], '\n')
	tree, err := hujson.Parse(ended)
	if err == nil {
		return tree, 0, ""
	}
	return tree, min(syntaxOffset(ended, err), len(text)), syntaxMessage(err)
}

// syntaxOffset recovers the place from an error of hujson, which gives it in
// the text of the error only.
func syntaxOffset(text []byte, err error) int {
	var line, column int
	if _, scanErr := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); scanErr != nil {
		return 0
	}
	start := 0
	for range line - 1 {
		start += bytes.IndexByte(text[start:], '\n') + 1
	}
	return start + column - 1
}

// syntaxMessage puts an error of hujson in words.
func syntaxMessage(err error) string {
	text := err.Error()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "ends too early: a bracket, a quotation mark or a comment is not closed"
	case strings.Contains(text, "invalid literal"):
		// The literal itself is left out. The usual cause is a regular expression.
		return `not a value: text stands in double quotes, on one line, and each backslash in it is doubled ("^example\\.com$")`
	}
	if _, rest, ok := strings.Cut(text, ", column "); ok {
		if _, rest, ok = strings.Cut(rest, ": "); ok {
			if rest == "invalid character ':' after top-level value" {
				rest += "; the whole stands in braces { … }"
			}
			return rest
		}
	}
	return text
}

// invalidUTF8 is the offset of the first byte that is not UTF-8.
func invalidUTF8(text []byte) int {
	offset := 0
	for offset < len(text) {
		r, size := utf8.DecodeRune(text[offset:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		offset += size
	}
	return offset
}
