package mail

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// fields are what a template can name.
type fields struct {
	Username string
	Link     string
	Key      string
	Duration string // how long the link works, in words
}

// fieldNames are the fields, for a message.
const fieldNames = ".Username, .Link, .Key and .Duration"

// example is a mail to try templates out with.
func example(kind Kind) Message {
	m := Message{To: "ada@example.com", Username: "ada", Kind: kind}
	if kind != Taken {
		m.Key = strings.Repeat("0123456789abcdef", 4)
		m.Link = "https://users.example.com/?key=" + m.Key
		m.Hours = 24
	}
	return m
}

// render writes a mail. The subject is one line, whatever is in it: a second
// one would be a header of the sender's choice.
func (t *Templates) render(m Message) (subject, plain, html string, err error) {
	texts, ok := t.kinds[m.Kind]
	if !ok {
		return "", "", "", fmt.Errorf("there is no template for mails of the kind %q", m.Kind)
	}
	f := fields{Username: oneLine(m.Username), Link: oneLine(m.Link), Key: oneLine(m.Key), Duration: words(m.Hours)}
	var b bytes.Buffer
	if err := texts.subject.Execute(&b, f); err != nil {
		return "", "", "", explain(err)
	}
	subject = oneLine(b.String())
	b.Reset()
	if err := texts.plain.Execute(&b, f); err != nil {
		return "", "", "", explain(err)
	}
	plain = strings.TrimLeft(b.String(), "\n")
	b.Reset()
	if err := texts.html.Execute(&b, f); err != nil {
		return "", "", "", explain(err)
	}
	return subject, plain, b.String(), nil
}

// oneLine makes single spaces of whatever is white, and leaves out what else
// cannot be seen and could change how the rest is read.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, s)
}

// words says for how long: whole days from three on, whole hours from two on,
// minutes otherwise.
func words(hours float64) string {
	switch whole := hours == math.Trunc(hours); {
	case hours <= 0:
		return ""
	case whole && hours >= 72 && math.Mod(hours, 24) == 0:
		return count(hours/24, "day")
	case whole && hours >= 2:
		return count(hours, "hour")
	case hours >= 48:
		return count(math.Floor(hours), "hour") // what the minutes would say, nobody counts
	case hours*60 >= 1:
		return count(math.Floor(hours*60+1e-6), "minute") // the part of a minute is not promised
	}
	return count(math.Ceil(hours*3600), "second")
}

func count(n float64, unit string) string {
	text := strconv.FormatFloat(n, 'f', 0, 64) + " " + unit
	if n != 1 {
		text += "s"
	}
	return text
}

var unknownField = regexp.MustCompile(`can't evaluate field (\S+) in type`)

// explain says what is wrong with a template without words of Go's packages.
func explain(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/template:"), "template: ")
	if m := unknownField.FindStringSubmatch(text); m != nil {
		place, _, _ := strings.Cut(text, ": executing ")
		return fmt.Errorf("%s: there is no field .%s; there are %s", place, m[1], fieldNames)
	}
	return errors.New(strings.TrimSpace(text))
}
