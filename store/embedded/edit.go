package embedded

import (
	"fmt"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// edit is what an update does at one field: it sets or removes it, or edits
// fields within it.
type edit struct {
	name   string
	path   string // for errors
	set    bsoncore.Value
	remove bool
	within []*edit
}

// compileEdits turns a prepared update's paths into a tree, in the order given.
func compileEdits(set bson.D, unset []string) []*edit {
	root := &edit{}
	made := make(map[string]*edit, len(set)+len(unset)) // by path
	for _, e := range set {
		v := e.Value.(bson.RawValue)
		insertEdit(root, made, e.Key).set = bsoncore.Value{Type: bsoncore.Type(v.Type), Data: v.Value}
	}
	for _, path := range unset {
		insertEdit(root, made, path).remove = true
	}
	return root.within
}

func insertEdit(at *edit, made map[string]*edit, path string) *edit {
	end := -1
	for _, name := range splitPath(path) {
		end += len(".") + len(name)
		e := made[path[:end]]
		if e == nil {
			e = &edit{name: name, path: path}
			made[path[:end]] = e
			at.within = append(at.within, e)
		}
		at = e
	}
	return at
}

// finder returns what finds an edit by its name: for many by a map, since
// documents can be wide.
func finder(edits []*edit) func(name string) *edit {
	if len(edits) > 16 {
		byName := make(map[string]*edit, len(edits))
		for _, e := range edits {
			byName[e.name] = e
		}
		return func(name string) *edit { return byName[name] }
	}
	return func(name string) *edit {
		for _, e := range edits {
			if e.name == name {
				return e
			}
		}
		return nil
	}
}

// applyEdits returns a stored document after the edits, with its next version.
func applyEdits(doc bson.Raw, edits []*edit) (bson.Raw, error) {
	start, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+64))
	out, err := appendEdited(out, doc, edits, true)
	if err != nil {
		return nil, err
	}
	after, err := finish(out, start, store.VersionOf(doc)+1)
	if err != nil {
		return nil, err
	}
	return after, store.ValidDocument(after) // edits can nest it too deep
}

// appendEdited appends the elements of doc (nil is an empty one) after the
// edits. Fields keep their place; new ones stand behind them.
func appendEdited(out []byte, doc bson.Raw, edits []*edit, top bool) ([]byte, error) {
	met := make(map[*edit]bool, len(edits))
	find := finder(edits)
	var rest []byte
	if len(doc) > 4 {
		rest = doc[4:]
	}
	for len(rest) > 1 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return nil, errDamagedDocument
		}
		rest = after
		name := string(element.KeyBytes())
		if top && name == store.VersionField {
			continue
		}
		e := find(name)
		switch {
		case e == nil:
			out = append(out, element...)
			continue
		case e.remove:
		case e.within == nil:
			out = bsoncore.AppendValueElement(out, name, e.set)
		default:
			sub, ok := element.Value().DocumentOK()
			if !ok && e.onlyRemoves() { // there is nothing to remove
				out = append(out, element...)
				break
			}
			if !ok {
				return nil, fmt.Errorf("%w: the path %q leads through %q, which holds no document", store.ErrInvalid, e.path, name)
			}
			var err error
			if out, err = e.appendWithin(out, bson.Raw(sub)); err != nil {
				return nil, err
			}
		}
		met[e] = true
	}
	for _, e := range edits {
		switch {
		case met[e], e.remove, e.onlyRemoves():
		case e.within == nil:
			out = bsoncore.AppendValueElement(out, e.name, e.set)
		default:
			var err error
			if out, err = e.appendWithin(out, nil); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (e *edit) appendWithin(out []byte, doc bson.Raw) ([]byte, error) {
	start, out := bsoncore.AppendDocumentElementStart(out, e.name)
	out, err := appendEdited(out, doc, e.within, false)
	if err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentEnd(out, start)
}

// onlyRemoves reports whether nothing within is set, so that no document has
// to be made for it.
func (e *edit) onlyRemoves() bool {
	if e.within == nil {
		return e.remove
	}
	for _, inner := range e.within {
		if !inner.onlyRemoves() {
			return false
		}
	}
	return true
}
