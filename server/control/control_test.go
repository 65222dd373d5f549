package control_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/server/control"
	"gatehouse/store/embedded"
	"gatehouse/users/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server on a socket of its own.
func serve(t *testing.T, path string, reload func() error) *keys.Keys {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Declare(t.Context(), keys.Collection()); err != nil {
		t.Fatal(err)
	}
	k := keys.New(st)
	s, err := control.Listen(path, control.Options{Keys: k, Version: "1.2.3", Address: "here:1", Reload: reload, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		_ = st.Close()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket stays behind: %v", err)
		}
	})
	return k
}

// socketPath is short enough for a socket, whatever the test is called.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gh") //nolint:usetesting // a test's own folder has too long a name for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s.sock")
}

func TestKeysOverTheSocket(t *testing.T) {
	path := socketPath(t)
	k := serve(t, path, nil)
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	ctx := t.Context()
	c, err := control.Dial(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	made, token, err := c.Create(ctx, "a name/with?odd", []string{"*"})
	if !errors.Is(err, keys.ErrInvalid) || !strings.Contains(err.Error(), "a name/with?odd") {
		t.Errorf("%+v, %q, %v", made, token, err)
	}
	if made, token, err = c.Create(ctx, "a name", []string{"*"}); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Verify(ctx, token); err != nil || got.ID != made.ID {
		t.Errorf("%+v, %v", got, err)
	}
	if _, _, err := c.Create(ctx, "A NAME", []string{"*"}); !errors.Is(err, keys.ErrTaken) {
		t.Errorf("taken: %v", err)
	}
	if list, err := c.List(ctx); err != nil || len(list) != 1 || list[0].Name != "a name" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := c.Revoke(ctx, "a name"); err != nil {
		t.Error(err)
	}
	if err := c.Revoke(ctx, "a name"); !errors.Is(err, keys.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	if s, err := c.Status(ctx); err != nil || s != (control.Status{Version: "1.2.3", PID: os.Getpid(), Address: "here:1"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestReloadTellsWhatIsWrong(t *testing.T) {
	path := socketPath(t)
	wrong := fmt.Errorf("websocket.port: is out of range")
	serve(t, path, func() error { return wrong })
	c, err := control.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Reload(t.Context()); err == nil || err.Error() != wrong.Error() {
		t.Errorf("%v", err)
	}
}

func TestWhatStandsInTheWay(t *testing.T) {
	o := control.Options{Logger: slog.New(slog.DiscardHandler)}
	t.Run("nobody", func(t *testing.T) {
		if _, err := control.Dial(t.Context(), socketPath(t)); !errors.Is(err, control.ErrNoServer) {
			t.Error(err)
		}
	})
	t.Run("a socket of a dead server", func(t *testing.T) {
		path := socketPath(t)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		_ = l.Close()
		if _, err := control.Dial(t.Context(), path); !errors.Is(err, control.ErrNoServer) {
			t.Error(err)
		}
		serve(t, path, nil)
		if _, err := control.Dial(t.Context(), path); err != nil {
			t.Error(err)
		}
	})
	t.Run("a living server", func(t *testing.T) {
		path := socketPath(t)
		serve(t, path, nil)
		if _, err := control.Listen(path, o); err == nil || !strings.Contains(err.Error(), "another server") {
			t.Error(err)
		}
		if _, err := control.Dial(t.Context(), path); err != nil {
			t.Errorf("the living server's socket is gone: %v", err)
		}
	})
	t.Run("a file", func(t *testing.T) {
		path := socketPath(t)
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := control.Listen(path, o); err == nil || !strings.Contains(err.Error(), "no socket") {
			t.Error(err)
		}
		if b, _ := os.ReadFile(path); string(b) != "precious" {
			t.Error("the file was touched")
		}
	})
	t.Run("a long path", func(t *testing.T) {
		if _, err := control.Listen(filepath.Join(t.TempDir(), strings.Repeat("x", 120)), o); err == nil || !strings.Contains(err.Error(), "control.socket") {
			t.Error(err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := control.Listen(socketPath(t)+"/missing/s", o); err == nil {
			t.Error("it listens nowhere")
		}
	})
}
