package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"gatehouse/store"
	"gatehouse/users/keys"
)

// ErrNoServer says that nobody answers on the socket.
var ErrNoServer = errors.New("no server is running there")

// Client speaks to a running server.
type Client struct {
	path string
	http *http.Client
}

// Dial finds the server that answers at path, or says [ErrNoServer].
func Dial(ctx context.Context, path string) (*Client, error) {
	if err := trusted(path); err != nil {
		return nil, err
	}
	c, err := dial(ctx, path)
	switch {
	case nobody(err):
		return nil, ErrNoServer
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the control socket %s is another user's: run this as the user that the server runs as", path)
	case err != nil:
		return nil, fmt.Errorf("the control socket %s does not answer: %w", path, err)
	}
	_ = c.Close()
	return &Client{path, &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		},
	}}, nil
}

// Status asks the server about itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.call(ctx, http.MethodGet, "/status", nil, &s)
}

// Create is [keys.Keys.Create] at the server.
func (c *Client) Create(ctx context.Context, name string, scopes []string) (keys.Key, string, error) {
	var k createdKey
	err := c.call(ctx, http.MethodPost, "/keys", newKey{name, scopes}, &k)
	return k.Key, k.Token, err
}

// List is [keys.Keys.List] at the server.
func (c *Client) List(ctx context.Context) ([]keys.Key, error) {
	var ks []keys.Key
	return ks, c.call(ctx, http.MethodGet, "/keys", nil, &ks)
}

// Revoke is [keys.Keys.Revoke] at the server.
func (c *Client) Revoke(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/keys?name="+url.QueryEscape(name), nil, nil)
}

// Examine has the server look at its store.
func (c *Client) Examine(ctx context.Context) ([]store.Finding, error) {
	var findings []store.Finding
	return findings, c.patient(examineTimeout).call(ctx, http.MethodGet, "/examination", nil, &findings)
}

// Reload has the server take its configuration over anew.
func (c *Client) Reload(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/reload", nil, nil)
}

// patient is a client that waits longer.
func (c *Client) patient(timeout time.Duration) *Client {
	waits := *c.http
	waits.Timeout = timeout
	return &Client{c.path, &waits}
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return c.send(ctx, method, path, http.NoBody, out)
	}
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.send(ctx, method, path, bytes.NewReader(b), out)
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://control"+path, body)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the server on %s did not answer: %w", c.path, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		var f failure
		if json.NewDecoder(res.Body).Decode(&f) != nil || f.Words == "" {
			return fmt.Errorf("the server on %s answered %s", c.path, res.Status)
		}
		return f.err()
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}
