package gate_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"gatehouse/server/gate"
)

// Operators go by this page, so each example on it is tried.
func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestExamplesOfThePage(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `(.+)` \\| `(.+)` \\| (approved|refused) \\|$")
	rows := row.FindAllStringSubmatch(readPage(t), -1)
	if len(rows) < 30 {
		t.Fatalf("only %d examples were found", len(rows))
	}
	for _, r := range rows {
		v := mustNew(t, r[1]).Judge([]string{r[2]}, gate.RejectMissing)
		if v.Approved != (r[3] == "approved") {
			t.Errorf("%s: the page says %s: %v", r[0], r[3], v)
		}
	}
}

func TestFormsOfThePage(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (as sent|host and port|host) \\| `(.+)` \\| `(.+)` \\|$")
	rows := row.FindAllStringSubmatch(readPage(t), -1)
	if len(rows) != 3 {
		t.Fatalf("%d forms were found", len(rows))
	}
	for column := 2; column <= 3; column++ {
		for i, f := range gate.Forms(rows[0][column]) {
			if f.Form.String() != rows[i][1] || f.Text != rows[i][column] {
				t.Errorf("the page says %q, not %+v", rows[i], f)
			}
		}
	}
}

func TestWarningsOfThePage(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```text\n(.+?)```").FindAllStringSubmatch(readPage(t), -1)
	lines := 0
	for _, b := range blocks {
		for line := range strings.Lines(b[1]) {
			line = strings.TrimSpace(line)
			var pattern string
			if err := json.NewDecoder(strings.NewReader(line)).Decode(&pattern); err != nil {
				t.Fatalf("%s: no pattern: %v", line, err)
			}
			var said []string
			for _, w := range mustNew(t, pattern).Lint() {
				said = append(said, w.Message)
			}
			if got := strings.Join(said, "\n"); got != line {
				t.Errorf("\n got %s\npage %s", got, line)
			}
			lines++
		}
	}
	if lines < 10 {
		t.Errorf("only %d warnings were found", lines)
	}
}

// Every code is told of, and no other.
func TestCodesOfThePage(t *testing.T) {
	_, verdicts, _ := strings.Cut(readPage(t), "## Verdicts")
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(verdicts, -1) {
		got = append(got, m[1])
	}
	want := "APPROVED MISSING_ALLOWED ORIGIN_MISSING ORIGIN_NOT_APPROVED ORIGIN_NULL SEVERAL_ORIGINS ORIGIN_MALFORMED"
	if strings.Join(got, " ") != want {
		t.Errorf("got %s", got)
	}
}
