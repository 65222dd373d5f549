package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/users"
)

// Users are the accounts, as this package needs them.
type Users interface {
	Get(ctx context.Context, by users.Actor, name string) (users.User, error)
	Create(ctx context.Context, by users.Actor, n users.NewUser) (users.User, error)
	CreateAdmin(ctx context.Context, n users.NewUser) (users.User, error)
	List(ctx context.Context, by users.Actor, search string, skip, limit int) (page []users.User, more bool, err error)
	SetPassword(ctx context.Context, name, password string) error
	Delete(ctx context.Context, by users.Actor, name string) error
	Import(ctx context.Context, document bson.D) error
}

// UserAdmin is what an operator does with the users: [Administer] does it with
// the accounts themselves, [Client.Users] at the server that has them.
type UserAdmin interface {
	// Create makes an account that is activated: an admin's, the first of whom
	// is the super admin, or a regular user's.
	Create(ctx context.Context, n users.NewUser, admin bool) (users.User, error)

	// List is [users.Accounts.List]. Over the socket users come without meta,
	// and at most [MaxPage] at once.
	List(ctx context.Context, search string, skip, limit int) (page []users.User, more bool, err error)

	// SetPassword sets the password of the user of this name or address, ends
	// its sessions, and returns the username.
	SetPassword(ctx context.Context, name, password string) (string, error)

	// Delete removes the user of this name or address, and returns the
	// username.
	Delete(ctx context.Context, name string) (string, error)

	// Import takes over documents of the original server, each a line of JSON,
	// and says of each what became of it, in their order. There may be
	// [MaxBatch] of [MaxBatchBytes] together, or one of [MaxLine]. An error is
	// of all: what became of them is not known then.
	Import(ctx context.Context, lines [][]byte) ([]Imported, error)
}

// MaxPage is how many users are listed at once.
const MaxPage = 500

// Administer returns what an operator does with these accounts.
func Administer(u Users) UserAdmin { return local{u} }

type local struct{ accounts Users }

func (l local) Create(ctx context.Context, n users.NewUser, admin bool) (users.User, error) {
	if admin {
		return l.accounts.CreateAdmin(ctx, n)
	}
	return l.accounts.Create(ctx, users.Operator(), n)
}

func (l local) List(ctx context.Context, search string, skip, limit int) ([]users.User, bool, error) {
	return l.accounts.List(ctx, users.Operator(), search, max(skip, 0), min(max(limit, 1), MaxPage))
}

func (l local) SetPassword(ctx context.Context, name, password string) (string, error) {
	u, err := l.accounts.Get(ctx, users.Operator(), name)
	if err == nil {
		err = l.accounts.SetPassword(ctx, name, password)
	}
	return u.Username, err
}

func (l local) Delete(ctx context.Context, name string) (string, error) {
	u, err := l.accounts.Get(ctx, users.Operator(), name)
	if err == nil {
		err = l.accounts.Delete(ctx, users.Operator(), name)
	}
	return u.Username, err
}

// Users returns what an operator does with the users at the server.
func (c *Client) Users() UserAdmin { return remote{c} }

type remote struct{ c *Client }

func (r remote) Create(ctx context.Context, n users.NewUser, admin bool) (users.User, error) {
	var made user
	err := r.c.call(ctx, http.MethodPost, "/users", newUser{n.Username, n.Email, n.Password, admin}, &made)
	return made.user(), err
}

func (r remote) List(ctx context.Context, search string, skip, limit int) ([]users.User, bool, error) {
	q := url.Values{"search": {search}, "index": {strconv.Itoa(skip)}, "limit": {strconv.Itoa(limit)}}
	var answer userPage
	err := r.c.call(ctx, http.MethodGet, "/users?"+q.Encode(), nil, &answer)
	page := make([]users.User, len(answer.Users))
	for i, u := range answer.Users {
		page[i] = u.user()
	}
	return page, answer.More, err
}

func (r remote) SetPassword(ctx context.Context, name, password string) (string, error) {
	var changed username
	err := r.c.call(ctx, http.MethodPut, "/users/password", newPassword{name, password}, &changed)
	return changed.Username, err
}

func (r remote) Delete(ctx context.Context, name string) (string, error) {
	var deleted username
	err := r.c.patient(deletionTimeout+10*time.Second).call(ctx, http.MethodDelete, "/users?name="+url.QueryEscape(name), nil, &deleted)
	return deleted.Username, err
}

// newUser asks for an account.
type newUser struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Password string `json:"password"`
	Admin    bool   `json:"admin"`
}

// newPassword asks for another password.
type newPassword struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// username says whose account was changed, whatever it was called in the
// question.
type username struct {
	Username string `json:"username"`
}

// user is an account, but for its meta.
type user struct {
	Username     string           `json:"username"`
	Email        string           `json:"email"`
	Privileges   users.Privileges `json:"privileges"`
	Activated    bool             `json:"activated"`
	CreatedOn    time.Time        `json:"createdOn,omitzero"`
	LastLoggedIn time.Time        `json:"lastLoggedIn,omitzero"`
}

func userOf(u users.User) user {
	return user{u.Username, u.Email, u.Privileges, u.Activated, u.CreatedOn, u.LastLoggedIn}
}

func (u user) user() users.User {
	return users.User{
		Username: u.Username, Email: u.Email, Privileges: u.Privileges, Activated: u.Activated,
		CreatedOn: u.CreatedOn, LastLoggedIn: u.LastLoggedIn, Meta: bson.Raw{5, 0, 0, 0, 0},
	}
}

// userPage is a part of the list.
type userPage struct {
	Users []user `json:"users"`
	More  bool   `json:"more"`
}
