package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestLoadNothing(t *testing.T) {
	c := mustLoad(t, Source{})
	want := Default()
	want.Control.Socket = "gatehouse.db.sock"
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("Load() = %+v, want the defaults %+v", *c, want)
	}
}

func TestLoadSamples(t *testing.T) {
	for name, check := range map[string]func(*Config) error{
		"testdata/seed.json": func(c *Config) error {
			want := []string{
				"localhost", "^ws://www.webinate.net:123$", `^webinate\.net:80$`, `^example\.com$`,
				`^.+\.example\.com$`, `^example\.org`, `^.+\.example\.org`,
			}
			if got := c.Websocket.ApprovedSocketDomains; !slices.Equal(got, want) {
				return fmt.Errorf("patterns %q, want %q", got, want)
			}
			return nil
		},
		"testdata/full.json": func(c *Config) error {
			want := []Rule{{
				Number: 1000, Name: "order-placed", Collection: "orders", Operation: "insert",
				Fields: []string{"status"}, Where: map[string]any{"status": "paid"},
				Properties: map[string]string{"total": "total", "buyer": "customer.name"}, Username: "customer.login",
			}}
			if !reflect.DeepEqual(c.Events.Rules, want) {
				return fmt.Errorf("rules %+v, want %+v", c.Events.Rules, want)
			}
			return nil
		},
		"../config.json": func(c *Config) error {
			if !slices.Contains(c.Websocket.ApprovedSocketDomains, "^trusted-host$") || c.Websocket.Port != 8080 {
				return fmt.Errorf("%+v", c.Websocket)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(mustLoad(t, Source{Path: name})); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLayers(t *testing.T) {
	s := Source{
		Path: write(t, `{"websocket": {"port": 1, "maxConnections": 1, "drainSeconds": 1}, "store": {"history": {"events": 5}}}`),
		Environ: []string{
			"GATEHOUSE_WEBSOCKET__MAXCONNECTIONS=2", "gatehouse_websocket__drainSeconds=2.5",
			`GATEHOUSE_STORE={"history": {"hours": 7}, "path": "a"}`, "GATEHOUSE_STORE__PATH=b", "PATH=/bin",
		},
		Flags: map[string]any{"websocket.drainSeconds": 3, "log.level": "debug", "websocket.pingSeconds": "0.5"},
	}
	c := mustLoad(t, s)
	got := []any{
		c.Websocket.Port, c.Websocket.MaxConnections, c.Websocket.DrainSeconds, c.Websocket.PingSeconds, c.Websocket.QueueBytes,
		c.Store.History, filepath.Base(c.Store.Path), c.Log.Level,
	}
	want := []any{1, 2, 3.0, 0.5, 1 << 20, History{Events: 5, Hours: 7}, "b", "debug"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestShortForm(t *testing.T) {
	c := mustLoad(t, Source{
		Path:    write(t, `{"port": 1, "approvedSocketDomains": ["^a$"], "websocket": {"host": "h"}}`),
		Environ: []string{"GATEHOUSE_WEBSOCKET__PORT=2"},
	})
	if w := c.Websocket; w.Port != 2 || w.Host != "h" || !slices.Equal(w.ApprovedSocketDomains, []string{"^a$"}) {
		t.Errorf("got %+v", w)
	}
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	path := write(t, `{"store": {"path": "data/x.db"}, "websocket": {"tls": {"cert": "c.pem", "key": "/etc/k.pem"}}, "mail": {"templates": "mails"}}`)
	c, folder := mustLoad(t, Source{Path: path}), filepath.Dir(path)
	for got, want := range map[string]string{
		c.Store.Path:         filepath.Join(folder, "data/x.db"),
		c.Control.Socket:     filepath.Join(folder, "data/x.db.sock"),
		c.Websocket.TLS.Cert: filepath.Join(folder, "c.pem"),
		c.Websocket.TLS.Key:  "/etc/k.pem",
		c.Mail.Templates:     filepath.Join(folder, "mails"),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestValuesOfRulesAreExact(t *testing.T) {
	c := mustLoad(t, Source{Path: write(t, `{"events": {"rules": [{"number": 1e3, "name": "a", "collection": "c", "operation": "any",
		"where": {"big": 9007199254740993, "half": 0.5, "yes": true, "a.b": "x"}}]}}`)})
	want := map[string]any{"big": int64(9007199254740993), "half": 0.5, "yes": true, "a.b": "x"}
	if got := c.Events.Rules[0].Where; !reflect.DeepEqual(got, want) {
		t.Errorf("where %#v, want %#v", got, want)
	}
}

func TestEveryProblemAtOnceInOrder(t *testing.T) {
	s := Source{
		Path: write(t, `{
  "prot": 1,
  "websocket": {
    "tls": {"cert": "a"},
    "port": "8080"
  },
  "websocket": {},
}`),
		Environ: []string{"GATEHOUSE_LOG__LEVEL=loud", "GATEHOUSE_B=1"},
		Flags:   map[string]any{"websocket.port": -1},
	}
	// The second section is the one that counts, so the first gives no more than
	// its being given twice.
	want := []string{
		s.Path + ":2:3: prot: unknown key; did you mean port?",
		s.Path + ":7:3: websocket: given twice; keep one",
		"GATEHOUSE_B: b: unknown variable",
		`GATEHOUSE_LOG__LEVEL: log.level: must be one of "debug", "info", "warn", "error"; got the text "loud"`,
		"command line: websocket.port: must be at least 0; got -1",
	}
	var got []string
	for _, p := range problems(t, s) {
		got = append(got, p.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRestartOnly(t *testing.T) {
	old, live, fixed := Default(), Default(), Default()
	live.Websocket.ApprovedSocketDomains = []string{"a"}
	live.Websocket.MissingOrigin, live.Websocket.PublishScope = "allow", "a:b"
	live.Websocket.MaxMessageBytes, live.Websocket.QueueBytes = 1, 5000
	live.Websocket.MaxConnections, live.Websocket.MaxConnectionsPerIP = 1, 1
	live.Websocket.MessagesPerSecond, live.Websocket.DrainSeconds = 1, 1
	live.Log.Level, live.Events.Rules = "warn", []Rule{{Number: 1000}}
	live.Users = Users{Activation: "admin", SessionHours: 1, URL: "http://a"}
	live.Websocket.TrustedProxies = nil // as good as empty
	if got := RestartOnly(&old, &live); len(got) != 0 {
		t.Errorf("RestartOnly = %q, want none", got)
	}
	fixed.Websocket.Port, fixed.Websocket.TLS.Key, fixed.Websocket.PingSeconds = 1, "k", 1
	fixed.Websocket.TrustedProxies, fixed.Log.Format, fixed.Events.History = []string{"::1"}, "json", 1
	fixed.Store.History.Hours, fixed.MongoDB.URI, fixed.Control.Socket = 1, "u", "s"
	fixed.Mail = Mail{Host: "h", Port: 1, Username: "u", Password: "p", From: "f", TLS: "tls", Templates: "t"}
	want := []string{
		"websocket.port", "websocket.pingSeconds", "websocket.trustedProxies", "websocket.tls.key", "store.history.hours",
		"mongodb.uri", "events.history", "mail.host", "mail.port", "mail.username", "mail.password", "mail.from", "mail.tls",
		"mail.templates", "control.socket", "log.format",
	}
	if got := RestartOnly(&old, &fixed); !slices.Equal(got, want) {
		t.Errorf("RestartOnly = %q, want %q", got, want)
	}
}
