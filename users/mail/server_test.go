package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"gatehouse/users/mail"
)

const password = "p4ssw0rd-of-the-server"

// received is a mail as the server got it.
type received struct {
	from, to string
	utf8     bool // was asked for
	user     string
	tls      bool
	data     []byte
}

// server is an SMTP server, for real.
type server struct {
	auth bool // a login is needed
	rcpt func(to string) error

	roots *x509.CertPool
	port  int
	got   chan received
	close func()
}

// serve starts it on a port of its own, or on port if that is not 0.
func (s *server) serve(t *testing.T, encryption string, port int) *server {
	t.Helper()
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	srv.Domain, srv.AllowInsecureAuth, srv.EnableSMTPUTF8 = "localhost", encryption == "none", true
	srv.ErrorLog = quiet{}
	var config *tls.Config
	config, s.roots = certificate(t)
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	s.got = make(chan received, 100)
	var accepting net.Listener = listener
	switch encryption {
	case "starttls":
		srv.TLSConfig = config
	case "tls":
		accepting = tls.NewListener(listener, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(accepting)
	}()
	s.close = sync.OnceFunc(func() {
		_ = srv.Close()
		_ = listener.Close() // the server may not know it yet
		<-done
	})
	t.Cleanup(s.close)
	return s
}

// sender is one that sends to the server.
func (s *server) sender(t *testing.T, encryption string, change func(*mail.SMTPOptions)) *mail.SMTP {
	t.Helper()
	o := mail.SMTPOptions{
		Host: "localhost", Port: s.port, From: "Gatehouse <no-reply@example.org>", TLS: encryption, RootCAs: s.roots,
		Timeout: 10 * time.Second,
	}
	if change != nil {
		change(&o)
	}
	sender, err := mail.NewSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

type session struct {
	server *server
	conn   *smtp.Conn
	r      received
}

func (s *session) Reset()                 { s.r = received{user: s.r.user} }
func (s *session) Logout() error          { return nil }
func (s *session) login() bool            { return !s.server.auth || s.r.user != "" }
func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, given string) error {
		if given != password {
			return errors.New("wrong")
		}
		s.r.user = username
		return nil
	}), nil
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if !s.login() {
		return smtp.ErrAuthRequired
	}
	s.r.from, s.r.utf8 = from, o.UTF8
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.r.to = to
	if s.server.rcpt != nil {
		return s.server.rcpt(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) (err error) {
	s.r.data, err = io.ReadAll(r)
	_, s.r.tls = s.conn.TLSConnectionState()
	s.server.got <- s.r
	return err
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// certificate makes one for localhost that nobody vouches for, and a pool that
// does.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
