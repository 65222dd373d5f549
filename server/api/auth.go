package api

import (
	"context"
	"errors"
	"net/http"

	"gatehouse/users"
)

// newUser reads what an account begins with.
func (c *Call) newUser(more ...string) (n users.NewUser, err error) {
	body, err := c.fields(append([]string{"username", "email", "password", "meta"}, more...)...)
	if err != nil {
		return n, err
	}
	texts, err := body.Texts("username", "email", "password")
	if err != nil {
		return n, err
	}
	n.Username, n.Email, n.Password = texts[0], texts[1], texts[2]
	meta, err := body.Object("meta")
	if meta != nil {
		n.Meta = *meta
	}
	if err != nil {
		return n, err
	}
	privileges, err := body.Whole("privileges")
	if privileges != nil {
		if n.Privileges = users.Privileges(*privileges); n.Privileges == 0 {
			n.Privileges = -1 // given, and wrong
		}
	}
	return n, err
}

// Register makes an account, and says what it still needs.
func (a *Accounts) Register(ctx context.Context, c *Call) (Answer, error) {
	n, err := c.newUser()
	if err != nil {
		return Answer{}, err
	}
	activation, err := a.o.Accounts.Register(ctx, n, c.Remote)
	return Answer{status: http.StatusCreated, body: struct {
		Username   string           `json:"username"`
		Activation users.Activation `json:"activation"`
	}{n.Username, activation}}, err
}

// whoIs answers who is logged in.
type whoIs struct {
	Authenticated bool      `json:"authenticated"`
	User          *userView `json:"user,omitempty"`
}

// Login begins a session.
func (a *Accounts) Login(ctx context.Context, c *Call) (Answer, error) {
	body, err := c.fields("username", "password", "rememberMe")
	if err != nil {
		return Answer{}, err
	}
	texts, err := body.Texts("username", "password")
	if err != nil {
		return Answer{}, err
	}
	credentials := users.Credentials{Name: texts[0], Password: texts[1], Replaces: c.Token, From: c.Remote}
	if credentials.Remember, err = body.Flag("rememberMe"); err != nil {
		return Answer{}, err
	}
	user, session, token, err := a.o.Accounts.Login(ctx, credentials)
	if err != nil {
		return Answer{}, err
	}
	view := viewOf(user)
	return Answer{status: http.StatusOK, body: whoIs{true, &view}, cookie: a.Cookie(token, session)}, nil
}

// Logout ends the session that was shown, if it is one.
func (a *Accounts) Logout(ctx context.Context, c *Call) (Answer, error) {
	err := a.o.Accounts.Logout(ctx, c.Token)
	return Answer{status: http.StatusOK, body: whoIs{}, cookie: a.Cookie("", users.Session{})}, err
}

// Authenticated tells who is logged in.
func (a *Accounts) Authenticated(ctx context.Context, c *Call) (Answer, error) {
	actor, session, err := a.o.Accounts.Session(ctx, c.Token)
	switch {
	case errors.Is(err, users.ErrNoSession):
		return Answer{status: http.StatusOK, body: whoIs{}}, nil
	case err != nil:
		return Answer{}, err
	}
	view := viewOf(actor.User)
	answer := Answer{status: http.StatusOK, body: whoIs{true, &view}}
	if session.Remember {
		answer.cookie = a.Cookie(c.Token, session)
	}
	return answer, nil
}

// Activate takes the key that was mailed. People come here by the mail's link.
func (a *Accounts) Activate(ctx context.Context, c *Call) (Answer, error) {
	q := c.Request.URL.Query()
	err := a.o.Accounts.Activate(ctx, q.Get("user"), q.Get("key"), c.Remote)
	html := wantsPage(c.Request)
	switch {
	case html && err == nil:
		return Answer{status: http.StatusOK, page: activatedPage}, nil
	case html && errors.Is(err, users.ErrKey):
		return Answer{status: http.StatusBadRequest, page: refusedPage}, nil
	}
	return Answer{status: http.StatusOK, body: map[string]bool{"activated": true}}, err
}

// accepted is the answer to who asks for a mail, whether there is anybody to
// write to or not.
var accepted = Answer{status: http.StatusAccepted, body: map[string]bool{"accepted": true}}

// ResendActivation asks for another mail to activate an account.
func (a *Accounts) ResendActivation(ctx context.Context, c *Call) (Answer, error) {
	return accepted, a.o.Accounts.ResendActivation(ctx, c.user(), c.Remote)
}

// RequestReset asks for a mail to choose a new password.
func (a *Accounts) RequestReset(ctx context.Context, c *Call) (Answer, error) {
	return accepted, a.o.Accounts.RequestReset(ctx, c.user(), c.Remote)
}

// Approve activates an account without a key.
func (a *Accounts) Approve(ctx context.Context, c *Call) (Answer, error) {
	user, err := a.o.Accounts.Approve(ctx, c.Actor, c.user())
	return Answer{status: http.StatusOK, body: viewOf(user)}, err
}

// Reset takes the key that was mailed, and a new password.
func (a *Accounts) Reset(ctx context.Context, c *Call) (Answer, error) {
	body, err := c.fields("user", "key", "password")
	if err != nil {
		return Answer{}, err
	}
	texts, err := body.Texts("user", "key", "password")
	if err != nil {
		return Answer{}, err
	}
	err = a.o.Accounts.Reset(ctx, texts[0], texts[1], texts[2], c.Remote)
	return Answer{status: http.StatusOK, body: map[string]bool{"reset": true}}, err
}

// ResetPage is where the link of a mail leads: a form that calls Reset.
func (a *Accounts) ResetPage(context.Context, *Call) (Answer, error) {
	return Answer{status: http.StatusOK, page: resetPage}, nil
}
