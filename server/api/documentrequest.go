package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/server/fault"
	"gatehouse/server/request"
	"gatehouse/store"
)

// documentRequest is what a client asks for.
type documentRequest struct {
	collection string
	ids        []any  // what the id can mean: the first that exists, or else the first
	body       bson.D // without its _id
	conditions
}

func (d *Documents) read(w http.ResponseWriter, r *http.Request, body bool) (*documentRequest, error) {
	q := &documentRequest{collection: r.PathValue("collection")}
	if !d.o.Open(q.collection) {
		return nil, fault.New(fault.CollectionNotOpen, "documents can be read and written in files, in buckets, and in the collections that events.rules names, but for the server's own")
	}
	var err error
	if q.conditions, err = parseConditions(r.Header); err != nil {
		return nil, err
	}
	if text := r.PathValue("id"); text != "" {
		if why := refuseID(text); why != "" {
			return nil, fault.New(fault.InvalidParameter, "the id in the path "+why)
		}
		q.ids = meanings(text)
	}
	if !body {
		return q, nil
	}
	b, err := readBody(w, r, d.o.MaxBodyBytes())
	if err != nil {
		return nil, err
	}
	if q.body, err = request.Document(b); err != nil {
		return nil, err
	}
	return q, q.takeID()
}

// takeID takes the id out of the body. It must be one that the path can mean,
// and is the one then.
func (q *documentRequest) takeID() error {
	i := slices.IndexFunc(q.body, func(e bson.E) bool { return e.Key == "_id" })
	if i < 0 {
		if len(q.ids) == 0 {
			q.ids = []any{bson.NewObjectID()}
		}
		return nil
	}
	id, why := q.body[i].Value, ""
	switch v := id.(type) {
	case string:
		why = refuseID(v)
	case int32:
		id = int64(v)
	case int64, bson.ObjectID:
	default:
		why = `must be a text, a whole number or {"$oid":"…"}`
	}
	if why == "" && len(q.ids) > 0 && !slices.Contains(q.ids, id) {
		why = "is not the id in the path; leave it out, or use its own path"
	}
	if why != "" {
		return fault.Invalid("_id", why)
	}
	q.ids = []any{id}
	q.body = slices.Delete(q.body, i, i+1)
	return nil
}

// meanings are the ids that a text in a path can stand for: itself, and as other
// programs have ids of other types, an ObjectID or a whole number.
func meanings(text string) []any {
	ids := []any{text}
	if id, err := bson.ObjectIDFromHex(text); err == nil {
		ids = append(ids, id)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && textOf(n) == text {
		ids = append(ids, n)
	}
	return ids
}

// textOf is how an id is written in a path.
func textOf(id any) string {
	switch id := id.(type) {
	case bson.ObjectID:
		return id.Hex()
	case int64:
		return strconv.FormatInt(id, 10)
	}
	text, _ := id.(string)
	return text
}

// maxDocumentID is the length of the longest id that is a text, in bytes.
const maxDocumentID = 1024

// refuseID says why a text cannot be an id: it must be able to stand in a path.
func refuseID(text string) string {
	switch {
	case text == "", text == ".", text == "..":
		return "cannot be empty, nor one or two dots"
	case len(text) > maxDocumentID:
		return "is longer than " + strconv.Itoa(maxDocumentID) + " bytes"
	case !utf8.ValidString(text):
		return "is not UTF-8"
	}
	return ""
}

// withID is a document with its id, as the store keeps it: in front.
func withID(id any, rest bson.D) bson.D {
	return append(bson.D{{Key: "_id", Value: id}}, rest...)
}

// What a document may have, so that comparing two of them stays cheap: fields
// that do not stand in lists, and bytes in all their dotted paths together.
const (
	maxFields     = 10_000
	maxFieldBytes = 4 << 20
)

// maxChanges is how many fields one patch may change. Each is a path that the
// database looks for.
const maxChanges = 1000

// bounded says as TOO_LARGE that a document cannot be kept.
func bounded(document bson.D) error {
	fields, bytes := 0, 0
	var count func(doc bson.D, path int)
	count = func(doc bson.D, path int) {
		for _, e := range doc {
			fields++
			bytes += path + len(e.Key)
			if inner, ok := e.Value.(bson.D); ok {
				count(inner, path+len(e.Key)+1)
			}
		}
	}
	count(document, 0)
	switch {
	case fields > maxFields:
		return fault.New(fault.TooLarge, "the document has more than "+strconv.Itoa(maxFields)+" fields, not counting those in lists")
	case bytes > maxFieldBytes:
		return fault.New(fault.TooLarge, "the dotted paths of all fields of the document are longer than "+strconv.Itoa(maxFieldBytes)+" bytes together")
	}
	raw, err := bson.Marshal(document)
	if err == nil && len(raw) > store.MaxDocumentSize-64 { // the store adds its version
		return fault.New(fault.TooLarge, "the document takes more than 16 MiB as BSON")
	}
	return err
}

// conditions are those of If-Match and If-None-Match: an ETag, several, or *.
type conditions struct{ match, noneMatch []string }

func parseConditions(h http.Header) (c conditions, err error) {
	if c.match, err = parseETags(h, "If-Match"); err == nil {
		c.noneMatch, err = parseETags(h, "If-None-Match")
	}
	return c, err
}

func parseETags(h http.Header, name string) (tags []string, err error) {
	for _, line := range h.Values(name) {
		for tag := range strings.SplitSeq(line, ",") {
			// A proxy that compresses answers makes their tags weak. A version
			// stands for all of the document, whatever it went through.
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag != "*" && (len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"') {
				return nil, fault.New(fault.InvalidParameter, name+` must be an ETag as it was answered, with its quotation marks ("3"), several with commas between them, or *`)
			}
			tags = append(tags, tag)
		}
	}
	return tags, nil
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// hold reports whether they are fulfilled by the document that is there, nil
// being none.
func (c conditions) hold(there *stored) bool {
	return (c.match == nil || there.named(c.match)) && !there.named(c.noneMatch)
}

// named reports whether one of the tags is the document's.
func (s *stored) named(tags []string) bool {
	return s != nil && (slices.Contains(tags, "*") || slices.Contains(tags, etag(s.version)))
}
