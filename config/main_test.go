package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write puts a configuration file into a new folder and returns its path.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	overwrite(t, path, content)
	return path
}

func overwrite(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustLoad(t testing.TB, s Source) *Config {
	t.Helper()
	c, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems loads what must be refused.
func problems(t testing.TB, s Source) []Problem {
	t.Helper()
	c, err := s.Load()
	var all *Error
	if !errors.As(err, &all) || c != nil || len(all.Problems) == 0 {
		t.Fatalf("Load() = %v, %v, want an *Error with problems", c, err)
	}
	return all.Problems
}
