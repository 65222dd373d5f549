package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/users"
	"gatehouse/users/resources"
)

// maxData is how large the data of a resource may be, as it was sent. A body may
// have a little more.
const (
	maxData = 1 << 20
	maxBody = maxData + 16<<10
)

// Call is a request of the HTTP API. The path value name is unescaped.
type Call struct {
	*http.Request
	Place  resources.Place
	Viewer resources.Viewer

	// Valid asks once more whether what the viewer showed is good.
	Valid func(ctx context.Context) bool

	body []byte
}

// Handler does what a request asks for, and returns what the answer holds: nil is
// nothing.
type Handler func(ctx context.Context, c *Call) (answer any, err error)

// ServeAPI has a handler do what is asked for, and answers.
func (v *Service) ServeAPI(w http.ResponseWriter, c *Call, h Handler) {
	var answer any
	err := c.read(w)
	// The store's time begins when all has arrived.
	ctx, cancel := context.WithTimeout(c.Context(), readTimeout)
	defer cancel()
	if err == nil {
		answer, err = h(ctx, c)
	}
	var b bytes.Buffer
	if err == nil && answer != nil {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false) // of data as large as may be it would make six times as much
		err = e.Encode(answer)
	}
	if err != nil {
		fault.Write(w, faultOf(err))
		return
	}
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	head.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b.Bytes())
}

// read reads all that was sent.
func (c *Call) read(w http.ResponseWriter) (err error) {
	if c.Body == nil || c.Method == http.MethodGet || c.Method == http.MethodDelete {
		return nil
	}
	c.body, err = io.ReadAll(http.MaxBytesReader(w, c.Body, maxBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return fault.New(fault.TooLarge, "the body is larger than "+strconv.Itoa(maxBody)+" bytes")
	case err != nil:
		return fault.New(fault.InvalidJSON, "the body could not be read")
	}
	return nil
}

// write writes a resource. What is somebody's own stays only if that somebody is
// still there behind it: what goes with a user has gone then.
func (v *Service) write(ctx context.Context, c *Call, r resources.Resource, data any, ifVersion *resources.Version) (resources.Version, error) {
	version, err := v.o.Resources.Put(ctx, r, data, ifVersion)
	if err != nil || r.UserID == "" || v.stands(ctx, c, r.UserID) {
		return version, err
	}
	if _, err := v.o.Resources.Delete(ctx, r, &version); err != nil && !errors.Is(err, resources.ErrUnknown) && !errors.Is(err, resources.ErrChanged) {
		return 0, err
	}
	return 0, fault.New(fault.Unauthorized, "the user, the session or the access key is no more")
}

// stands reports whether who writes may still do so, for whom it writes.
func (v *Service) stands(ctx context.Context, c *Call, user string) bool {
	if !c.Viewer.Program || strings.HasPrefix(user, ProgramPrefix) {
		return c.Valid(ctx)
	}
	_, err := v.o.Username(ctx, user)
	return !errors.Is(err, users.ErrUnknown)
}

// faultOf gives an error of the resources its code.
func faultOf(err error) error {
	var missing *resources.MissingHeaderError
	var wrong *resources.NameError
	switch {
	case errors.As(err, &missing):
		return fault.New(fault.InvalidParameter, "the header "+missing.Header+" is missing")
	case errors.As(err, &wrong):
		return fault.Invalid(wrong.Field, wrong.Why)
	case errors.Is(err, resources.ErrUnknown):
		return fault.New(fault.NotFound, err.Error())
	case errors.Is(err, resources.ErrChanged):
		return fault.New(fault.PreconditionFailed, err.Error())
	case errors.Is(err, resources.ErrBusy):
		return fault.New(fault.Busy, err.Error())
	}
	return err
}

// errNotAllowed is also the answer about what does not exist.
var errNotAllowed = fault.New(fault.Forbidden, "who asks is not allowed to do this")

// condition reads ifVersion: nil where it was not given, 0 where it is null, so
// that nothing may be there.
func condition(b request.Body) (*resources.Version, error) {
	given, ok := b.Value("ifVersion")
	text, isText := given.(string)
	switch {
	case !ok:
		return nil, nil //nolint:nilnil // nil is that it was not given
	case given == nil:
		return new(resources.Version), nil
	case !isText:
		return nil, fault.Invalid("ifVersion", resources.ErrVersion.Error()+", or null")
	}
	v, err := resources.ParseVersion(text)
	if err != nil {
		return nil, fault.Invalid("ifVersion", err.Error()+", or null")
	}
	return &v, nil
}

// sized refuses data that are too large; raw is the object in whose field data
// they stand.
func sized(raw []byte) error {
	var sent struct {
		Data json.RawMessage `json:"data"`
	}
	if json.Unmarshal(raw, &sent) == nil && len(sent.Data) > maxData {
		return fault.New(fault.TooLarge, "the data are larger than "+strconv.Itoa(maxData)+" bytes")
	}
	return nil
}
