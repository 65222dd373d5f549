package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// scripted is a store that holds one document, and refuses writes as it is told.
type scripted struct {
	document bson.D
	refusals []error // of the next writes
	applied  []store.Write
	onRead   func()
}

func (s *scripted) Get(context.Context, string, any) (bson.Raw, error) {
	if s.onRead != nil {
		s.onRead()
	}
	if s.document == nil {
		return nil, store.ErrNotFound
	}
	return bson.Marshal(s.document)
}

func (s *scripted) Apply(_ context.Context, writes ...store.Write) error {
	if len(s.refusals) > 0 {
		err := s.refusals[0]
		s.refusals = s.refusals[1:]
		return &store.WriteError{Err: err}
	}
	s.applied = append(s.applied, writes...)
	return nil
}

func ask(s *scripted, method, body string, ifMatch ...string) *httptest.ResponseRecorder {
	d := NewDocuments(DocumentsOptions{Store: s, Open: func(string) bool { return true }, MaxBodyBytes: func() int { return 1 << 10 }})
	r := httptest.NewRequest(method, "/documents/orders/1", strings.NewReader(body))
	r.SetPathValue("collection", "orders")
	if method != http.MethodPost {
		r.SetPathValue("id", "x")
	}
	for _, tag := range ifMatch {
		r.Header.Add("If-Match", tag)
	}
	w := httptest.NewRecorder()
	map[string]http.HandlerFunc{
		http.MethodGet: d.Get, http.MethodPost: d.Post, http.MethodPut: d.Put, http.MethodPatch: d.Patch, http.MethodDelete: d.Delete,
	}[method](w, r)
	return w
}

func versioned(version int64) bson.D {
	return bson.D{{Key: "_id", Value: "x"}, {Key: "a", Value: int32(1)}, {Key: store.VersionField, Value: version}}
}

// Where another writer was quicker the request begins anew, with what is there by
// then.
func TestRacedWritesBeginAnew(t *testing.T) {
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		s := &scripted{document: versioned(1), refusals: []error{store.ErrConflict, store.ErrNotFound}}
		reads := 0
		s.onRead = func() {
			reads++
			s.document = versioned(int64(reads))
		}
		if w := ask(s, method, `{"a":2}`); w.Code/100 != 2 || reads != 3 || len(s.applied) != 1 || *s.applied[0].If.Version != 3 {
			t.Errorf("%s: status %d after %d reads: %+v", method, w.Code, reads, s.applied)
		}
	}
	// It was to be made, and is there.
	s := &scripted{refusals: []error{&store.DuplicateError{Fields: []string{"_id"}}}}
	s.onRead = func() {
		if len(s.refusals) == 0 {
			s.document = versioned(1)
		}
	}
	if w := ask(s, http.MethodPut, `{"a":2}`); w.Code != 200 || w.Header().Get("ETag") != `"2"` {
		t.Errorf("status %d, %s", w.Code, w.Header().Get("ETag"))
	}
	// A condition holds of what is there, not of what was.
	s = &scripted{document: versioned(1), refusals: []error{store.ErrConflict}}
	s.onRead = func() { s.document = versioned(2 - int64(len(s.refusals))) }
	if w := ask(s, http.MethodPut, `{"a":2}`, `"1"`); w.Code != 412 || len(s.applied) != 0 {
		t.Errorf("status %d: %+v", w.Code, s.applied)
	}
}

func TestRefusalsOfTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		refusal error
		status  int
		answer  string
	}{
		"not available":  {&store.UnavailableError{}, 503, `"STORE_UNAVAILABLE"`},
		"in doubt":       {&store.UnavailableError{InDoubt: true}, 503, `"inDoubt":true`},
		"closed":         {store.ErrClosed, 503, `"STORE_UNAVAILABLE"`},
		"another index":  {&store.DuplicateError{Collection: "orders", Fields: []string{"number"}}, 409, `"TAKEN"`},
		"not to be kept": {store.ErrInvalid, 400, `"INVALID_PROPERTY"`},
		"anything else":  {context.Canceled, 500, `"INTERNAL"`},
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch} {
			w := ask(&scripted{document: versioned(1), refusals: []error{test.refusal}}, method, `{"a":2}`)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.answer) || w.Header().Get("ETag")+w.Header().Get("Location") != "" {
				t.Errorf("%s: %s: status %d: %s", name, method, w.Code, w.Body)
			}
		}
	}
}

// A document that another program wrote has no version yet, and may hold what no
// editor can send.
func TestForeignDocument(t *testing.T) {
	s := &scripted{document: bson.D{{Key: "_id", Value: bson.ObjectID{}}, {Key: "total", Value: 5.0}, {Key: "n", Value: int64(7)}, {Key: "$odd", Value: 1}}}
	w := ask(s, http.MethodGet, "")
	if want := `{"_id":{"$oid":"000000000000000000000000"},"total":5.0,"n":7,"$odd":1}` + "\n"; w.Body.String() != want || w.Header().Get("ETag") != `"0"` {
		t.Errorf("%s with %s", w.Body, w.Header().Get("ETag"))
	}
	if w := ask(s, http.MethodPatch, `{"total":5,"n":8}`, `W/"0"`); w.Code != 200 || w.Header().Get("ETag") != `"1"` {
		t.Errorf("status %d with %s: %s", w.Code, w.Header().Get("ETag"), w.Body)
	}
	if len(s.applied) != 1 || len(s.applied[0].Set) != 1 || s.applied[0].Set[0].Key != "n" {
		t.Errorf("%+v, want n alone to be set", s.applied)
	}
}
