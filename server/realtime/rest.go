package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"gatehouse/server/fault"
	"gatehouse/server/request"
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
}

// Handler does what a request asks for, and returns what the answer holds: nil is
// nothing.
type Handler func(ctx context.Context, c *Call) (answer any, err error)

// ServeAPI has a handler do what is asked for, and answers.
func (v *Service) ServeAPI(w http.ResponseWriter, c *Call, h Handler) {
	ctx, cancel := context.WithTimeout(c.Context(), readTimeout)
	defer cancel()
	if c.Body != nil {
		c.Body = http.MaxBytesReader(w, c.Body, maxBody)
	}
	answer, err := h(ctx, c)
	var b []byte
	if err == nil && answer != nil {
		b, err = json.Marshal(answer)
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
	_, _ = w.Write(append(b, '\n'))
}

// body reads all that was sent.
func (c *Call) body() ([]byte, error) {
	if c.Body == nil {
		return nil, nil
	}
	b, err := io.ReadAll(c.Body)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, fault.New(fault.TooLarge, "the body is larger than "+strconv.Itoa(maxBody)+" bytes")
	case err != nil:
		return nil, fault.New(fault.InvalidJSON, "the body could not be read")
	}
	return b, nil
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
