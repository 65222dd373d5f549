package test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The examples of the documentation are played: a transcript block over a socket, a console block in a shell
// whose server is at localhost:8080. In what is expected … stands for anything.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"../README.md", "../docs/users-websocket.md", "../docs/documents.md", "../docs/users.md", "../docs/updates.md"} {
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
			played := 0
			for _, block := range fence.FindAllStringSubmatch(string(markdown), -1) {
				switch block[1] {
				case "transcript":
					playTranscript(t, srv, block[2])
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

func playTranscript(t *testing.T, srv *server, script string) {
	t.Helper()
	var c *client
	for line := range strings.Lines(script) {
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "connect":
			c = connect(t, srv.ws+rest)
			defer c.leave()
		case "→":
			c.send(rest)
		case "←":
			if got := c.next(); !fits(rest, got.raw) {
				t.Errorf("documented: %s\ngot:        %s", rest, got.raw)
			}
		default:
			t.Errorf("a transcript has no line such as %q", line)
		}
	}
}

func playConsole(t *testing.T, srv *server, session string) {
	t.Helper()
	for _, step := range strings.Split("\n"+session, "\n$ ")[1:] {
		line, expected, _ := strings.Cut(step, "\n")
		here := strings.NewReplacer("http://localhost:8080", srv.url, "ws://localhost:8080", srv.ws).Replace(line)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := exec.CommandContext(ctx, "bash", "-c", here)
		cmd.Dir = srv.dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(gatehouse)+":"+os.Getenv("PATH"))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		cancel()
		if got := strings.TrimRight(out.String(), "\n"); !fits(strings.TrimRight(expected, "\n"), got) {
			t.Errorf("documented: $ %s\n%s\ngot (%v):\n%s", line, expected, err, got)
		}
	}
}
