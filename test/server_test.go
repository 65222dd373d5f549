package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// settings are values of config.json by their dotted path: {"websocket.maxConnections": 2}.
type settings map[string]any

// server is one running gatehouse with a folder of its own.
type server struct {
	dir string // holds config.json and the store
	url string // http://127.0.0.1:PORT
	ws  string // ws://127.0.0.1:PORT
	pid int

	env    []string
	store  settings // where it keeps its data
	cmd    *exec.Cmd
	stdout *text
	log    *text
	exited chan struct{} // closed when the process has ended
}

var listening = regexp.MustCompile(`(?m)^gatehouse \S+ listening on http://(?:127\.0\.0\.1|localhost):(\d+)$`)

// start runs a server on a free port of 127.0.0.1 that approves the origins localhost and trusted-host.
// When the test ends the server is told to stop, and must do so with status 0.
func start(t *testing.T, s settings) *server {
	t.Helper()
	return startWithEnv(t, s)
}

// startWithEnv is start with variables added to the environment, each NAME=value.
func startWithEnv(t *testing.T, s settings, env ...string) *server {
	t.Helper()
	srv := newServer(t, storeOf(t))
	srv.env = env
	srv.configure(t, s)
	srv.launch(t)
	return srv
}

// startApart is start for a test that writes much.
func startApart(t *testing.T, s settings) *server {
	t.Helper()
	srv := newServer(t, apart(t))
	srv.configure(t, s)
	srv.launch(t)
	return srv
}

// newServer prepares a folder for a server; nothing runs in it yet.
func newServer(t *testing.T, store settings) *server {
	t.Helper()
	// Not t.TempDir: its path holds the test's name, and the path of a Unix socket must stay short.
	dir, err := os.MkdirTemp("", "gatehouse-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary folder

	srv := &server{dir: dir, store: store}
	t.Cleanup(func() {
		if srv.running() {
			srv.stop(t)
		}
		if t.Failed() && srv.log != nil {
			t.Logf("standard output of the server:\n%s\nits log:\n%s", srv.stdout, srv.log)
		}
	})
	return srv
}

// configure replaces config.json as an editor does: the new file is renamed over the old one.
func (s *server) configure(t *testing.T, changed settings) {
	t.Helper()
	s.replaceConfig(t, s.config(t, changed))
}

// config is what config.json holds, with these settings beside those that every test has.
func (s *server) config(t *testing.T, changed settings) string {
	t.Helper()
	all := settings{
		"websocket.host":                  "127.0.0.1",
		"websocket.port":                  0,
		"websocket.approvedSocketDomains": []string{"^localhost$", "^trusted-host$"},
		"websocket.drainSeconds":          0,
	}
	maps.Copy(all, s.store)
	maps.Copy(all, changed)

	nested := map[string]any{}
	for path, value := range all {
		at := nested
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
		at[names[len(names)-1]] = value
	}
	file, err := json.MarshalIndent(nested, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

func (s *server) replaceConfig(t *testing.T, file string) {
	t.Helper()
	next := filepath.Join(s.dir, "config.json.next")
	if err := os.WriteFile(next, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, s.configPath()); err != nil {
		t.Fatal(err)
	}
}

func (s *server) configPath() string { return filepath.Join(s.dir, "config.json") }

// launch starts the process on the folder as it is and waits until it is ready.
func (s *server) launch(t *testing.T) {
	t.Helper()
	s.begin(t)
	s.ready(t)
}

// ready waits until the process listens, and is ready.
func (s *server) ready(t *testing.T) {
	t.Helper()
	s.listens(t)
	eventually(t, "the server to be ready", func() bool {
		status, _ := s.get(t, "/readyz", nil)
		return status == 200
	})
}

// listens waits until the process says where it listens.
func (s *server) listens(t *testing.T) {
	t.Helper()
	eventually(t, "the line on standard output that says where it listens", func() bool {
		if !s.running() {
			t.Fatalf("serve ended with status %d before it listened", s.cmd.ProcessState.ExitCode())
		}
		if found := listening.FindStringSubmatch(s.stdout.String()); found != nil {
			s.url, s.ws = "http://127.0.0.1:"+found[1], "ws://127.0.0.1:"+found[1]
			return true
		}
		return false
	})
}

// begin starts the process, which may come to nothing.
func (s *server) begin(t *testing.T) {
	t.Helper()
	s.stdout, s.log = &text{}, &text{}
	s.cmd = exec.Command(gatehouse, "serve", "--config", s.configPath())
	s.cmd.Env = environment(s.env)
	s.cmd.Stdout, s.cmd.Stderr = s.stdout, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = s.cmd.Process.Pid
	exited := make(chan struct{})
	s.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // the status is read from ProcessState
		close(exited)
	}(s.cmd)
}

func (s *server) running() bool {
	if s.exited == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// stop asks the server to stop, as an operator does, and expects status 0.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGTERM)
	if status := s.wait(t); status != 0 {
		t.Errorf("after SIGTERM the status is %d, want 0", status)
	}
}

// kill ends the server without a chance to write anything more.
func (s *server) kill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	s.wait(t)
}

// wait returns the exit status of a server that was told to end; -1 where a signal ended it.
func (s *server) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill() // or it would outlive the tests
		t.Fatal("the server did not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// logged waits for a piece of text in the server's log.
func (s *server) logged(t *testing.T, piece string) {
	t.Helper()
	s.loggedTimes(t, piece, 1)
}

// loggedTimes waits until the server's log says something so many times.
func (s *server) loggedTimes(t *testing.T, piece string, times int) {
	t.Helper()
	eventually(t, fmt.Sprintf("the log to say %d times: %s", times, piece), func() bool {
		return strings.Count(s.log.String(), piece) >= times
	})
}

// key makes an access key, named for its scopes, through the command line while the server runs.
func (s *server) key(t *testing.T, scopes string) string {
	t.Helper()
	return s.keyNamed(t, strings.NewReplacer(":", "-", ",", " ").Replace(scopes), scopes)
}

func (s *server) keyNamed(t *testing.T, name, scopes string) string {
	t.Helper()
	status, stdout, stderr := command(t, "key", "create", "--config", s.configPath(), "--name", name, "--scopes", scopes)
	if status != 0 {
		t.Fatalf("key create: status %d\n%s", status, stderr)
	}
	key := strings.TrimSuffix(stdout, "\n")
	if key == "" || strings.ContainsAny(key, " \n\t") {
		t.Fatalf("key create printed %q, want the key alone on one line", stdout)
	}
	return key
}

// command runs the binary to its end.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return commandWithEnv(t, nil, args...)
}

// environment is that of the tests, with more variables; the race detector is told not to hold a process for
// a second when it ends.
func environment(more []string) []string {
	return slices.Concat(os.Environ(), []string{"GORACE=atexit_sleep_ms=0"}, more)
}

// commandWithEnv is command with variables added to the environment, each NAME=value.
func commandWithEnv(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, log text
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, gatehouse, args...)
	cmd.Env = environment(env)
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if failed := (*exec.ExitError)(nil); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), log.String()
}
