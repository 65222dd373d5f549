package realtime

import (
	"context"
	"encoding/json"
	"net/http"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
	"gatehouse/users/resources"
)

// documentView is a collection or a live configuration, as it is answered.
type documentView struct {
	Name    string          `json:"name"`
	UserID  string          `json:"userId,omitempty"` // of a private one
	Data    json.RawMessage `json:"data,omitempty"`
	Version string          `json:"version"`
}

// finder finds the resource that a request names.
type finder func(ctx context.Context, v *Service, c *Call) (resources.Resource, error)

// collection is the one of the path; a private one that of the viewer, or of whom
// id names.
func collection(ctx context.Context, v *Service, c *Call) (resources.Resource, error) {
	name, owner := c.PathValue("name"), ""
	if name == resources.Private {
		var err error
		if owner, err = v.owner(ctx, c.Viewer, c.URL.Query().Get("id"), c.Method != http.MethodGet); err != nil {
			return resources.Resource{}, err
		}
	}
	return resources.InCollection(c.Place, owner, name)
}

func liveConfig(_ context.Context, _ *Service, c *Call) (resources.Resource, error) {
	return resources.InLiveConfig(c.Place, c.PathValue("name"))
}

// Documents are the handlers of one type of documents.
type Documents struct{ Get, Put, Delete Handler }

// Collections are those of collections.
func (v *Service) Collections() Documents { return v.documents(collection) }

// LiveConfigs are those of live configurations.
func (v *Service) LiveConfigs() Documents { return v.documents(liveConfig) }

func (v *Service) documents(find finder) Documents {
	of := func(do func(context.Context, *Call, finder) (any, error)) Handler {
		return func(ctx context.Context, c *Call) (any, error) { return do(ctx, c, find) }
	}
	return Documents{of(v.get), of(v.put), of(v.remove)}
}

// found is the resource that a request names, of which the viewer may do what it
// asks for.
func (v *Service) found(ctx context.Context, c *Call, find finder, may func(resources.Viewer, resources.Resource) bool) (resources.Resource, error) {
	r, err := find(ctx, v, c)
	if err == nil && !may(c.Viewer, r) {
		err = errNotAllowed
	}
	return r, err
}

func (v *Service) get(ctx context.Context, c *Call, find finder) (any, error) {
	r, err := v.found(ctx, c, find, resources.Viewer.MayRead)
	if err != nil {
		return nil, err
	}
	now, err := v.o.Resources.Get(ctx, r)
	if err == nil && !now.Exists {
		err = resources.ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return documentView{r.Name, r.UserID, store.JSONValue(now.Data), now.Version.String()}, nil
}

// put writes what stands under data, an object.
func (v *Service) put(ctx context.Context, c *Call, find finder) (any, error) {
	r, err := v.found(ctx, c, find, resources.Viewer.MayWrite)
	if err != nil {
		return nil, err
	}
	body, err := request.ParseBody(c.body, "data", "ifVersion")
	if err != nil {
		return nil, err
	}
	if err := sized(c.body); err != nil {
		return nil, err
	}
	data, given := body.Value("data")
	if _, object := data.(bson.D); !object {
		if !given {
			return nil, fault.Invalid("data", "is missing")
		}
		return nil, fault.Invalid("data", "must be an object")
	}
	ifVersion, err := condition(body)
	if err != nil {
		return nil, err
	}
	version, err := v.write(ctx, c, r, data, ifVersion)
	if err != nil {
		return nil, err
	}
	return documentView{Name: r.Name, UserID: r.UserID, Version: version.String()}, nil
}

func (v *Service) remove(ctx context.Context, c *Call, find finder) (any, error) {
	r, err := v.found(ctx, c, find, resources.Viewer.MayWrite)
	if err != nil {
		return nil, err
	}
	var ifVersion *resources.Version
	if q := c.URL.Query(); q.Has("ifVersion") {
		version, err := resources.ParseVersion(q.Get("ifVersion"))
		if err != nil {
			return nil, fault.New(fault.InvalidParameter, "ifVersion "+err.Error())
		}
		ifVersion = &version
	}
	version, err := v.o.Resources.Delete(ctx, r, ifVersion)
	if err != nil {
		return nil, err
	}
	return documentView{Name: r.Name, UserID: r.UserID, Version: version.String()}, nil
}
