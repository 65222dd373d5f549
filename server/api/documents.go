package api

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/fault"
	"gatehouse/store"
)

// documentsTimeout is how long a request waits for the store: as long as a
// publisher does.
const documentsTimeout = 4500 * time.Millisecond

// DocumentStore is the store as documents need it.
type DocumentStore interface {
	Get(ctx context.Context, collection string, id any) (bson.Raw, error)
	Apply(ctx context.Context, writes ...store.Write) error
}

// DocumentsOptions for [NewDocuments].
type DocumentsOptions struct {
	Store DocumentStore

	// Open reports whether the documents of a collection may be read and
	// written; it is asked at each request.
	Open func(collection string) bool

	// MaxBodyBytes is how large a body may be.
	MaxBodyBytes func() int
}

// Documents serves /documents, where programs without a driver write to the
// collections whose changes are announced. Who may do so has been decided before;
// the path values collection and id are unescaped.
//
// Answers tell the version of the document as its ETag. Each write is conditional
// on the version that was read for it, also where the client has set no
// condition, so that the version which is answered is that of the document which
// is answered, and whoever sends it back overwrites nothing unseen.
type Documents struct{ o DocumentsOptions }

// NewDocuments makes the handlers.
func NewDocuments(o DocumentsOptions) *Documents { return &Documents{o} }

// Get answers a document.
func (d *Documents) Get(w http.ResponseWriter, r *http.Request) { d.serve(w, r, false, d.get) }

// Post makes a document, under the id that it names or a new ObjectID.
func (d *Documents) Post(w http.ResponseWriter, r *http.Request) { d.serve(w, r, true, d.post) }

// Put replaces a document, or makes it.
func (d *Documents) Put(w http.ResponseWriter, r *http.Request) { d.serve(w, r, true, d.put) }

// Patch changes a document by a JSON merge patch (RFC 7396).
func (d *Documents) Patch(w http.ResponseWriter, r *http.Request) { d.serve(w, r, true, d.patch) }

// Delete removes a document.
func (d *Documents) Delete(w http.ResponseWriter, r *http.Request) { d.serve(w, r, false, d.remove) }

// answer is what a request comes to.
type answer struct {
	status   int
	document bson.D // nil: no body
	etag     string
	location string
}

// serve reads the request and does the operation, once more each time another
// writer came in between.
func (d *Documents) serve(w http.ResponseWriter, r *http.Request, body bool, operation func(context.Context, *documentRequest) (answer, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), documentsTimeout)
	defer cancel()
	q, err := d.read(w, r, body)
	var a answer
	if err == nil {
		a, err = operation(ctx, q)
	}
	for errors.Is(err, errRaced) {
		select {
		case <-ctx.Done():
			err = &store.UnavailableError{Err: err}
		case <-time.After(rand.N(20 * time.Millisecond)): //nolint:gosec // nobody gains by guessing it
			a, err = operation(ctx, q)
		}
	}
	if err == nil {
		err = a.write(w)
	}
	if err != nil {
		fault.Write(w, err)
	}
}

// write answers with the document in the form that [request.Document] reads,
// relaxed Extended JSON.
func (a answer) write(w http.ResponseWriter) error {
	body, err := []byte(nil), error(nil)
	if a.document != nil {
		if body, err = bson.MarshalExtJSON(a.document, false, false); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{"ETag": a.etag, "Location": a.location} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	if body == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(a.status)
		return nil
	}
	writeJSON(w, a.status, json.RawMessage(body))
	return nil
}

func (d *Documents) get(ctx context.Context, q *documentRequest) (answer, error) {
	there, err := d.find(ctx, q)
	switch {
	case err != nil:
		return answer{}, err
	case there == nil:
		return answer{}, errNoDocument
	case q.match != nil && !there.named(q.match):
		return answer{}, errPrecondition
	case there.named(q.noneMatch):
		return answer{status: http.StatusNotModified, etag: etag(there.version)}, nil
	}
	return answer{status: http.StatusOK, document: there.document, etag: etag(there.version)}, nil
}

