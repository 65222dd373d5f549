package test

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The snippet of the API's description runs with nothing changed but the address (node/snippet.js).
func TestSeedSnippet(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := start(t, nil)

	snippet, err := os.ReadFile("node/snippet.js")
	if err != nil {
		t.Fatal(err)
	}
	here := bytes.ReplaceAll(snippet, []byte("ws://localhost:8020"), []byte(srv.ws))
	if bytes.Equal(here, snippet) {
		t.Fatal("the snippet no longer has the address ws://localhost:8020")
	}
	script := filepath.Join(srv.dir, "snippet.js")
	if err := os.WriteFile(script, here, 0o600); err != nil {
		t.Fatal(err)
	}

	cmd, err := nodeScript(script)
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()         //nolint:errcheck // it is killed
	defer cmd.Process.Kill() //nolint:errcheck // it never ends by itself

	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || line != "We got an echo: Hello world?\n" {
		t.Errorf("the snippet printed %q (%v)", line, err)
	}
}
