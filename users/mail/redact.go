package mail

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxError is the length of the longest error in the log, in bytes. A server's
// answer can have many lines.
const maxError = 500

// address is what could be one, in any script, in brackets or without.
var address = regexp.MustCompile(`[^\s<>()\[\]"',;:@]+@[^\s<>()\[\]"',;:@]+`)

// secrets are what an error about a job must not tell: SMTP servers repeat the
// address that they refuse, in whole or the part before the @.
func secrets(d document, m Message) []string {
	all := []string{m.Link, m.Key, m.To, d.User}
	for _, a := range []string{m.To, d.User} {
		if i := strings.LastIndexByte(a, '@'); i > 0 {
			all = append(all, a[:i])
		}
	}
	return all
}

// named is a user's name for the log: nothing where it is an address.
func named(username string) string { return address.ReplaceAllString(username, "…") }

// redact is the text of an error without these secrets, and without whatever
// looks like an address, on one line.
func redact(err error, secrets ...string) string {
	text := err.Error()
	for _, s := range secrets {
		text = without(text, s)
	}
	text = address.ReplaceAllString(text, "…")
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxError {
		text = strings.ToValidUTF8(text[:maxError], "") + "…"
	}
	return text
}

// without takes a secret out of a text, whatever the case of its letters. A short
// one, which may be a single letter, counts only where it is a word.
func without(text, secret string) string {
	if secret == "" {
		return text
	}
	found := regexp.MustCompile(`(?i)` + regexp.QuoteMeta(strings.ToValidUTF8(secret, "\uFFFD")))
	var b strings.Builder
	last := 0
	for _, at := range found.FindAllStringIndex(text, -1) {
		before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
		after, _ := utf8.DecodeRuneInString(text[at[1]:])
		if len(secret) < 8 && (word(before) || word(after)) {
			continue
		}
		b.WriteString(text[last:at[0]])
		b.WriteString("…")
		last = at[1]
	}
	b.WriteString(text[last:])
	return b.String()
}

func word(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
