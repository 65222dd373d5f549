package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A configuration that is wrong starts nothing: status 2, and every problem at once, each with its key path.
func TestWrongConfigurationIsTold(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	file := filepath.Join(t.TempDir(), "config.json")
	err := os.WriteFile(file, []byte(`{
		// comments are welcome
		"websocket": {
			"port": 70000,
			"approvedSocketDomains": ["^localhost$", "(", 7],
			"missingOrigin": "perhaps",
			"maxMessageBytes": -1,
			"pingSeconds": "often",
			"colour": "red",
		},
		"store": {"kind": "papyrus"},
		"sotre": {},
	}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}

	for _, subcommand := range []string{"serve", "check"} {
		status, stdout, stderr := command(t, subcommand, "--config", file)
		if status != 2 {
			t.Errorf("%s: status %d, want 2", subcommand, status)
		}
		for _, path := range []string{
			"websocket.port", "websocket.approvedSocketDomains[1]", "websocket.approvedSocketDomains[2]", "websocket.missingOrigin",
			"websocket.maxMessageBytes", "websocket.pingSeconds", "websocket.colour", "store.kind", "sotre",
		} {
			if !strings.Contains(stderr, path) {
				t.Errorf("%s: nothing is said of %s:\n%s", subcommand, path, stderr)
			}
		}
		if stdout != "" {
			t.Errorf("%s: a problem belongs on standard error, not on standard output: %s", subcommand, stdout)
		}
	}
}

func TestNoConfigurationIsTold(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	missing := filepath.Join(t.TempDir(), "missing.json")

	status, _, stderr := command(t, "serve", "--config", missing)
	if status != 2 || !strings.Contains(stderr, missing) {
		t.Errorf("status %d, want 2 and the path of the file:\n%s", status, stderr)
	}
}

// What one server listens on or keeps its data in, another cannot have.
func TestWhatIsTakenIsTold(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)
	address := strings.TrimPrefix(srv.url, "http://127.0.0.1:")

	dir := t.TempDir()
	taken := map[string][]string{
		"the port": {
			"GATEHOUSE_WEBSOCKET__PORT=" + address, "GATEHOUSE_STORE__PATH=" + filepath.Join(dir, "other.db"),
			"GATEHOUSE_CONTROL__SOCKET=" + filepath.Join(dir, "other.sock"),
		},
	}
	if !onMongoDB { // a database is there for several
		taken["the store"] = []string{"GATEHOUSE_STORE__PATH=" + filepath.Join(srv.dir, "gatehouse.db")}
	}
	for name, env := range taken {
		status, stdout, stderr := commandWithEnv(t, env, "serve", "--config", srv.configPath())
		if status != 1 || stderr == "" || strings.Contains(stdout, "listening") {
			t.Errorf("%s is taken: status %d, want 1 and words on standard error\n%s%s", name, status, stdout, stderr)
		}
	}
	connect(t, srv.ws).alive()
}
