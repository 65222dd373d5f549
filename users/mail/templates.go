package mail

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"
)

//go:embed templates
var builtin embed.FS

// maxTemplate is the size of the largest template, in bytes.
const maxTemplate = 256 << 10

// Templates are the texts of mails. Make them with [LoadTemplates]; they may be
// used by any number of goroutines.
type Templates struct {
	kinds map[Kind]texts
}

// texts are those of one kind of mail.
type texts struct {
	subject, plain *texttemplate.Template
	html           *htmltemplate.Template
}

// LoadTemplates reads the texts of mails: the built in ones, and in their place
// those that are in the folder, unless it is "". Each is tried out with an
// example. Errors name the file, the line and what to do.
func LoadTemplates(folder string) (*Templates, error) {
	if folder != "" {
		if err := checkFolder(folder); err != nil {
			return nil, err
		}
	}
	t := &Templates{kinds: make(map[Kind]texts)}
	for _, kind := range kinds {
		plain, place, err := readTemplate(folder, string(kind)+".txt")
		if err != nil {
			return nil, err
		}
		var parsed texts
		if parsed.subject, parsed.plain, err = parsePlain(place, plain); err != nil {
			return nil, err
		}
		html, htmlPlace, err := readTemplate(folder, string(kind)+".html")
		if err != nil {
			return nil, err
		}
		if parsed.html, err = htmltemplate.New(htmlPlace).Parse(html); err != nil {
			return nil, explain(err)
		}
		t.kinds[kind] = parsed
		if _, _, _, err := t.render(example(kind)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// names are those that a file in the folder can have.
func names() []string {
	var all []string
	for _, kind := range kinds {
		all = append(all, string(kind)+".txt", string(kind)+".html")
	}
	return all
}

// checkFolder refuses what is no template, since it may be one whose name was
// mistyped. Hidden files are left alone: where Kubernetes mounts a folder, there
// are some.
func checkFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("the folder of the templates of mails cannot be read: %w; name another with mail.templates", err)
	}
	for _, e := range entries {
		if name := e.Name(); !strings.HasPrefix(name, ".") && !slices.Contains(names(), name) {
			return fmt.Errorf("%s: is no template of a mail; rename it or move it away: a template is named %s",
				filepath.Join(folder, name), strings.Join(names(), ", "))
		}
	}
	return nil
}

// readTemplate returns a template's text, and where it comes from, for errors.
func readTemplate(folder, name string) (text, place string, err error) {
	if folder != "" {
		place = filepath.Join(folder, name)
		_, err := os.Lstat(place) // a link to nowhere is a mistake, not absent
		switch {
		case err == nil:
			text, err = readFile(place)
			return text, place, err
		case !errors.Is(err, fs.ErrNotExist):
			return "", place, err
		}
	}
	b, err := builtin.ReadFile("templates/" + name)
	return string(b), name, err
}

func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s: is no regular file", path) // to read it could take for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxTemplate:
		return "", fmt.Errorf("%s: has more than %d bytes; shorten it", path, maxTemplate)
	case !utf8.Valid(b):
		return "", fmt.Errorf("%s: is not UTF-8; save it as UTF-8", path)
	}
	return strings.TrimPrefix(string(b), "\uFEFF"), nil
}

// parsePlain parses a .txt: a line with the subject, and the text.
func parsePlain(place, source string) (subject, plain *texttemplate.Template, err error) {
	first, rest, _ := strings.Cut(strings.ReplaceAll(source, "\r\n", "\n"), "\n")
	const label = "subject:"
	if len(first) < len(label) || !strings.EqualFold(first[:len(label)], label) || strings.TrimSpace(first[len(label):]) == "" {
		return nil, nil, fmt.Errorf("%s:1: there is no subject; begin the file with a line such as \"Subject: Confirm your address\"", place)
	}
	if subject, err = texttemplate.New(place).Parse(first[len(label):]); err != nil {
		return nil, nil, explain(err)
	}
	// The empty line in place of the first keeps the numbers of lines right.
	if plain, err = texttemplate.New(place).Parse("\n" + rest); err != nil {
		return nil, nil, explain(err)
	}
	return subject, plain, nil
}
