package players

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gatehouse/users/players"
)

// writtenView is a value of a storage with whose it is.
type writtenView struct {
	Key           string     `json:"key"`
	Value         string     `json:"value"`
	CreatedBy     *aliasView `json:"createdBy,omitempty"`
	LastUpdatedBy *aliasView `json:"lastUpdatedBy,omitempty"`
	CreatedAt     string     `json:"createdAt"`
	UpdatedAt     string     `json:"updatedAt"`
}

// writers reads aliases once for each answer.
type writers struct {
	v     *Service
	known map[int32]*aliasView
}

func (v *Service) writers() *writers { return &writers{v, map[int32]*aliasView{}} }

func (w *writers) alias(ctx context.Context, id int32) (*aliasView, error) {
	if found, ok := w.known[id]; ok {
		return found, nil
	}
	a, err := w.v.o.Players.Alias(ctx, int64(id))
	if errors.Is(err, players.ErrUnknown) {
		w.known[id] = nil
		return nil, nil //nolint:nilnil // it is gone, and left out
	}
	if err != nil {
		return nil, err
	}
	w.known[id] = ownerOf(&a)
	return w.known[id], nil
}

func (w *writers) views(ctx context.Context, list []players.Stored) ([]writtenView, error) {
	views := make([]writtenView, len(list))
	for i, s := range list {
		views[i] = writtenView{Key: s.Key, Value: s.Value, CreatedAt: told(s.CreatedAt), UpdatedAt: told(s.UpdatedAt)}
		var err error
		if views[i].CreatedBy, err = w.alias(ctx, s.CreatedBy); err != nil {
			return nil, err
		}
		if views[i].LastUpdatedBy, err = w.alias(ctx, s.LastUpdatedBy); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func oneProp(c *Call, wrong problems) {
	if c.URL.Query().Get("propKey") == "" {
		wrong.add("propKey", "propKey is missing from the request query")
	}
}

// getStorage answers one key: of several values a list in JSON, as a text.
func getStorage(ctx context.Context, v *Service, c *Call) (any, error) {
	key := c.URL.Query().Get("propKey")
	found, err := v.o.Players.Storage(ctx, c.alias, c.id(), key)
	if err != nil {
		return nil, channelFault(err)
	}
	views, err := v.writers().views(ctx, found[0])
	if err != nil {
		return nil, err
	}
	var answer struct {
		Prop *writtenView `json:"prop"`
	}
	if len(views) > 0 {
		answer.Prop = &views[0]
	}
	if strings.HasSuffix(key, "[]") && len(views) > 0 {
		values := make([]string, len(views))
		for i, one := range views {
			values[i] = one.Value
		}
		b, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		answer.Prop.Value = string(b)
	}
	return answer, nil
}

// propKeys are the keys that are asked for.
func (c *Call) propKeys() []string {
	q := c.URL.Query()
	return append(q["propKeys"], q["propKeys[]"]...)
}

func someProps(c *Call, wrong problems) {
	switch n := len(c.propKeys()); {
	case n == 0:
		wrong.add("propKeys", "propKeys is missing from the request query")
	case n > maxPropKeys:
		wrong.add("propKeys", fmt.Sprintf("propKeys can be at most %d", maxPropKeys))
	}
}

func listStorage(ctx context.Context, v *Service, c *Call) (any, error) {
	found, err := v.o.Players.Storage(ctx, c.alias, c.id(), c.propKeys()...)
	if err != nil {
		return nil, channelFault(err)
	}
	views, writers := []writtenView{}, v.writers()
	for _, values := range found {
		more, err := writers.views(ctx, values)
		if err != nil {
			return nil, err
		}
		views = append(views, more...)
	}
	return map[string][]writtenView{"props": views}, nil
}

func storageChanges(c *Call, wrong problems) {
	if _, given := c.fields["props"]; !given {
		wrong.add("props", "props is missing from the request body")
		return
	}
	if readProps(c, wrong) == nil && len(wrong) == 0 {
		wrong.add("props", "Props must be an array")
	}
}

func putStorage(ctx context.Context, v *Service, c *Call) (any, error) {
	done, err := v.o.Players.PutStorage(ctx, c.alias, c.id(), readProps(c, problems{}))
	if err != nil {
		return nil, channelFault(err)
	}
	answer := struct {
		Channel  channelView        `json:"channel"`
		Upserted []writtenView      `json:"upsertedProps"`
		Deleted  []writtenView      `json:"deletedProps"`
		Failed   []players.Rejected `json:"failedProps"`
	}{Channel: channelOf(done.Channel), Failed: done.Failed}
	if answer.Failed == nil {
		answer.Failed = []players.Rejected{}
	}
	writers := v.writers()
	if answer.Upserted, err = writers.views(ctx, done.Upserted); err != nil {
		return nil, err
	}
	answer.Deleted, err = writers.views(ctx, done.Deleted)
	return answer, err
}
