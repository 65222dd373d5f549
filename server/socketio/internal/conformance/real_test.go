package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/server/socketio"
	"gatehouse/server/wsconn"
)

// Where ./test/run installs the clients.
const (
	nodeModules = "../../../../.cache/node/node_modules"
	pythonVenv  = "../../../../.cache/socketio"
)

// realServer serves what the clients in testdata speak to, and returns where. At its
// end nobody may be left.
func realServer(t *testing.T) string {
	t.Helper()
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: maxPayload, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
	if err != nil {
		t.Fatal(err)
	}
	io := socketio.New(socketio.Options{PingInterval: 200 * time.Millisecond, PingTimeout: 3 * time.Second, MaxPayload: maxPayload, Sockets: sockets})
	var asking sync.WaitGroup
	for _, name := range []string{"/", "/custom", "/guarded"} {
		n := io.Of(name)
		expected(n)
		event := n.Event
		n.Event = func(s *socketio.Socket, e socketio.Event) {
			switch e.Name {
			case "ask":
				asking.Go(func() { ask(s) })
			case "close":
				s.Close()
			case "leave":
				s.Disconnect()
			default:
				event(s, e)
			}
		}
	}
	io.Of("/guarded").Authorize = func(_ *socketio.Socket, auth json.RawMessage) error {
		var a struct{ Token string }
		if json.Unmarshal(auth, &a) != nil || a.Token != "right" {
			return errors.New("not you")
		}
		return nil
	}
	s := httptest.NewServer(io)
	t.Cleanup(func() {
		for deadline := time.Now().Add(patience); io.Count() > 0; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%d connections are left", io.Count())
				break
			}
		}
		io.Close()
		asking.Wait()
		sockets.Close()
		s.Close()
	})
	return s.URL
}

// ask asks a client, and tells it what became of that.
func ask(s *socketio.Socket) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	v, err := s.Ask(ctx, "question", "well?", []byte{1, 2})
	if err != nil {
		_ = s.Emit("unanswered", err.Error())
		return
	}
	_ = s.EmitValues("answered", v)
}

// missing skips a test whose client is not installed, or fails it where nothing
// may be missing.
func missing(t *testing.T, what, at string) {
	t.Helper()
	if _, err := os.Stat(at); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: run ./test/run", what)
	}
	t.Skipf("skipped: %s is not installed, ./test/run does that", what)
}

// speak runs a client to its end.
func speak(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.HasSuffix(out.String(), "all of it\n") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// What npm's socket.io-client expects of a server, by every way that it takes.
func TestNodeClient(t *testing.T) {
	t.Parallel()
	missing(t, "socket.io-client with Node", filepath.Join(nodeModules, "socket.io-client"))
	modules, err := filepath.Abs(nodeModules)
	if err != nil {
		t.Fatal(err)
	}
	for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			t.Parallel()
			speak(t, "node", "testdata/client.mjs", modules, realServer(t), transports)
		})
	}
}

// The same for PyPI's python-socketio.
func TestPythonClient(t *testing.T) {
	t.Parallel()
	python := filepath.Join(pythonVenv, "bin", "python")
	missing(t, "python-socketio with Python", python)
	for _, transports := range []string{"polling", "websocket", "polling,websocket"} {
		t.Run(transports, func(t *testing.T) {
			t.Parallel()
			speak(t, python, "testdata/client.py", realServer(t), transports)
		})
	}
}
