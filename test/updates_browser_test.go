package test

import (
	"context"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A real browser, which asks for preflights, sends Origin by itself, and keeps answers from pages that may not read
// them.

// browserNames are those that the browser goes by.
var browserNames = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

// browser finds one, or skips the test and says so.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range browserNames {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const what = "no browser is installed: ./test/run does that as root on Debian (apt-get install chromium)"
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
	return ""
}

var paragraph = regexp.MustCompile(`(?s)<title>over</title>.*<p>(.*?)</p>`)

// opens has a browser open a page, and returns what it wrote into its paragraph.
func opens(t *testing.T, at string) string {
	t.Helper()
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=20000", "--dump-dom", at,
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var errs text
	cmd := exec.CommandContext(ctx, browser(t), args...)
	cmd.Stderr = &errs
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("the browser: %v\n%s", err, errs.String())
	}
	found := paragraph.FindSubmatch(dom)
	if found == nil {
		t.Fatalf("the page did not come to its end: %s\n%s", dom, errs.String())
	}
	return html.UnescapeString(string(found[1]))
}

// site serves the page; names are those by which a browser may call it.
func site(t *testing.T) (port string) {
	t.Helper()
	s := httptest.NewServer(http.FileServer(http.Dir("browser")))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestUpdatesInABrowser(t *testing.T) {
	t.Parallel()
	sameOnBoth(t)
	browser(t)
	g := startGamers(t, nil)
	key := strings.TrimPrefix(g.holder.headers.Get("Authorization"), "Bearer ")
	page := ":" + site(t) + "/page.html?key=" + url.QueryEscape(key) + "#" + url.QueryEscape(g.srv.url)
	g.holder.creates("Omega", "Selena", "")

	// localhost is approved, 127.0.0.1 is not.
	const want = `open | post ok | joined | session 32 | profile 200 with a tag | changed 200 | 2/updates,["character.updated",{"name":"Selena","server":"Omega"}] | done`
	if got := opens(t, "http://localhost"+page); got != want {
		t.Errorf("from an approved origin\ngot  %s\nwant %s", got, want)
	}
	g.holder.puts("Omega", "Selena", "age", "")
	if got := opens(t, "http://127.0.0.1"+page); got != "failed: TypeError" {
		t.Errorf("from another origin\ngot  %s\nwant no answer at all", got)
	}
	g.srv.nobody(t).asks(200, "GET", profileAt("Omega", "Selena"), "").wantsProfile(t)
	g.srv.logged(t, "origin refused")
}
