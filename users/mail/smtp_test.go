package mail_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/users/mail"
)

func message(name string) mail.Message {
	m, _ := compose(mail.Job{Kind: mail.Activation, User: name})
	return m
}

// read takes a mail apart into its header and its parts by their types.
func read(t *testing.T, data []byte) (header netmail.Header, parts map[string]string) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts = make(map[string]string)
	all := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := all.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		parts[kind] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
}

func TestMailAsItArrives(t *testing.T) {
	t.Parallel()
	s := new(server).serve(t, "none", 0)
	m := message("ada")
	if err := s.sender(t, "none", nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := <-s.got
	if got.from != "no-reply@example.org" || got.to != m.To || got.utf8 {
		t.Errorf("from %s to %s, UTF-8 %t", got.from, got.to, got.utf8)
	}
	header, parts := read(t, got.data)
	for name, pattern := range map[string]string{
		"From":           `^"Gatehouse" <no-reply@example\.org>$`,
		"To":             `^<x\.ada@post\.example\.com>$`,
		"Subject":        `^Confirm your address$`,
		"Message-Id":     `^<[0-9a-f]{32}@example\.org>$`,
		"Auto-Submitted": `^auto-generated$`,
		"Mime-Version":   `^1\.0$`,
		"User-Agent":     `^$`,
		"X-Mailer":       `^$`,
	} {
		if v := header.Get(name); !regexp.MustCompile(pattern).MatchString(v) {
			t.Errorf("%s: %q, want %s", name, v, pattern)
		}
	}
	if date, err := header.Date(); err != nil || time.Since(date).Abs() > time.Minute {
		t.Errorf("Date: %s, %v", date, err)
	}
	if len(parts) != 2 {
		t.Errorf("%d parts", len(parts))
	}
	for kind, wants := range map[string][]string{
		"text/plain": {"Hello ada,", "\n" + m.Link + "\n", "24 hours"},
		"text/html":  {"Hello ada,", `<a href="` + m.Link + `">`, "24 hours"},
	} {
		for _, want := range wants {
			if !strings.Contains(parts[kind], want) {
				t.Errorf("%s has no %q:\n%s", kind, want, parts[kind])
			}
		}
	}
}

// An address of IPv6 is dialled as one.
func TestIPv6(t *testing.T) {
	t.Parallel()
	sender, err := mail.NewSMTP(mail.SMTPOptions{Host: "::1", Port: 1, From: "a@b"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(t.Context(), message("ada")); err == nil || !strings.Contains(err.Error(), "dial tcp [::1]:1") {
		t.Errorf("%v", err)
	}
}

func TestEncryptionAndLogin(t *testing.T) {
	t.Parallel()
	for _, encryption := range []string{"none", "starttls", "tls"} {
		t.Run(encryption, func(t *testing.T) {
			t.Parallel()
			s := (&server{auth: true}).serve(t, encryption, 0)
			login := func(o *mail.SMTPOptions) { o.Username, o.Password = "gatehouse", password }
			if err := s.sender(t, encryption, login).Send(t.Context(), message("ada")); err != nil {
				t.Fatal(err)
			}
			if got := <-s.got; got.tls != (encryption != "none") || got.user != "gatehouse" {
				t.Errorf("TLS %t, user %q", got.tls, got.user)
			}
			wrong := func(o *mail.SMTPOptions) { o.Username, o.Password = "gatehouse", "another-password" }
			for name, change := range map[string]func(*mail.SMTPOptions){"wrong": wrong, "none": nil} {
				err := s.sender(t, encryption, change).Send(t.Context(), message("ada"))
				if err == nil || errors.Is(err, mail.ErrRefused) || strings.Contains(err.Error(), "another-password") {
					t.Errorf("login %s: %v", name, err)
				}
			}
		})
	}
}

// Nothing is sent in the clear by accident, nor to a server that cannot prove
// who it is.
func TestEncryptionIsNotGivenUp(t *testing.T) {
	t.Parallel()
	plain, started, encrypted := new(server).serve(t, "none", 0), new(server).serve(t, "starttls", 0), new(server).serve(t, "tls", 0)
	untrusted := func(o *mail.SMTPOptions) { o.RootCAs = nil }
	short := func(o *mail.SMTPOptions) { o.Timeout = 300 * time.Millisecond }
	for name, c := range map[string]struct {
		sender *mail.SMTP
		want   string
	}{
		"no STARTTLS":            {plain.sender(t, "starttls", nil), "set mail.tls"},
		"no TLS":                 {plain.sender(t, "tls", short), "tls"},
		"STARTTLS, unknown name": {started.sender(t, "starttls", untrusted), "certificate"},
		"TLS, unknown name":      {encrypted.sender(t, "tls", untrusted), "certificate"},
	} {
		if err := c.sender.Send(t.Context(), message("ada")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(plain.got) + len(started.got) + len(encrypted.got); n != 0 {
		t.Errorf("%d mails were sent", n)
	}
}

// Neither a name nor an address can add a header or a recipient.
func TestHeadersCannotBeInjected(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "activation.txt", "Subject: Hello {{.Username}}\n\nDear {{.Username}}: {{.Link}}\n")
	templates, err := mail.LoadTemplates(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := new(server).serve(t, "none", 0)
	sender := s.sender(t, "none", func(o *mail.SMTPOptions) { o.Templates = templates })
	m := message("ada")
	m.Username = "ada\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script>\x00\u202E\u2028"
	if err := sender.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := <-s.got
	header, parts := read(t, got.data)
	if subject := header.Get("Subject"); header.Get("Bcc") != "" || subject != "Hello ada Bcc: eve@example.com <script>alert(1)</script>" {
		t.Errorf("%q", subject)
	}
	if !strings.HasPrefix(parts["text/plain"], "Dear ada Bcc:") || strings.Contains(parts["text/html"], "<script>") {
		t.Errorf("%q", parts)
	}
}

func TestOtherScripts(t *testing.T) {
	t.Parallel()
	s := new(server).serve(t, "none", 0)
	m := message("ada")
	m.Username, m.To = "Ädä", "ädä@post.example.com"
	if err := s.sender(t, "none", nil).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := <-s.got
	if _, parts := read(t, got.data); got.to != m.To || !got.utf8 || !strings.Contains(parts["text/plain"], "Hello Ädä,") {
		t.Errorf("to %s, UTF-8 %t, %q", got.to, got.utf8, parts["text/plain"])
	}
}

// silent is the port of a server that says nothing.
func silent(t *testing.T, greeting string) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, greeting)
			_, _ = io.Copy(io.Discard, c) // until the client goes
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().(*net.TCPAddr).Port
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	for _, greeting := range []string{"", "220 hello\r\n"} {
		for _, encryption := range []string{"none", "starttls", "tls"} {
			if greeting != "" && encryption == "tls" {
				continue // no server greets before the handshake
			}
			s := &server{port: silent(t, greeting)}
			sender := s.sender(t, encryption, func(o *mail.SMTPOptions) { o.Timeout = 200 * time.Millisecond })
			begun := time.Now()
			if err := sender.Send(t.Context(), message("ada")); err == nil || time.Since(begun) > 5*time.Second {
				t.Errorf("%q, %s: %v after %s", greeting, encryption, err, time.Since(begun))
			}

			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			begun = time.Now()
			err := s.sender(t, encryption, nil).Send(ctx, message("ada"))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 5*time.Second {
				t.Errorf("%q, %s, with a context that ends: %v after %s", greeting, encryption, err, time.Since(begun))
			}
		}
	}
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	good := mail.SMTPOptions{Host: "localhost", From: "a@b"}
	if _, err := mail.NewSMTP(good); err != nil {
		t.Error(err)
	}
	for key, change := range map[string]func(*mail.SMTPOptions){
		"mail.host": func(o *mail.SMTPOptions) { o.Host = "" },
		"mail.port": func(o *mail.SMTPOptions) { o.Port = -1 },
		"mail.tls":  func(o *mail.SMTPOptions) { o.TLS = "ssl" },
		"mail.from": func(o *mail.SMTPOptions) { o.From = "nobody" },
	} {
		o := good
		change(&o)
		if _, err := mail.NewSMTP(o); err == nil || !strings.Contains(err.Error(), "set "+key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}
