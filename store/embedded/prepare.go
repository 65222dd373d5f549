package embedded

import (
	"fmt"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// write is a store.Write made ready in the caller's goroutine: all that can be
// refused without looking into the file has been, and the writer has little
// left to do.
type write struct {
	kind       store.Kind
	collection *collection
	id         bson.RawValue
	key        []byte   // of the id
	document   bson.Raw // of an insert and a put, with version 1
	edits      []*edit  // of an update
	version    *int64   // conditions
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
	out := write{kind: w.Kind, collection: c}
	switch w.Kind {
	case store.KindInsert:
		err = out.prepareInsert(w)
	case store.KindPut:
		err = out.preparePut(w)
	case store.KindUpdate:
		if out.edits, err = compileEdits(w.Set, w.Unset); err == nil {
			out.id, err = marshalID(w.ID)
		}
	case store.KindDelete:
		out.id, err = marshalID(w.ID)
	default:
		err = fmt.Errorf("%w: a write is made with Insert, Update, Put or Delete", store.ErrInvalid)
	}
	if err == nil {
		err = out.prepareConditions(&w.If)
	}
	if err != nil {
		return write{}, 0, err
	}
	out.key = idKey(out.id)
	return out, 256 + 2*len(out.document), nil
}

func (w *write) prepareInsert(in *store.Write) error {
	if in.If.Version != nil || len(in.If.Fields) > 0 {
		return fmt.Errorf("%w: an insert has no document that a condition could be about", store.ErrInvalid)
	}
	doc, err := marshalDocument(in.Document)
	if err != nil {
		return err
	}
	if w.id, err = doc.LookupErr("_id"); err != nil {
		w.id, err = marshalValue(bson.NewObjectID())
	} else {
		err = store.ValidID(w.id)
	}
	if err != nil {
		return err
	}
	w.document, err = arrange(doc, w.id)
	return err
}

func (w *write) preparePut(in *store.Write) error {
	var err error
	if w.id, err = marshalID(in.ID); err != nil {
		return err
	}
	doc, err := marshalDocument(in.Document)
	if err != nil {
		return err
	}
	if own, err := doc.LookupErr("_id"); err == nil && string(idKey(own)) != string(idKey(w.id)) {
		return fmt.Errorf("%w: the document's _id is not the id it is put under", store.ErrInvalid)
	}
	w.document, err = arrange(doc, w.id)
	return err
}

func (w *write) prepareConditions(c *store.Condition) error {
	w.version = c.Version
	for _, e := range c.Fields {
		if err := store.ValidPath(e.Key); err != nil {
			return err
		}
		v, err := marshalValue(e.Value)
		if err != nil {
			return err
		}
		w.fields = append(w.fields, fieldCondition{path: splitPath(e.Key), key: appendKey(nil, v, false)})
	}
	return nil
}

// conditional reports whether the write has a condition.
func (w *write) conditional() bool { return w.version != nil || len(w.fields) > 0 }

// holds reports whether the document is as the write expects it.
func (w *write) holds(doc bson.Raw) bool {
	if w.version != nil && *w.version != versionOf(doc) {
		return false
	}
	for _, f := range w.fields {
		if string(appendKey(nil, at(doc, f.path), false)) != string(f.key) {
			return false
		}
	}
	return true
}
