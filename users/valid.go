package users

import (
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Bounds of what people choose.
const (
	maxUsername      = 64
	maxEmail         = 254
	minPassword      = 8  // characters
	maxPasswordBytes = 72 // bcrypt looks at no more
)

var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// checkUsername: names are ASCII, so that two that look the same are the same,
// and never look like an address.
func checkUsername(name string) error {
	if len(name) > maxUsername || !usernamePattern.MatchString(name) {
		return &InvalidError{"username", "must be 1 to " + strconv.Itoa(maxUsername) + " letters (a-z, A-Z), digits and . _ -, and begin and end with a letter or digit"}
	}
	return nil
}

// checkEmail wants one plain address, as it stands in the envelope of a mail.
func checkEmail(address string) error {
	parsed, err := mail.ParseAddress(address)
	_, domain, _ := strings.Cut(address, "@")
	if err != nil || parsed.Address != address || len(address) > maxEmail || !ascii(address) || strings.ContainsAny(domain, "[]") {
		return &InvalidError{"email", "must be one plain e-mail address, such as ann@example.com"}
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf || r == 0x7f })
}

func checkPassword(password string) error {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return &InvalidError{"password", "must have at least " + strconv.Itoa(minPassword) + " characters"}
	case len(password) > maxPasswordBytes:
		return &InvalidError{"password", "must have at most " + strconv.Itoa(maxPasswordBytes) + " bytes: what follows would not count"}
	case strings.ContainsRune(password, 0):
		return &InvalidError{"password", "cannot hold a zero byte"}
	}
	return nil
}

// fold is a name or an address without what somebody could vary in it and be
// understood all the same: the stores' own folds differ, and this one takes more
// for equal than any of them. It is for counting, not for finding.
func fold(s string) string {
	folded := cases.Fold().String(norm.NFKC.String(strings.ToValidUTF8(s, "")))
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Cc, unicode.Mn) {
			return -1
		}
		return r
	}, norm.NFKD.String(folded))
}
