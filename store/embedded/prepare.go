package embedded

import (
	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// write is a store.Write made ready in the caller's goroutine: all that can be
// refused without looking into the file has been, and the writer has little
// left to do.
type write struct {
	store.Prepared

	collection *collection
	key        []byte  // of the id
	edits      []*edit // of an update
	fields     []fieldCondition
}

// fieldCondition is a value that a field must have, as a key.
type fieldCondition struct {
	path []string
	key  []byte
}

// prepare returns the write made ready, and about how many bytes it will take.
func (s *Store) prepare(w *store.Write) (write, int, error) {
	c, err := s.lookup(w.Collection)
	if err != nil {
		return write{}, 0, err
	}
	p, err := w.Prepare()
	if err != nil {
		return write{}, 0, err
	}
	out := write{Prepared: p, collection: c, key: idKey(p.ID)}
	if p.Kind == store.KindUpdate {
		out.edits = compileEdits(p.Set, p.Unset)
	}
	for _, e := range p.If.Fields {
		key := appendKey(nil, e.Value.(bson.RawValue), false)
		out.fields = append(out.fields, fieldCondition{path: splitPath(e.Key), key: key})
	}
	return out, 256 + 2*len(p.Document), nil
}

// holds reports whether the document is as the write expects it.
func (w *write) holds(doc bson.Raw) bool {
	if w.If.Version != nil && *w.If.Version != store.VersionOf(doc) {
		return false
	}
	for _, f := range w.fields {
		if string(appendKey(nil, at(doc, f.path), false)) != string(f.key) {
			return false
		}
	}
	return true
}
