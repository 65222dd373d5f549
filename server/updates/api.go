package updates

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/server/fault"
	"gatehouse/users"
	"gatehouse/users/profiles"
)

// Scope is the one that an access key needs to change characters.
const Scope = "rp:character-profile:all.write"

// apiTimeout is how long a request waits for the store.
const apiTimeout = 4500 * time.Millisecond

// Call is a request of the profile API; world and name are its path values.
type Call struct {
	*http.Request
	Editor profiles.Editor // who changes something; the zero value is nobody
}

// Handler does what a request asks for.
type Handler func(ctx context.Context, c *Call) (status int, body any, err error)

// Serve has a handler do what is asked for, and answers. Errors have this API's
// own shape.
func (v *Service) Serve(w http.ResponseWriter, c *Call, h Handler) {
	ctx, cancel := context.WithTimeout(c.Context(), apiTimeout)
	defer cancel()
	if c.Body != nil {
		c.Body = http.MaxBytesReader(w, c.Body, int64(v.o.MaxBodyBytes))
	}
	status, body, err := h(ctx, c)
	if err != nil {
		Fail(w, err)
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		Fail(w, err)
		return
	}
	head := w.Header()
	head.Set("Cache-Control", "no-cache")
	head.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	head.Set("Content-Type", "application/json; charset=utf-8")
	if c.Method == http.MethodGet {
		sum := sha256.Sum256(b)
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		head.Set("ETag", tag)
		if slices.ContainsFunc(strings.Split(c.Header.Get("If-None-Match"), ","), func(t string) bool {
			t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
			return t == tag || t == "*"
		}) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// Get answers a profile. With a session token the token's socket is subscribed
// to the character first, also where there is none.
func (v *Service) Get(ctx context.Context, c *Call) (int, any, error) {
	world, name := c.PathValue("world"), c.PathValue("name")
	if err := v.subscribe(ctx, c.URL.Query().Get("sessionToken"), world, name); err != nil {
		return 0, nil, err
	}
	found, err := v.o.Profiles.Get(ctx, world, name)
	return http.StatusOK, profileOf(found), err
}

// Put changes fields of a profile.
func (v *Service) Put(ctx context.Context, c *Call) (int, any, error) {
	var body map[string]json.RawMessage
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	fields, wrong := map[string]string{}, []string{}
	for _, f := range profiles.Fields {
		raw, given := body[f]
		var text *string
		if given && (json.Unmarshal(raw, &text) != nil || text == nil) {
			wrong = append(wrong, f+" must be a string")
		} else if given {
			fields[f] = *text
		}
	}
	if len(wrong) > 0 {
		return 0, nil, &failure{http.StatusBadRequest, wrong}
	}
	changed, err := v.o.Profiles.Put(ctx, c.Editor, c.PathValue("world"), c.PathValue("name"), fields)
	return http.StatusOK, profileOf(changed), err
}

// characterView is a character without its profile.
type characterView struct {
	World string `json:"world"`
	Name  string `json:"name"`
	Owner string `json:"owner,omitempty"`
}

// Create makes a character. It is for access keys.
func (v *Service) Create(ctx context.Context, c *Call) (int, any, error) {
	var n characterView
	if err := c.read(&n); err != nil {
		return 0, nil, err
	}
	owner, err := v.owner(ctx, &n.Owner)
	if err != nil {
		return 0, nil, err
	}
	made, err := v.o.Profiles.Create(ctx, n.World, n.Name, *owner)
	return http.StatusCreated, characterView{made.World, made.Name, made.Owner}, err
}

// Change renames a character, moves it, or gives it to another user.
func (v *Service) Change(ctx context.Context, c *Call) (int, any, error) {
	var to struct {
		World *string `json:"world"`
		Name  *string `json:"name"`
		Owner *string `json:"owner"`
	}
	if err := c.read(&to); err != nil {
		return 0, nil, err
	}
	if to.Owner != nil && !c.Editor.Program {
		return 0, nil, &failure{http.StatusForbidden, "Only an access key can give a character to somebody"}
	}
	owner, err := v.owner(ctx, to.Owner)
	if err != nil {
		return 0, nil, err
	}
	changed, err := v.o.Profiles.Change(ctx, c.Editor, c.PathValue("world"), c.PathValue("name"), profiles.Changes{World: to.World, Name: to.Name, Owner: owner})
	return http.StatusOK, characterView{changed.World, changed.Name, changed.Owner}, err
}

// owner is a username as it is stored; nil and "" stay what they are.
func (v *Service) owner(ctx context.Context, name *string) (*string, error) {
	if name == nil || *name == "" || v.o.Username == nil {
		return name, nil
	}
	stored, err := v.o.Username(ctx, *name)
	if errors.Is(err, users.ErrUnknown) {
		return nil, &failure{http.StatusBadRequest, []string{"owner must be the name of a user"}}
	}
	return &stored, err
}

// Delete removes a character.
func (v *Service) Delete(ctx context.Context, c *Call) (int, any, error) {
	return http.StatusNoContent, nil, v.o.Profiles.Delete(ctx, c.Editor, c.PathValue("world"), c.PathValue("name"))
}

// profileOf is a profile as it is told: every field, as plain text.
func profileOf(c profiles.Character) json.RawMessage {
	b := []byte{'{'}
	for i, f := range profiles.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, f) // letters only
		b = append(b, ':')
		text, _ := json.Marshal(flatten(c.Profile[f])) // a text: it cannot fail
		b = append(b, text...)
	}
	return append(b, '}')
}

