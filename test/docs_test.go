package test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The examples of the documentation are played: a transcript block over a socket, a console block in a shell
// whose server is at localhost:8080. In what is expected … stands for anything. A transcript may have commands of a
// shell too, each behind a $; they and the headers of a socket find the files that were made by those before them, and
// $(cat file) stands for what is in one. Where several sockets are open each has a name, which stands in front of what
// it does; it is open until it leaves.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	for _, page := range []string{"../README.md", "../docs/users-websocket.md", "../docs/documents.md", "../docs/users.md", "../docs/updates.md", "../docs/realtime.md", "../docs/players.md"} {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			markdown, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			srv := startUsers(t, settings{
				"websocket.approvedSocketDomains": []string{"^localhost$", `^127\.0\.0\.1$`, "^trusted-host$"},
				"events.rules":                    []any{orderPlaced}, // docs/documents.md shows it
			})
			played, named := 0, map[string]*client{}
			for _, block := range fence.FindAllStringSubmatch(string(markdown), -1) {
				switch block[1] {
				case "transcript":
					playTranscript(t, srv, named, block[2])
					played++
				case "console":
					playConsole(t, srv, block[2])
					played++
				}
			}
			if played == 0 {
				t.Error("the page has no example to play")
			}
		})
	}
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// fits tells whether a text is what is expected.
func fits(expected, got string) bool {
	parts := strings.Split(expected, "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*?") + `\z`).MatchString(got)
}

// whose is a line of a socket that has a name, and contents what stands in a file.
var (
	whose    = regexp.MustCompile(`^(\w+) (connect|→|←|leaves)(?: (.*))?$`)
	contents = regexp.MustCompile(`\$\(cat ([\w.]+)\)`)
)

func playTranscript(t *testing.T, srv *server, named map[string]*client, script string) {
	t.Helper()
	var c *client
	var shell []string // a command, and what it is expected to print
	run := func() {
		if len(shell) > 0 {
			playConsole(t, srv, strings.Join(shell, "\n"))
		}
		shell = nil
	}
	defer run()
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		name := ""
		if of := whose.FindStringSubmatch(line); of != nil {
			name, verb, rest = of[1], of[2], of[3]
			if c = named[name]; c == nil && verb != "connect" {
				t.Fatalf("%q: %s has no socket", line, name)
			}
		}
		switch verb {
		case "connect", "→", "←", "$", "leaves":
			run()
		}
		switch {
		case verb == "connect":
			path, headers := handshake(t, srv, rest)
			c = connectWith(t, srv.ws+path, headers)
			if name == "" {
				defer c.leave()
			} else {
				named[name] = c
			}
		case verb == "leaves":
			c.leave()
			delete(named, name)
		case verb == "→":
			c.send(contents.ReplaceAllStringFunc(rest, func(found string) string {
				b, err := os.ReadFile(filepath.Join(srv.dir, contents.FindStringSubmatch(found)[1]))
				if err != nil {
					t.Fatal(err)
				}
				return strings.TrimSpace(string(b))
			}))
		case verb == "←":
			if got := c.next(); !fits(rest, got.raw) {
				t.Errorf("documented: %s\ngot:        %s", rest, got.raw)
			}
		case verb == "$" || len(shell) > 0:
			shell = append(shell, line)
		default:
			t.Errorf("a transcript has no line such as %q", verb+" "+rest)
		}
	}
}

// handshake reads where a socket connects to, and its headers, which are written as for curl: -H 'name: value', or
// -H @file.
func handshake(t *testing.T, srv *server, line string) (path string, headers map[string]string) {
	t.Helper()
	words, err := inShell(t, srv, "printf '%s\\n' "+line)
	if err != nil {
		t.Fatalf("connect %s: %v\n%s", line, err, words)
	}
	path, rest, _ := strings.Cut(words, "\n")
	headers = maps.Clone(trusted)
	for word := range strings.SplitSeq(rest, "\n") {
		lines := word
		if file, ok := strings.CutPrefix(word, "@"); ok {
			b, err := os.ReadFile(filepath.Join(srv.dir, file))
			if err != nil {
				t.Fatal(err)
			}
			lines = string(b)
		}
		for header := range strings.Lines(lines) {
			if name, value, ok := strings.Cut(header, ":"); ok {
				headers[strings.ToLower(name)] = strings.TrimSpace(value)
			}
		}
	}
	return path, headers
}

// inShell runs a command in the server's folder, and returns what it prints.
func inShell(t *testing.T, srv *server, line string) (printed string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir = srv.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(gatehouse)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}

func playConsole(t *testing.T, srv *server, session string) {
	t.Helper()
	for _, step := range strings.Split("\n"+session, "\n$ ")[1:] {
		line, expected, _ := strings.Cut(step, "\n")
		here := strings.NewReplacer("http://localhost:8080", srv.url, "ws://localhost:8080", srv.ws).Replace(line)
		got, err := inShell(t, srv, here)
		// An event is there a moment after what it tells of was answered; a reader at a keyboard is not so quick.
		for end := time.Now().Add(patience / 3); strings.Contains(line, "/events?") && strings.Contains(got, `"events":[]`) && time.Now().Before(end); {
			got, err = inShell(t, srv, here)
		}
		if !fits(strings.TrimRight(expected, "\n"), got) {
			t.Errorf("documented: $ %s\n%s\ngot (%v):\n%s", line, expected, err, got)
		}
	}
}
