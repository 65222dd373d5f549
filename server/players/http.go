package players

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"gatehouse/server/fault"
	"gatehouse/users/keys"
	"gatehouse/users/players"
)

// maxBody is how large a body may be.
const maxBody = 1 << 20

// Call is a request of a game client.
type Call struct {
	*http.Request
	key    keys.Key
	fields map[string]json.RawMessage // of the body
	wrong  error                      // with the body
	alias  players.Alias              // of the header, where the route needs one
}

// problems are what is wrong with a part of a request: by the dotted path, in
// words.
type problems map[string][]string

func (p problems) add(path, words string) { p[path] = append(p[path], words) }

// Route is one of the routes under /v1.
type Route struct {
	enters  bool   // it lets somebody in, and is counted apart
	scope   string // that the key needs; empty: none
	aliased bool   // the header x-talo-alias says who plays

	body, query, path func(c *Call, wrong problems) // nil: nothing to look at
	do                func(ctx context.Context, v *Service, c *Call) (answer any, err error)
}

// refusal is an error of these routes.
type refusal struct {
	status int
	body   any
	after  int // seconds until it is worth trying again; 0: unknown
}

func (r *refusal) Error() string { return http.StatusText(r.status) }

// refuse is an error with words.
func refuse(status int, words string) error {
	return &refusal{status: status, body: map[string]string{"message": words}}
}

// refuseInput is an error that says what is wrong with what was sent.
func refuseInput(wrong problems) error {
	return &refusal{status: http.StatusBadRequest, body: map[string]problems{"errors": wrong}}
}

var (
	errToken    = refuse(http.StatusUnauthorized, "Please provide a valid token in the Authorization header")
	errTooMany  = &refusal{http.StatusTooManyRequests, map[string]string{"message": "Too Many Requests"}, 60}
	errNoPlayer = refuse(http.StatusNotFound, "Player not found")
)

// ServeRoute answers a request.
func (v *Service) ServeRoute(w http.ResponseWriter, r *http.Request, remote netip.Addr, route Route) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	c := &Call{Request: r}
	var answer any
	err := v.admit(c, remote, route)
	if err == nil {
		c.read()
		answer, err = v.answer(c, route)
	}
	if err != nil {
		v.fail(w, err)
		return
	}
	head(w)
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	write(w, http.StatusOK, answer)
}

func head(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

func write(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // shapes of texts, numbers and times: it cannot be
		status, b = http.StatusInternalServerError, []byte(`{"message":"Internal Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// A request is looked at in the order in which clients expect it to be looked at:
// how many, who, what, whether that may be, and for whom.

// admit looks at how many there are, and who asks.
func (v *Service) admit(c *Call, remote netip.Addr, route Route) error {
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	key, err := v.o.Keys.Verify(ctx, bearer(c.Request))
	if err != nil && !errors.Is(err, keys.ErrWrong) {
		return err
	}
	s := v.settings.Load()
	most := s.RequestsPerMinute
	if route.enters {
		most = s.EntriesPerMinute
	}
	// Keys that are wrong are counted as one, or there would be no end of them.
	if !v.rates.allow(visitor{key.ID, remote, route.enters}, most) {
		return errTooMany
	}
	if err != nil {
		return errToken
	}
	c.key = key
	return nil
}

// answer looks at what is asked for, and does it. Its time begins when all has
// arrived.
func (v *Service) answer(c *Call, route Route) (any, error) {
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	key := c.key
	id, err := c.validate(route)
	if err != nil {
		return nil, err
	}
	if missing := missingScopes(key, scopesOf(route.scope)); len(missing) > 0 {
		return nil, refuse(http.StatusForbidden, lacks(missing))
	}
	if route.aliased {
		c.alias, err = v.o.Players.Alias(ctx, id)
		if err != nil {
			return nil, err
		}
	}
	return route.do(ctx, v, c)
}

func scopesOf(scope string) []string {
	if scope == "" {
		return nil
	}
	return []string{scope}
}

// bearer is the access key that a request shows, or "".
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// validate looks at the body, the query, the path and the headers, and stops at
// the first of them that has faults. It returns the id of the alias.
func (c *Call) validate(route Route) (alias int64, err error) {
	if c.wrong != nil {
		return 0, c.wrong
	}
	for _, look := range []func(*Call, problems){route.body, route.query, route.path} {
		wrong := problems{}
		if look != nil {
			look(c, wrong)
		}
		if len(wrong) > 0 {
			return 0, refuseInput(wrong)
		}
	}
	if !route.aliased {
		return 0, nil
	}
	sent := c.Header.Values("X-Talo-Alias")
	if len(sent) == 0 {
		return 0, refuseInput(problems{"x-talo-alias": {"x-talo-alias is missing from the request headers"}})
	}
	if sent[0] == "" || strings.Trim(sent[0], "0123456789") != "" {
		return 0, refuseInput(problems{"x-talo-alias": {"x-talo-alias header must be a numeric string"}})
	}
	if alias, err = strconv.ParseInt(sent[0], 10, 64); err != nil {
		alias = math.MaxInt64 // more than there can be, which is told when it is its turn
	}
	return alias, nil
}

// read reads the body, a JSON object; an empty one is {}. What is wrong with it is
// told when it is its turn.
func (c *Call) read() {
	b, err := io.ReadAll(c.Body)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		c.wrong = refuse(http.StatusRequestEntityTooLarge, "The body is larger than "+strconv.Itoa(maxBody)+" bytes")
		return
	case err != nil:
		c.wrong = refuseInput(problems{"": {"The body could not be read"}})
		return
	case len(strings.TrimSpace(string(b))) == 0:
		b = []byte("{}")
	}
	fields, ok := object(b)
	if !ok {
		c.wrong = refuseInput(problems{"": {"The body must be a JSON object"}})
	}
	c.fields = fields
}

// given is a field of the body; null is as if it were not given.
func (c *Call) given(name string) json.RawMessage {
	if raw := c.fields[name]; string(raw) != "null" {
		return raw
	}
	return nil
}

// fail answers with an error.
func (v *Service) fail(w http.ResponseWriter, err error) {
	var r *refusal
	if !errors.As(err, &r) {
		switch {
		case errors.Is(err, players.ErrUnknown):
			errors.As(errNoPlayer, &r)
		case errors.Is(err, players.ErrTooManyProps), errors.Is(err, players.ErrTooManyKeys):
			r = &refusal{status: http.StatusBadRequest, body: map[string]string{"message": err.Error()}}
		case errors.Is(err, players.ErrBusy):
			r = &refusal{http.StatusServiceUnavailable, map[string]string{"message": err.Error()}, 1}
		default:
			e := fault.From(err)
			if witness, ok := w.(fault.Witness); ok && e.Code == fault.Internal {
				witness.Internal(err)
			}
			r = &refusal{status: e.Status(), body: map[string]string{"message": e.Message}}
			if r.status == http.StatusServiceUnavailable {
				r.after = 5
			}
		}
	}
	head(w)
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if r.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.after))
	}
	write(w, r.status, r.body)
}
