package keys

import (
	"fmt"
	"regexp"
	"strings"
)

// maxName is the length of the longest name, in characters.
const maxName = 64

var namePattern = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?$`)

// checkName says what is wrong with a name, as [ErrInvalid]. Names are ASCII:
// two that look the same are the same.
func checkName(name string) error {
	if len(name) > maxName || !namePattern.MatchString(name) {
		return fmt.Errorf("%w: the name %q; a name is 1 to %d letters (a-z, A-Z), digits, spaces and . _ -, "+
			"begins with a letter or digit and does not end with a space", ErrInvalid, clip(name), maxName)
	}
	return nil
}

// clip cuts a text from outside to what a message can hold.
func clip(s string) string {
	if len(s) <= maxName {
		return s
	}
	return strings.ToValidUTF8(s[:maxName], "") + "…"
}
