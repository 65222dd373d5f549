package mail_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/users/mail"
)

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// One file takes the place of one; the others stay the built in ones.
func TestOneTemplateIsOverridden(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, folder, "reset.txt", "\uFEFFSubject:  Neues Kennwort für {{.Username}} \r\n\r\nIn {{.Duration}}: {{.Link}} ({{.Key}})\r\n")
	write(t, folder, ".hidden", "{{")
	templates, err := mail.LoadTemplates(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := new(server).serve(t, "none", 0)
	sender := s.sender(t, "none", func(o *mail.SMTPOptions) { o.Templates = templates })
	m := message("ada")
	m.Kind, m.Hours = mail.Reset, 1
	if err := sender.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	header, parts := read(t, (<-s.got).data)
	if got := header.Get("Subject"); !strings.Contains(got, "=?UTF-8?") {
		t.Errorf("subject %q", got)
	}
	if got, want := parts["text/plain"], "In 60 minutes: "+m.Link+" ("+m.Key+")\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !strings.Contains(parts["text/html"], "To choose one, open this link") {
		t.Errorf("the HTML part is another one: %s", parts["text/html"])
	}
	m.Kind = mail.Taken
	if err := sender.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if header, _ := read(t, (<-s.got).data); header.Get("Subject") != "You have an account already" {
		t.Errorf("subject %q", header.Get("Subject"))
	}
}

func TestWrongTemplates(t *testing.T) {
	t.Parallel()
	const good = "Subject: a\n\n"
	for name, c := range map[string]struct {
		file, text string
		wants      []string
	}{
		"unknown field":            {"reset.txt", good + "{{.Links}}", []string{"reset.txt:3:", "no field .Links", ".Username, .Link, .Key and .Duration"}},
		"unknown field in subject": {"reset.txt", "Subject: {{.Name}}\n", []string{"reset.txt:1:", "no field .Name"}},
		"unknown field in HTML":    {"taken.html", "<p>\n{{.Name}}", []string{"taken.html:2:", "no field .Name"}},
		"unclosed":                 {"reset.txt", good + "{{.Link", []string{"reset.txt:3:", "unclosed action"}},
		"unclosed in HTML":         {"reset.html", "\n{{if .Link}}", []string{"reset.html:2:", "unexpected EOF"}},
		"no subject":               {"reset.txt", "Hello\n\nSubject: a\n", []string{"reset.txt:1:", "Subject: Confirm your address"}},
		"empty subject":            {"reset.txt", "Subject: \n\na", []string{"reset.txt:1:", "no subject"}},
		"empty":                    {"reset.txt", "", []string{"reset.txt:1:", "no subject"}},
		"unknown name":             {"rest.txt", good, []string{"rest.txt", "activation.txt, activation.html, reset.txt, reset.html, taken.txt, taken.html"}},
		"another case":             {"Reset.txt", good, []string{"Reset.txt", "reset.txt"}},
		"not UTF-8":                {"reset.html", "\xff", []string{"reset.html", "UTF-8"}},
		"too large":                {"reset.html", strings.Repeat("a", 1<<20), []string{"reset.html", "shorten it"}},
		"link where none may be":   {"reset.html", `<a href={{.Link}} {{.Link}}="x"`, []string{"reset.html"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			write(t, folder, c.file, c.text)
			_, err := mail.LoadTemplates(folder)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(c.wants, folder) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestWrongFolders(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if _, err := mail.LoadTemplates(filepath.Join(folder, "none")); err == nil || !strings.Contains(err.Error(), "mail.templates") {
		t.Errorf("no folder: %v", err)
	}
	if err := os.Symlink(filepath.Join(folder, "none"), filepath.Join(folder, "reset.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := mail.LoadTemplates(folder); err == nil || !strings.Contains(err.Error(), "reset.txt") {
		t.Errorf("a link to nowhere: %v", err)
	}
	folder = t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "reset.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := mail.LoadTemplates(folder); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	l := &log{}
	sender := mail.NewLog(l.logger())
	m := message("ada")
	taken := m
	taken.Kind, taken.Link, taken.Key = mail.Taken, "", ""
	for _, m := range []mail.Message{taken, m, m, taken} {
		if err := sender.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if l.lines("set mail.host") != 1 || l.lines("kind=activation username=ada link=\""+m.Link+"\"") != 2 ||
		l.lines("level=DEBUG") != 2 || l.lines("\n") != 5 {
		t.Errorf("logged\n%s", l)
	}
	if l.lines(domain) != 0 {
		t.Errorf("an address is logged:\n%s", l)
	}
}