func (d *Documents) post(ctx context.Context, q *documentRequest) (answer, error) {
	a, err := d.insert(ctx, q)
	if errors.Is(err, errRaced) {
		err = &fault.Error{Code: fault.Taken, Message: "_id: another document has it", Property: "_id"}
	}
	a.location = "/documents/" + url.PathEscape(q.collection) + "/" + url.PathEscape(textOf(q.ids[0]))
	return a, err
}

func (d *Documents) put(ctx context.Context, q *documentRequest) (answer, error) {
	there, err := d.find(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if !q.hold(there) {
		return answer{}, errPrecondition
	}
	if there == nil {
		return d.insert(ctx, q)
	}
	a := answer{status: http.StatusOK, document: keepNumbers(there.document, withID(there.id, q.body)), etag: etag(there.version + 1)}
	return a, d.write(ctx, store.Put(q.collection, there.id, a.document).IfVersion(there.version), a.document)
}

func (d *Documents) patch(ctx context.Context, q *documentRequest) (answer, error) {
	there, err := d.existing(ctx, q)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusOK, document: keepNumbers(there.document, merged(there.document, q.body)), etag: etag(there.version)}
	if err := bounded(a.document); err != nil {
		return answer{}, err
	}
	set, unset := changes("", there.document, a.document)
	if len(set)+len(unset) == 0 {
		return a, nil // nothing happened that anybody would have to hear of
	}
	if len(set)+len(unset) > maxChanges {
		return answer{}, fault.New(fault.TooLarge, "this changes more than "+strconv.Itoa(maxChanges)+" fields one by one; replace the document, or an object in it")
	}
	a.etag = etag(there.version + 1)
	return a, d.write(ctx, store.Update(q.collection, there.id, set, unset...).IfVersion(there.version), a.document)
}

func (d *Documents) remove(ctx context.Context, q *documentRequest) (answer, error) {
	there, err := d.existing(ctx, q)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusNoContent}, d.write(ctx, store.Delete(q.collection, there.id).IfVersion(there.version), nil)
}

func (d *Documents) insert(ctx context.Context, q *documentRequest) (answer, error) {
	a := answer{status: http.StatusCreated, document: withID(q.ids[0], q.body), etag: etag(1)}
	return a, d.write(ctx, store.Insert(q.collection, a.document), a.document)
}

// stored is a document as it was read.
type stored struct {
	id       bson.RawValue
	document bson.D // without its version
	version  int64
}

// find reads the first of the documents that the path can mean, or nil.
func (d *Documents) find(ctx context.Context, q *documentRequest) (*stored, error) {
	for _, id := range q.ids {
		raw, err := d.o.Store.Get(ctx, q.collection, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		}
		there := &stored{id: raw.Lookup("_id"), version: store.VersionOf(raw)}
		if err := bson.Unmarshal(raw, &there.document); err != nil {
			return nil, err
		}
		there.document = slices.DeleteFunc(there.document, func(e bson.E) bool { return e.Key == store.VersionField })
		return there, nil
	}
	return nil, nil
}

// existing is find for what is to be changed: it must be there, and be as the
// client expects it.
func (d *Documents) existing(ctx context.Context, q *documentRequest) (*stored, error) {
	there, err := d.find(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case there == nil:
		return nil, errNoDocument
	case !q.hold(there):
		return nil, errPrecondition
	}
	return there, nil
}

var (
	errNoDocument   = fault.New(fault.NotFound, "no document of this collection has this id")
	errPrecondition = fault.New(fault.PreconditionFailed, "the document is not as the condition wants it: it was changed or removed meanwhile, or is there already; read it again")
)

// errRaced says that the document is no longer what was read.
var errRaced = errors.New("others write to this document all the time")

// write makes a write that leaves this document behind; nil is none.
func (d *Documents) write(ctx context.Context, w store.Write, document bson.D) error {
	if document != nil {
		if err := bounded(document); err != nil {
			return err
		}
	}
	err := d.o.Store.Apply(ctx, w)
	var duplicate *store.DuplicateError
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return errRaced
	case errors.As(err, &duplicate) && slices.Equal(duplicate.Fields, []string{"_id"}):
		return errRaced
	case duplicate != nil:
		return fault.New(fault.Taken, duplicate.Error()) // an index that its owner made
	case errors.Is(err, store.ErrInvalid):
		return fault.New(fault.InvalidProperty, err.Error())
	}
	return err
}
