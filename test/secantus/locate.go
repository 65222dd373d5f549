package secantus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// locate finds the server's program. Without it the test is skipped, or fails where CI=true.
func locate(t testing.TB) string {
	t.Helper()
	binary, err := find()
	if err == nil {
		return binary
	}
	if !errors.Is(err, fs.ErrNotExist) || os.Getenv("CI") == "true" {
		t.Fatalf("the server for tests on MongoDB is not there, ./test/run installs it: %v", err)
	}
	t.Skipf("skipped: the server for tests on MongoDB is not installed, ./test/run does that (%v)", err)
	return ""
}

func find() (string, error) {
	binary := os.Getenv("GATEHOUSE_TEST_SECANTUS")
	if binary == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		binary = filepath.Join(root, ".cache", "secantus", "bin", "secantusd-py")
	}
	_, err := os.Stat(binary) //nolint:gosec // who runs the tests names it
	return binary, err
}

// moduleRoot is the folder of the nearest go.mod; tests run in the folder of their package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod in %s or above", dir)
		}
	}
}
