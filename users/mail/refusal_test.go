package mail_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-smtp"

	"gatehouse/users/mail"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code     int
		enhanced smtp.EnhancedCode
		refused  bool
	}{
		"unknown":            {550, smtp.EnhancedCode{5, 1, 1}, true},
		"without more":       {550, smtp.NoEnhancedCode, true},
		"full for good":      {552, smtp.EnhancedCode{5, 2, 2}, true},
		"no address":         {501, smtp.EnhancedCode{5, 1, 3}, true},
		"full for now":       {452, smtp.EnhancedCode{4, 2, 2}, false},
		"grey list":          {451, smtp.EnhancedCode{4, 7, 1}, false},
		"this server is not": {550, smtp.EnhancedCode{5, 7, 1}, false},
		"login needed":       {530, smtp.EnhancedCode{5, 7, 0}, false},
		"confused":           {503, smtp.EnhancedCode{5, 5, 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&server{rcpt: func(to string) error {
				return &smtp.SMTPError{Code: c.code, EnhancedCode: c.enhanced, Message: "<" + to + "> no"}
			}}).serve(t, "none", 0)
			err := s.sender(t, "none", nil).Send(t.Context(), message("ada"))
			if err == nil || errors.Is(err, mail.ErrRefused) != c.refused || strings.Contains(err.Error(), "affected") {
				t.Errorf("%v", err)
			}
		})
	}
	s := new(server).serve(t, "none", 0)
	for _, to := range []string{"", "ada", "ada@a\r\nBcc: b@c", "a@b, c@d"} {
		m := message("ada")
		m.To = to
		if err := s.sender(t, "none", nil).Send(t.Context(), m); !errors.Is(err, mail.ErrRefused) {
			t.Errorf("to %q: %v", to, err)
		}
	}
}

// The whole way: the server is dead, and then it is not. No other test runs
// meanwhile, which could take the port.
func TestOutboxAndServer(t *testing.T) {
	port := new(server).serve(t, "none", 0)
	port.close()
	st := open(t)
	o, l := fast(st, port.sender(t, "none", nil))
	run(t, mail.New(o))
	enqueue(t, st, mail.Job{Kind: mail.Activation, User: "ada"}, mail.Job{Kind: mail.Reset, User: "bob"}, mail.Job{Kind: mail.Taken, User: "eve"})
	eventually(t, "the failure is logged", func() bool { return l.lines("cannot be sent") == 1 })

	var refused atomic.Int32
	alive := (&server{rcpt: func(to string) error {
		if strings.HasPrefix(to, "x.eve") {
			refused.Add(1)
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + strings.ToUpper(to) + "> x.eve is unknown"}
		}
		return nil
	}}).serve(t, "none", port.port)
	empty(t, st)
	subjects := make(map[string]bool)
	for range 2 {
		header, _ := read(t, (<-alive.got).data)
		subjects[header.Get("Subject")] = true
	}
	if !subjects["Confirm your address"] || !subjects["Choose a new password"] || len(alive.got) != 0 {
		t.Errorf("%v", subjects)
	}
	if refused.Load() != 1 || l.lines("refused for good; it is given up") != 1 || l.lines("sent again") != 1 {
		t.Errorf("refused %d times, logged\n%s", refused.Load(), l)
	}
	if text := strings.ToLower(l.String()); strings.Contains(text, "x.eve") || strings.Contains(text, domain) {
		t.Errorf("an address is logged:\n%s", l)
	}
	l.clean(t)
}
