package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	c := mustLoad(t, Source{Environ: []string{
		"GATEHOUSE_WEBSOCKET__PORT=9000", "GATEHOUSE_WEBSOCKET__PORT= 9001 ", // the last counts, as for a process
		"GATEHOUSE_WEBSOCKET__PINGSECONDS=0.5",
		`GATEHOUSE_WEBSOCKET__APPROVEDSOCKETDOMAINS=["^a$"]`,
		"GATEHOUSE_WEBSOCKET__HOST=123",
		`GATEHOUSE_USERS={"activation": "email"}`,
		"GATEHOUSE_CONFIG=x", "GATEHOUSE_TEST_X=1", "gatehouse", "=C:=x", "OTHER=1",
		"GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_SERVICE_PORT_HTTP=80", "GATEHOUSE_PORT=tcp://10.0.0.1:80",
		"GATEHOUSE_PORT_80_TCP_ADDR=10.0.0.1", "GATEHOUSE_EU_SERVICE_PORT=80",
	}})
	w := c.Websocket
	if w.Port != 9001 || w.PingSeconds != 0.5 || len(w.ApprovedSocketDomains) != 1 || w.Host != "123" || c.Users.Activation != "email" {
		t.Errorf("got %+v, %+v", w, c.Users)
	}
}

func TestValueFromAFile(t *testing.T) {
	folder := t.TempDir()
	for content, want := range map[string]string{"warn\n": "warn", "warn": "warn", "warn\r\n": "warn"} {
		path := filepath.Join(folder, "level")
		overwrite(t, path, content)
		c := mustLoad(t, Source{Environ: []string{"GATEHOUSE_LOG__LEVEL_FILE=" + path}})
		if c.Log.Level != want {
			t.Errorf("%q gave %q", content, c.Log.Level)
		}
	}
	overwrite(t, filepath.Join(folder, "port"), "81\n")
	c := mustLoad(t, Source{Environ: []string{"gatehouse_websocket__port_file=" + filepath.Join(folder, "port")}})
	if c.Websocket.Port != 81 {
		t.Errorf("port %d", c.Websocket.Port)
	}
	secret := filepath.Join(folder, "password")
	overwrite(t, secret, "s3cret\n")
	c = mustLoad(t, Source{Environ: []string{"GATEHOUSE_MAIL__USERNAME=gatehouse", "GATEHOUSE_MAIL__PASSWORD_FILE=" + secret}})
	if c.Mail.Password != "s3cret" {
		t.Errorf("the password of mail.password is %q", c.Mail.Password)
	}
}

// Each environment has exactly one problem: where, of which key, and what.
func TestProblemsOfTheEnvironment(t *testing.T) {
	for name, c := range map[string]struct {
		environ             []string
		place, key, message string
	}{
		"unknown":       {[]string{"GATEHOUSE_WEBSOCKET__PROT=1"}, "GATEHOUSE_WEBSOCKET__PROT", "websocket.prot", "did you mean GATEHOUSE_WEBSOCKET__PORT?"},
		"one underline": {[]string{"GATEHOUSE_WEBSOCKET_PORT=1"}, "GATEHOUSE_WEBSOCKET_PORT", "websocket_port", "did you mean GATEHOUSE_WEBSOCKET__PORT?"},
		"short form":    {[]string{"GATEHOUSE_PORT=1"}, "GATEHOUSE_PORT", "port", "did you mean GATEHOUSE_WEBSOCKET__PORT?"},
		"unknown file":  {[]string{"GATEHOUSE_X_FILE=1"}, "GATEHOUSE_X_FILE", "x_file", "unknown"},
		"two spellings": {[]string{"GATEHOUSE_LOG__LEVEL=info", "GATEHOUSE_log__level=info"}, "GATEHOUSE_log__level", "log.level", "by GATEHOUSE_LOG__LEVEL too"},
		"and file":      {[]string{"GATEHOUSE_LOG__LEVEL=info", "GATEHOUSE_LOG__LEVEL_FILE=x"}, "GATEHOUSE_LOG__LEVEL_FILE", "log.level", "given twice"},
		"no file":       {[]string{"GATEHOUSE_LOG__LEVEL_FILE=/none/level"}, "GATEHOUSE_LOG__LEVEL_FILE", "log.level", `"/none/level"`},
		"text":          {[]string{"GATEHOUSE_WEBSOCKET__PORT=http"}, "GATEHOUSE_WEBSOCKET__PORT", "websocket.port", `the text "http"`},
		"empty":         {[]string{"GATEHOUSE_WEBSOCKET__PORT="}, "GATEHOUSE_WEBSOCKET__PORT", "websocket.port", "whole number"},
		"fraction":      {[]string{"GATEHOUSE_WEBSOCKET__PORT=1.5"}, "GATEHOUSE_WEBSOCKET__PORT", "websocket.port", "got 1.5"},
		"not a number":  {[]string{"GATEHOUSE_WEBSOCKET__PINGSECONDS=NaN"}, "GATEHOUSE_WEBSOCKET__PINGSECONDS", "websocket.pingSeconds", `"NaN"`},
		"range":         {[]string{"GATEHOUSE_WEBSOCKET__PORT=-1"}, "GATEHOUSE_WEBSOCKET__PORT", "websocket.port", "at least 0"},
		"list":          {[]string{"GATEHOUSE_WEBSOCKET__TRUSTEDPROXIES=10.0.0.1"}, "GATEHOUSE_WEBSOCKET__TRUSTEDPROXIES", "websocket.trustedProxies", "not a value"},
		"in list":       {[]string{`GATEHOUSE_WEBSOCKET__TRUSTEDPROXIES=["x"]`}, "GATEHOUSE_WEBSOCKET__TRUSTEDPROXIES", "websocket.trustedProxies[0]", "IP address"},
		"in section":    {[]string{`GATEHOUSE_LOG={"level": 1}`}, "GATEHOUSE_LOG", "log.level", "must be text"},
		"half of tls":   {[]string{"GATEHOUSE_WEBSOCKET__TLS__CERT=x"}, "GATEHOUSE_WEBSOCKET__TLS__CERT", "websocket.tls.key", "both or neither"},
		"garbled name":  {[]string{"GATEHOUSE_\x1b[2J=x"}, `"GATEHOUSE_\x1b[2J"`, `"\x1b[2j"`, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, Source{Environ: c.environ})
			if len(got) != 1 || got[0].Place != c.place || got[0].Key != c.key || !strings.Contains(got[0].Message, c.message) {
				t.Errorf("got %q, want one problem at %s of key %s with %q", got, c.place, c.key, c.message)
			}
		})
	}
}

func TestProblemsOfFlags(t *testing.T) {
	for key, value := range map[string]any{
		"websocket.port": "x", "websocket.none": 1, "log.level": "loud", "websocket.trustedProxies": []string{"x"},
		"websocket.pingSeconds": make(chan int), "log": nil,
	} {
		got := problems(t, Source{Flags: map[string]any{key: value}})
		if len(got) != 1 || !strings.HasPrefix(got[0].Key, key) || got[0].Place != "command line" {
			t.Errorf("%s: got %q", key, got)
		}
	}
}
