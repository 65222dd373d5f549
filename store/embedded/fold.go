package embedded

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// foldText is the text without its case: equal for two texts that a person
// would call the same but for upper and lower case.
func foldText(s string) string { return string(foldBytes([]byte(s))) }

func foldBytes(b []byte) []byte {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return norm.NFC.Bytes(cases.Fold().Bytes(norm.NFC.Bytes(b)))
		}
	}
	return bytes.ToLower(b)
}
