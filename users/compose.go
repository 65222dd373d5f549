package users

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/mail"
)

// Compose finds whom a job of the outbox means and makes the key that is mailed;
// the one of an earlier mail no longer works. It is [mail.ErrNobody] where there
// is no such user, nothing to say, or enough was written to it lately.
func (a *Accounts) Compose(ctx context.Context, j mail.Job) (mail.Message, error) {
	settings := a.settings.Load()
	found, err := a.find(ctx, j.User)
	switch {
	case errors.Is(err, ErrUnknown):
		return mail.Message{}, mail.ErrNobody
	case err != nil:
		return mail.Message{}, err
	case checkEmail(found.Email) != nil:
		return mail.Message{}, mail.ErrNobody
	}
	m := mail.Message{To: found.Email, Username: found.Username, Kind: j.Kind}
	var field, path string
	var lifetime time.Duration
	switch j.Kind {
	case mail.Activation:
		if found.Activated || settings.Activation != ActivationEmail {
			return mail.Message{}, mail.ErrNobody
		}
		field, path, lifetime = registerKeyField, "/auth/activate-account", settings.KeyLifetime
	case mail.Reset:
		field, path, lifetime = resetKeyField, "/auth/password-reset", settings.ResetLifetime
	case mail.Taken:
	default:
		return mail.Message{}, fmt.Errorf("there is no mail of the kind %q", j.Kind)
	}
	if j.Attempts == 0 { // another try at the same mail is no further mail
		switch err := a.attempt(ctx, mailsTo(), string(j.Kind)+"\x00"+fold(found.Username)); {
		case errors.As(err, new(*SlowedError)):
			return mail.Message{}, mail.ErrNobody
		case err != nil:
			return mail.Message{}, err
		}
	}
	if field == "" {
		return m, nil
	}
	var stored string
	m.Key, stored = newKey(time.Now(), lifetime)
	m.Hours = lifetime.Hours()
	m.Link = settings.URL + path + "?" + url.Values{"user": {found.Username}, "key": {m.Key}}.Encode()
	err = a.store.Apply(ctx, store.Update(users, found.id, bson.D{{Key: field, Value: stored}}).IfField(field, valueAt(found.raw, field)))
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		// Activated, deleted, or another mail meanwhile: to be looked at anew.
		return mail.Message{}, &store.UnavailableError{Err: err}
	}
	return m, err
}
