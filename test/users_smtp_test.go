package test

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// postOffice is an SMTP server that keeps what it takes.
type postOffice struct {
	t     *testing.T
	port  int
	mails chan letter
	close func()
	say   func(to string) error // what it says to a recipient; nil: it takes all
}

// letter is a mail.
type letter struct {
	from, to string // of its envelope
	header   mail.Header
	plain    string
	html     string
}

// newPostOffice finds a port for a server that is not open yet.
func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return &postOffice{t: t, port: l.Addr().(*net.TCPAddr).Port, mails: make(chan letter, 100), close: func() {}}
}

// openPostOffice is one that is open.
func openPostOffice(t *testing.T) *postOffice {
	t.Helper()
	o := newPostOffice(t)
	o.open()
	return o
}

func (o *postOffice) open() {
	o.t.Helper()
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{office: o}, nil }))
	srv.Domain = "localhost"
	srv.ErrorLog = silent{}
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: o.port})
	if err != nil {
		o.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	o.close = sync.OnceFunc(func() {
		srv.Close() //nolint:errcheck // of a listener that nobody needs any more
		<-done
	})
	o.t.Cleanup(o.close)
}

// settings are those by which a server sends its mails there.
func (o *postOffice) settings(s settings) settings {
	all := cheap(settings{"mail.host": "127.0.0.1", "mail.port": o.port, "mail.from": "Gatehouse <no-reply@gatehouse.example>", "mail.tls": "none"})
	for name, value := range s {
		all[name] = value
	}
	return all
}

// next waits for a mail to an address.
func (o *postOffice) next(to string, within time.Duration) letter {
	o.t.Helper()
	got := o.any(within)
	if got.to != to || got.from != "no-reply@gatehouse.example" {
		o.t.Errorf("a mail from %s to %s, want one to %s", got.from, got.to, to)
	}
	return got
}

// any is the next mail, to whomever.
func (o *postOffice) any(within time.Duration) letter {
	o.t.Helper()
	select {
	case got := <-o.mails:
		return got
	case <-time.After(within):
		o.t.Fatalf("no mail came within %v", within)
		return letter{}
	}
}

var linkPattern = regexp.MustCompile(`https?://\S+`)

// link is the only one in a mail, which both of its parts have.
func (l letter) link(t *testing.T) string {
	t.Helper()
	found := linkPattern.FindAllString(l.plain, -1)
	if len(found) != 1 || !strings.Contains(l.html, strings.ReplaceAll(found[0], "&", "&amp;")) {
		t.Fatalf("links %q in\n%s\n%s", found, l.plain, l.html)
	}
	return found[0]
}

// counter takes the mails of one connection.
type counter struct {
	office *postOffice
	letter letter
}

// Reset begins with another mail.
func (c *counter) Reset() { c.letter = letter{} }

// Logout ends the connection.
func (c *counter) Logout() error { return nil }

// Mail takes the sender.
func (c *counter) Mail(from string, _ *smtp.MailOptions) error {
	c.letter.from = from
	return nil
}

// Rcpt takes the recipient.
func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.letter.to = to
	if c.office.say != nil {
		return c.office.say(to)
	}
	return nil
}

// Data takes what is in the mail.
func (c *counter) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	c.letter.header = m.Header
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	for parts := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			c.letter.html = text
		} else {
			c.letter.plain = text
		}
	}
	c.office.mails <- c.letter
	return nil
}

type silent struct{}

// Printf says nothing.
func (silent) Printf(string, ...any) {}

// Println says nothing.
func (silent) Println(...any) {}
