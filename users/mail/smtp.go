package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTPOptions say which server takes the mails, and how.
type SMTPOptions struct {
	Host     string
	Port     int    // 0: 587, or 465 with "tls"
	Username string // empty: without a login
	Password string
	From     string // an address, with or without a name before it
	TLS      string // "starttls" (or empty): the server must offer it; "tls": from the first byte; "none"

	Templates *Templates     // nil: the built in ones
	RootCAs   *x509.CertPool // who may vouch for the server; nil: whom the system trusts
	Timeout   time.Duration  // for one mail from the first step to the last; 0: 30 s
}

// SMTP sends mails by an SMTP server, over one connection for each. Make it
// with [NewSMTP].
type SMTP struct {
	o      SMTPOptions
	from   *netmail.Address
	server string // host and port, for errors
}

// NewSMTP returns a sender. It does not connect to the server yet.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	if o.Port == 0 {
		o.Port = 587
		if o.TLS == "tls" {
			o.Port = 465
		}
	}
	if o.TLS == "" {
		o.TLS = "starttls"
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	from, err := netmail.ParseAddress(o.From)
	switch {
	case o.Host == "":
		return nil, errors.New("mails need an SMTP server; set mail.host")
	case o.Port < 1 || o.Port > 65535:
		return nil, fmt.Errorf("%d is no port of an SMTP server; set mail.port to one from 1 to 65535", o.Port)
	case o.TLS != "starttls" && o.TLS != "tls" && o.TLS != "none":
		return nil, fmt.Errorf(`%q is no way to encrypt the connection to the SMTP server; set mail.tls to "starttls", "tls" or "none"`, o.TLS)
	case err != nil:
		return nil, errors.New("mails need an address that they come from; set mail.from to one such as no-reply@example.com")
	}
	if o.Templates == nil {
		if o.Templates, err = LoadTemplates(""); err != nil {
			return nil, err
		}
	}
	return &SMTP{o: o, from: from, server: net.JoinHostPort(o.Host, strconv.Itoa(o.Port))}, nil
}

// Send hands a mail to the server. Errors do not name the recipient, unless the
// server's own words do. [ErrRefused]: the server has refused the recipient for
// good, or the address is none.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	err = s.deliver(limited, msg, ascii(m.To))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("sending a mail by %s: %w", s.server, ctx.Err())
	case refused(err):
		return fmt.Errorf("%w by %s: %s", ErrRefused, s.server, wording(err))
	case limited.Err() != nil:
		return fmt.Errorf("sending a mail by %s: not done within %s: %s", s.server, s.o.Timeout, wording(err))
	}
	return fmt.Errorf("sending a mail by %s: %s", s.server, wording(err))
}

// compose makes the mail. It has a new Message-ID each time it is tried: who
// filters out what comes twice must not drop the newer of two, since only its
// link may still work.
func (s *SMTP) compose(m Message) (*gomail.Msg, error) {
	subject, plain, html, err := s.o.Templates.render(m)
	if err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("%w: its address is none", ErrRefused)
	}
	msg.FromMailAddress(s.from)
	msg.SetMessageIDWithValue(messageID() + s.from.Address[strings.LastIndexByte(s.from.Address, '@'):])
	msg.SetDate()
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no out-of-office notes, please
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange
	msg.Subject(subject)
	msg.SetBodyString(gomail.TypeTextPlain, plain)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return msg, nil
}

func messageID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// deliver connects, sends, and says good-bye. What happens after the server has
// taken the mail is no failure: it would be sent twice.
func (s *SMTP) deliver(ctx context.Context, msg *gomail.Msg, ascii bool) error {
	dial := &dialer{ctx: ctx, server: s.server}
	if s.o.TLS == "tls" {
		dial.tls = s.tls()
	}
	defer dial.close()
	options := []gomail.Option{
		gomail.WithPort(s.o.Port), gomail.WithTimeout(s.o.Timeout), gomail.WithTLSConfig(s.tls()),
		gomail.WithDialContextFunc(dial.dial), gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	switch s.o.TLS {
	case "tls":
		options = append(options, gomail.WithSSL())
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.o.Username != "" {
		options = append(options, gomail.WithUsername(s.o.Username), gomail.WithPassword(s.o.Password),
			gomail.WithOpportunisticSMTPAuth(mechanisms(s.o.TLS)...))
	}
	if ascii {
		// A mail that is marked as needing it is bounced by whoever lacks it, also
		// where nothing in it needs it.
		options = append(options, gomail.WithoutSMTPUTF8())
	}
	client, err := gomail.NewClient(s.o.Host, options...)
	if err != nil {
		return err
	}
	connected, err := client.DialToSMTPClientWithContext(ctx)
	switch {
	case err != nil && strings.Contains(err.Error(), "does not support STARTTLS"):
		return errors.New(`the server does not offer STARTTLS; set mail.tls to "tls" or, where nobody can listen, to "none"`)
	case err != nil:
		return err
	}
	if err := client.SendWithSMTPClient(connected, msg); err != nil && !msg.IsDelivered() {
		return err
	}
	_ = dial.conn.SetDeadline(time.Now().Add(farewell))
	_ = client.CloseWithSMTPClient(connected)
	return nil
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: s.o.Host, MinVersion: tls.VersionTLS12, RootCAs: s.o.RootCAs}
}

// mechanisms are the ways to log in, best first. Within TLS the plain one is
// as good as any, and the one that works everywhere.
func mechanisms(encryption string) []gomail.SMTPAuthType {
	if encryption == "none" {
		return []gomail.SMTPAuthType{
			gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthCramMD5,
			gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc,
		}
	}
	return []gomail.SMTPAuthType{
		gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthCramMD5,
	}
}
