package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
	"gatehouse/users"
)

// Bounds of what is imported together.
const (
	MaxLine       = 16 << 20 // bytes of one document
	MaxBatch      = 200      // documents
	MaxBatchBytes = 4 << 20  // of several documents

	importers     = 8               // how many documents are written at once
	importTimeout = 2 * time.Minute // for a batch
)

// ErrNotTried is of documents behind one at which the store failed.
var ErrNotTried = errors.New("it was not tried")

// Imported is what became of a document.
type Imported struct {
	Username string // as far as it could be read
	Err      error
}

// Refused reports whether something is wrong with the document, so that it will
// be refused again; other errors are of the store.
func (i Imported) Refused() bool {
	var invalid *users.InvalidError
	return errors.As(i.Err, &invalid) || errors.Is(i.Err, users.ErrTaken)
}

// Import takes the documents over several at once. Of two with the same name or
// address the first comes first. Once the store fails no more are tried.
func (l local) Import(ctx context.Context, lines [][]byte) ([]Imported, error) {
	results := make([]Imported, len(lines))
	free := make(chan struct{}, importers)
	var running sync.WaitGroup
	var failed atomic.Bool
	begun := map[string]bool{}
	for i, line := range lines {
		document, name, err := userDocument(line)
		if results[i] = (Imported{name, err}); err != nil {
			continue
		}
		for _, key := range uniques(document) {
			if begun[key] {
				running.Wait()
			}
			begun[key] = true
		}
		free <- struct{}{}
		if failed.Load() {
			results[i].Err = ErrNotTried
			<-free
			continue
		}
		running.Go(func() {
			defer func() { <-free }()
			if results[i].Err = l.accounts.Import(ctx, document); results[i].Err != nil && !results[i].Refused() {
				failed.Store(true)
			}
		})
	}
	running.Wait()
	return results, nil
}

// uniques are what no two documents may have the same of, for comparison.
func uniques(document bson.D) (keys []string) {
	for _, e := range document {
		if text, ok := e.Value.(string); ok && (e.Key == "username" || e.Key == "email") {
			keys = append(keys, e.Key+" "+strings.ToLower(text))
		}
	}
	return keys
}

// userDocument reads a user's document as mongoexport writes it: MongoDB's
// Extended JSON, relaxed or canonical, on one line. It also returns the username,
// if there is one. What is wrong with it is a [*users.InvalidError].
func userDocument(line []byte) (bson.D, string, error) {
	document, err := request.Document(withoutVersion(line))
	if err != nil {
		e := fault.From(err)
		if e.Code != fault.InvalidProperty {
			return nil, "", &users.InvalidError{Field: "the line", Why: e.Message}
		}
		field := cmp.Or(e.Property, "the document") // a name can be empty
		return nil, usernameIn(line), &users.InvalidError{Field: field, Why: strings.TrimPrefix(e.Message, e.Property+": ")}
	}
	for _, e := range document {
		if name, ok := e.Value.(string); ok && e.Key == "username" {
			return document, clip(name), nil
		}
	}
	return document, "", nil
}

// usernameIn looks for the username in a JSON object that is no document.
func usernameIn(line []byte) string {
	var named struct {
		Username any `json:"username"`
	}
	_ = json.Unmarshal(line, &named)
	name, _ := named.Username.(string)
	return clip(name)
}

// maxShown is how much is told of a username that can be of any length.
const maxShown = 64

func clip(name string) string {
	if utf8.RuneCountInString(name) <= maxShown {
		return name
	}
	return string([]rune(name)[:maxShown]) + "…"
}

// withoutVersion leaves out the store's count of a document's writes, which
// documents have that come from another store of this server. A line that is no
// JSON object is returned as it is.
func withoutVersion(line []byte) []byte {
	if !bytes.Contains(line, []byte(`"`+store.VersionField+`"`)) || !utf8.Valid(line) || !json.Valid(line) {
		return line
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return line
	}
	rest := []byte{'{'}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return line
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return line
		}
		if name == store.VersionField {
			continue
		}
		if len(rest) > 1 {
			rest = append(rest, ',')
		}
		quoted, _ := json.Marshal(name) // a string: it cannot fail
		rest = append(append(append(rest, quoted...), ':'), value...)
	}
	return append(rest, '}')
}

func (r remote) Import(ctx context.Context, lines [][]byte) ([]Imported, error) {
	var answers []importedLine
	err := r.c.patient(importTimeout+10*time.Second).send(ctx, http.MethodPost, "/users/import", bytes.NewReader(bytes.Join(lines, []byte{'\n'})), &answers)
	if err == nil && len(answers) != len(lines) {
		err = errors.New("the server answered for another number of documents")
	}
	if err != nil {
		return nil, err
	}
	results := make([]Imported, len(answers))
	for i, a := range answers {
		results[i].Username = a.Username
		if a.Failure != nil {
			results[i].Err = a.Failure.err()
		}
	}
	return results, nil
}

// importedLine carries an [Imported] across.
type importedLine struct {
	Username string   `json:"username,omitempty"`
	Failure  *failure `json:"failure,omitempty"`
}

func importedLines(results []Imported) []importedLine {
	lines := make([]importedLine, len(results))
	for i, r := range results {
		lines[i].Username = r.Username
		if r.Err != nil {
			f := newFailure(r.Err)
			lines[i].Failure = &f
		}
	}
	return lines
}
