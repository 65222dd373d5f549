package mail

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// Log is a sender that sends nothing: it logs the links, for whoever tries the
// server out, or runs it where no mail is needed. Make it with [NewLog].
type Log struct {
	logger *slog.Logger
	hint   sync.Once
}

// NewLog returns a sender that logs.
func NewLog(logger *slog.Logger) *Log { return &Log{logger: logger} }

// Send logs the mail's link with its kind and username. The address stays out
// of the log.
func (l *Log) Send(ctx context.Context, m Message) error {
	if m.Link == "" {
		l.logger.DebugContext(ctx, "a mail that is not sent", "kind", string(m.Kind), "username", named(m.Username))
		return nil
	}
	l.hint.Do(func() {
		l.logger.InfoContext(ctx, "no mail is sent, and links are logged instead; set mail.host to send mails")
	})
	link := m.Link
	if strings.Contains(m.Username, "@") { // another program made it: the link holds it, too
		link = "not logged, since the username is an address"
	}
	l.logger.InfoContext(ctx, "a mail that is not sent", "kind", string(m.Kind), "username", named(m.Username), "link", link)
	return nil
}
