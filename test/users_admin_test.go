package test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
)

// superAdmin is the first admin of a server, logged in.
func (s *server) superAdmin(t *testing.T) *person {
	t.Helper()
	return s.adminNamed(t, "root")
}

// adminNamed makes an admin as an operator does, the first of a server the super admin, and logs in.
func (s *server) adminNamed(t *testing.T, name string) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, gatehouse, "user", "create", "--config", s.configPath(), "--admin", "--username", name, "--email", addressOf(name))
	cmd.Env = environment(s.env)
	cmd.Stdin = strings.NewReader(passwordOf(name) + "\n") // never an argument
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user create --admin: %v\n%s", err, out)
	}
	return s.loggedIn(t, name, passwordOf(name))
}