// read reads the body, a JSON object.
func (c *Call) read(into any) error {
	b, err := io.ReadAll(c.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &failure{http.StatusRequestEntityTooLarge, "The body is larger than " + strconv.FormatInt(large.Limit, 10) + " bytes"}
	case err != nil:
		return &failure{http.StatusBadRequest, []string{"the body could not be read"}}
	}
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(b, into); {
	case errors.As(err, &wrong) && wrong.Field != "":
		return &failure{http.StatusBadRequest, []string{wrong.Field + " must be a string"}}
	case err != nil, len(b) == 0, strings.TrimSpace(string(b)) == "null":
		return &failure{http.StatusBadRequest, []string{"the body must be a JSON object"}}
	}
	return nil
}

// failure is an error in this API's own shape. Its message is a text, or several
// of what is wrong with a body.
type failure struct {
	status  int
	message any
}

func (f *failure) Error() string { return http.StatusText(f.status) }

// Unauthorized is the error for who shows neither a key nor a session, Forbidden
// for a key that lacks the scope.
var (
	Unauthorized error = &failure{http.StatusUnauthorized, "Unauthorized"}
	Forbidden    error = &failure{http.StatusForbidden, "The access key lacks the scope " + Scope}
)

// Fail answers with an error.
func Fail(w http.ResponseWriter, err error) {
	f := failureOf(err)
	if f == nil { // the store, or the server itself: status and words are everybody's
		e := fault.From(err)
		if witness, ok := w.(fault.Witness); ok && e.Code == fault.Internal {
			witness.Internal(err)
		}
		f = &failure{e.Status(), e.Message}
		if e.InDoubt {
			f.message = e.Message + "; it may have been done, once"
		}
	}
	switch f.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	b, _ := json.Marshal(struct { // texts and a number: it cannot fail
		StatusCode int    `json:"statusCode"`
		Message    any    `json:"message"`
		Error      string `json:"error"`
	}{f.status, f.message, http.StatusText(f.status)})
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.status)
	_, _ = w.Write(append(b, '\n'))
}

func failureOf(err error) *failure {
	var f *failure
	var invalid *profiles.InvalidError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &invalid):
		return &failure{http.StatusBadRequest, []string{invalid.Error()}}
	case errors.Is(err, profiles.ErrUnknown):
		return &failure{http.StatusNotFound, "Character not found"}
	case errors.Is(err, profiles.ErrNotYours):
		return &failure{http.StatusForbidden, "This is not your character"}
	case errors.Is(err, profiles.ErrTaken):
		return &failure{http.StatusConflict, "There is a character of this name in this world"}
	case errors.Is(err, profiles.ErrBusy):
		return &failure{http.StatusServiceUnavailable, "The character is being changed all the time; try again in a moment"}
	}
	return nil
}
