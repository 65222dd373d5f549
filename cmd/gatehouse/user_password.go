package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// maxPasswordLine is how much of standard input is read for a password, in bytes:
// more than any password can have.
const maxPasswordLine = 4 << 10

// terminal is the terminal that something is read from, if it is one.
func terminal(in io.Reader) (*os.File, bool) {
	f, ok := in.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// newPassword reads the password that somebody is to have: asked twice on a
// terminal, or one line.
func (e *environment) newPassword(in io.Reader, name string) (string, error) {
	if f, ok := terminal(in); ok {
		return e.askPassword(f, name)
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxPasswordLine)).ReadString('\n')
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("the password cannot be read from standard input: %w", err)
	case line == "":
		return "", usageError{errors.New("there is no password: send it to standard input as one line, or run this on a terminal")}
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

func (e *environment) askPassword(f *os.File, name string) (string, error) {
	first, err := e.ask(f, fmt.Sprintf("Password of %s: ", shown(name)))
	if err != nil {
		return "", err
	}
	second, err := e.ask(f, "The same again: ")
	switch {
	case err != nil:
		return "", err
	case first != second:
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, nil
}

// ask reads a line from a terminal that does not show it. Who gives up meanwhile
// gets the terminal back as it was.
func (e *environment) ask(f *os.File, question string) (string, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the terminal cannot be used: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() { // after a signal it ends with the process, which is about to
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	_, _ = fmt.Fprint(e.stderr, question)
	select {
	case l := <-read:
		e.complain("") // the end of the line was not shown either
		if l.err != nil {
			return "", fmt.Errorf("the password cannot be read: %w", l.err)
		}
		return string(l.text), nil
	case <-signals:
		_ = term.Restore(fd, before)
		e.complain("")
		return "", errors.New("interrupted; nothing was changed")
	}
}
