package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"gatehouse/server/control"
	"gatehouse/users"
)

func TestLines(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	long := strings.Repeat("x", 200<<10) // longer than what is read at once
	for _, c := range []struct {
		in   io.Reader
		want string
	}{
		{strings.NewReader(""), ""},
		{strings.NewReader("\n"), "1= "},
		{strings.NewReader("a"), "1=a "},
		{strings.NewReader("a\n"), "1=a "},
		{strings.NewReader("\uFEFFa\r\n\n\uFEFFb"), "1=a\r 2= 3=\uFEFFb "},
		{strings.NewReader("123456789\n1234567890\n" + long + "\n1\n" + long), "1=123456789 2 long 3 long 4=1 5 long "},
		{iotest.OneByteReader(strings.NewReader("one\ntwo\nthree")), "1=one 2=two 3=three "},
		{io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), "1=a 2: broken "},
		{iotest.ErrReader(broken), "1: broken "},
	} {
		var got strings.Builder
		for l, err := range lines(c.in, 9) {
			switch {
			case err != nil:
				fmt.Fprintf(&got, "%d: %v ", l.number, err)
			case l.long:
				fmt.Fprintf(&got, "%d long ", l.number)
			default:
				fmt.Fprintf(&got, "%d=%s ", l.number, l.text)
			}
		}
		if got.String() != c.want {
			t.Errorf("got %q, want %q", got.String(), c.want)
		}
	}
	for l, err := range lines(strings.NewReader(long+"\n2"), 200<<10) {
		if err != nil || l.number != 1 || l.long || len(l.text) != len(long) {
			t.Errorf("line %d: %v, %t, %d bytes", l.number, err, l.long, len(l.text))
		}
		break
	}
}

// pretended is a place to import to that remembers the batches.
type pretended struct {
	control.UserAdmin
	batches []int
	answer  func(line string) error
	err     error
}

func (p *pretended) Import(_ context.Context, lines [][]byte) ([]control.Imported, error) {
	p.batches = append(p.batches, len(lines))
	if p.err != nil {
		return nil, p.err
	}
	results := make([]control.Imported, len(lines))
	for i, l := range lines {
		results[i] = control.Imported{Username: string(l[:min(len(l), 20)]), Err: p.answer(string(l))}
	}
	return results, nil
}

func importInto(t *testing.T, p *pretended, in io.Reader) (i importing, stderr string, err error) {
	t.Helper()
	var b bytes.Buffer
	i = importing{e: &environment{stderr: &b}, users: p, file: "f"}
	err = i.all(t.Context(), in)
	return i, b.String(), err
}

func TestImportIsDividedIntoBatches(t *testing.T) {
	t.Parallel()
	line := func(mib int) string { return strings.Repeat("x", mib<<20) + "\n" }
	p := &pretended{answer: func(string) error { return nil }}
	in := strings.Repeat("a\n\n", 201) + line(3) + line(1) + line(5) + line(16) + line(17) + "b\n"
	i, stderr, err := importInto(t, p, strings.NewReader(in))
	if err != nil || fmt.Sprint(p.batches) != "[200 2 1 1 1 1]" || i.imported != 206 || i.refused != 1 {
		t.Errorf("%v, %v, %d and %d", err, p.batches, i.imported, i.refused)
	}
	if stderr != "f:407: the line is longer than 16 MiB\n" {
		t.Errorf("%q", stderr)
	}
}

func TestRefusedLinesTellNoSecret(t *testing.T) {
	t.Parallel()
	hash := "$2b$04$" + strings.Repeat("a", 53)
	p := &pretended{answer: func(line string) error {
		switch line {
		case "ann":
			return &users.InvalidError{Field: "meta.x ann@example.com", Why: "cannot hold " + hash + "\n\x1b[2J"}
		case "good":
			return nil
		}
		return fmt.Errorf("%w: username", users.ErrTaken)
	}}
	i, stderr, err := importInto(t, p, strings.NewReader("good\n\n \nann\nbob@example.com\n\x1b]0;x\n"))
	want := `f:4: ann: "meta.x …: cannot hold …\n\x1b[2J"` + "\n" +
		"f:5: the name or the address is taken: username\n" +
		`f:6: "\x1b]0;x": the name or the address is taken: username` + "\n"
	if err != nil || stderr != want || i.imported != 1 || i.refused != 3 {
		t.Errorf("%v, %d and %d\ngot  %s\nwant %s", err, i.imported, i.refused, stderr, want)
	}
}

func TestImportEndsWhereItCannotGoOn(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	p := &pretended{answer: func(line string) error {
		switch line {
		case "bad":
			return users.ErrTaken
		case "lost":
			return gone
		case "rest":
			return control.ErrNotTried
		}
		return nil
	}}
	i, stderr, err := importInto(t, p, strings.NewReader("good\nrest\nlost\nbad\nrest\ngood\n"+strings.Repeat("good\n", 500)))
	if !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "f:3: ") || i.imported != 196 || i.refused != 1 || stderr != "f:4: bad: the name or the address is taken\n" || len(p.batches) != 1 {
		t.Errorf("%v, %d and %d, %v\n%s", err, i.imported, i.refused, p.batches, stderr)
	}

	p = &pretended{err: gone}
	if _, _, err := importInto(t, p, strings.NewReader("\na\nb\n")); !errors.Is(err, gone) || !strings.Contains(err.Error(), "lines 2 to 3") {
		t.Errorf("%v", err)
	}

	p = &pretended{answer: func(string) error { return nil }}
	i, _, err = importInto(t, p, io.MultiReader(strings.NewReader("a\nb\nc"), iotest.ErrReader(gone)))
	if !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "f:3: ") || i.imported != 2 {
		t.Errorf("%v, %d", err, i.imported)
	}
}

func TestPasswordIsOneLine(t *testing.T) {
	t.Parallel()
	e := &environment{stderr: io.Discard}
	for in, want := range map[string]string{"a b \n": "a b ", "a\r\n": "a", "a\nb\n": "a", "a": "a", "\n": "", "a\r\r\n": "a\r"} {
		if got, err := e.newPassword(strings.NewReader(in), "ann"); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, err := e.newPassword(strings.NewReader(""), "ann"); !errors.As(err, &usageError{}) {
		t.Errorf("%v", err)
	}
	if got, err := e.newPassword(strings.NewReader(strings.Repeat("x", 1<<20)), "ann"); err != nil || len(got) != maxPasswordLine {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	broken := errors.New("broken")
	if _, err := e.newPassword(iotest.ErrReader(broken), "ann"); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
