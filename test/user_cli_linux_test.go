package test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal: what is typed goes to its master, which also says what is shown.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	if controlErr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); controlErr != nil || err != nil {
		t.Fatal(controlErr, err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	return master, terminal
}

// echoes tells whether a terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// terminalSession is a command on a terminal.
type terminalSession struct {
	t        *testing.T
	cmd      *exec.Cmd
	master   io.Writer
	terminal *os.File
	shown    *text
	stdout   *text
}

func onTerminal(t *testing.T, args ...string) *terminalSession {
	t.Helper()
	master, terminal := openTerminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	s := &terminalSession{t: t, cmd: exec.CommandContext(ctx, gatehouse, args...), master: master, terminal: terminal, shown: &text{}, stdout: &text{}}
	s.cmd.Env = environment(nil)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = terminal, s.stdout, terminal
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(s.shown, master) }() // until the terminal is closed
	return s
}

// answer types something once the command asks for it, and the terminal is as it should be.
func (s *terminalSession) answer(question, typed string, echo bool) {
	s.t.Helper()
	eventually(s.t, "the question "+question, func() bool { return strings.Contains(s.shown.String(), question) })
	eventually(s.t, "the terminal to be set", func() bool { return echoes(s.t, s.terminal) == echo })
	if _, err := io.WriteString(s.master, typed); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end, and the terminal must be as it was.
func (s *terminalSession) ends(want int) {
	s.t.Helper()
	_ = s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != want {
		s.t.Errorf("status %d, want %d:\n%s%s", got, want, s.shown, s.stdout)
	}
	if !echoes(s.t, s.terminal) {
		s.t.Error("the terminal shows no more what is typed")
	}
	if shown := s.shown.String() + s.stdout.String(); strings.Contains(shown, userPassword) || strings.Contains(shown, otherPassword) {
		s.t.Errorf("a password is shown:\n%s", shown)
	}
}

func TestUserCLIAsksOnATerminal(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	srv := userServer(t)
	create := []string{"user", "create", "--username", "ann", "--email", "ann@example.com", "--config", srv.configPath()}

	s := onTerminal(t, create...)
	s.answer("Password of ann: ", userPassword+"\n", false)
	s.answer("The same again: ", otherPassword+"\n", false)
	s.ends(1)
	eventually(t, "the reason", func() bool {
		return strings.Contains(s.shown.String(), "the two passwords differ; nothing was changed")
	})

	// Ctrl-C.
	s = onTerminal(t, create...)
	s.answer("Password of ann: ", userPassword[:5]+"\x03", false)
	s.ends(1)
	eventually(t, "the reason", func() bool { return strings.Contains(s.shown.String(), "interrupted; nothing was changed") })

	s = onTerminal(t, create...)
	s.answer("Password of ann: ", userPassword+"\n", false)
	s.answer("The same again: ", userPassword+"\n", false)
	s.ends(0)
	if got := s.stdout.String(); got != "created ann (regular)\n" {
		t.Errorf("%q", got)
	}

	srv.launch(t)
	if status, _ := srv.login(t, "ann", userPassword); status != 200 {
		t.Errorf("status %d", status)
	}
	remove := []string{"user", "delete", "ann", "--config", srv.configPath()}
	s = onTerminal(t, remove...)
	s.answer("Type the name to go on: ", "bob\n", true)
	s.ends(1)
	eventually(t, "the reason", func() bool { return strings.Contains(s.shown.String(), "that is another name; nothing was deleted") })
	s = onTerminal(t, remove...)
	s.answer("Type the name to go on: ", "ann\n", true)
	s.ends(0)
	if got := s.stdout.String(); got != "deleted ann\n" {
		t.Errorf("%q", got)
	}
}
