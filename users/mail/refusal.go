package mail

import (
	"errors"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// refused reports whether the server has refused the recipient for good. Codes
// that mean this server's login or its right to send are not the recipient's
// fault: they go away when somebody corrects the configuration.
func refused(err error) bool {
	var e *gomail.SendError
	if !errors.As(err, &e) || e.Reason != gomail.ErrSMTPRcptTo || e.IsTemp() {
		return false
	}
	switch e.ErrorCode() {
	case 510, 511, 512, 515, 521, 550, 551, 552, 553, 554, 555, 556:
		return !strings.HasPrefix(e.EnhancedStatusCode(), "5.7.")
	case 501: // the address is no address to this server
		return strings.HasPrefix(e.EnhancedStatusCode(), "5.1.")
	}
	return false
}

// wording is what an error of go-mail says, without the recipients and the id
// that it appends.
func wording(err error) string {
	text, _, _ := strings.Cut(err.Error(), ", affected ")
	return text
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}
