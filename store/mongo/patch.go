package mongo

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// patch is what an update did at one place of a document: it set or removed the
// value, cut the array there, or did something within it.
type patch struct {
	name   string
	set    bson.RawValue
	remove bool
	cut    int // the array's new length, or -1
	within []*patch
	named  map[string]*patch // of within
}

var errPatch = errors.New("an update's description does not fit the document before it")

// readPatch reads the updateDescription of an event of a collection. Within a
// secret field, of which only a mask is known, nothing can be done; hidden are
// the paths in such fields.
func readPatch(description bson.Raw, c *collection) (root *patch, hidden []string) {
	root = &patch{cut: -1}
	precise, _ := description.Lookup("disambiguatedPaths").DocumentOK()
	at := func(path string) *patch {
		steps := parts(path, precise)
		if slices.Contains(c.Secret, steps[0]) {
			hidden = append(hidden, path)
			if len(steps) > 1 {
				return &patch{} // it holds something before and after
			}
		}
		return root.at(steps)
	}
	if updated, ok := description.Lookup("updatedFields").DocumentOK(); ok {
		elements, _ := updated.Elements()
		for _, e := range elements {
			at(e.Key()).set = e.Value()
		}
	}
	for _, v := range values(description, "truncatedArrays") {
		if doc, ok := v.DocumentOK(); ok {
			field, _ := doc.Lookup("field").StringValueOK()
			size, ok := doc.Lookup("newSize").AsInt64OK()
			if ok {
				at(field).cut = int(size)
			}
		}
	}
	for _, v := range values(description, "removedFields") {
		if path, ok := v.StringValueOK(); ok {
			at(path).remove = true
		}
	}
	return root, hidden
}

// values are those of an array.
func values(doc bson.Raw, name string) []bson.RawValue {
	array, ok := doc.Lookup(name).ArrayOK()
	if !ok {
		return nil
	}
	list, _ := array.Values()
	return list
}

// parts are the names that a path goes through. Where a name itself holds a dot,
// the server says so.
func parts(path string, precise bson.Raw) []string {
	list, ok := precise.Lookup(path).ArrayOK()
	if !ok {
		return strings.Split(path, ".")
	}
	steps, _ := list.Values()
	names := make([]string, len(steps))
	for i, v := range steps {
		if names[i], ok = v.StringValueOK(); !ok {
			n, _ := v.AsInt64OK()
			names[i] = strconv.FormatInt(n, 10)
		}
	}
	return names
}

func (p *patch) at(path []string) *patch {
	for _, name := range path {
		p = p.step(name)
	}
	return p
}

func (p *patch) step(name string) *patch {
	if next := p.named[name]; next != nil {
		return next
	}
	next := &patch{name: name, cut: -1}
	p.within = append(p.within, next)
	if p.named == nil {
		p.named = make(map[string]*patch)
	}
	p.named[name] = next
	return next
}

// apply returns a document as the update left it.
func (p *patch) apply(doc bson.Raw) (bson.Raw, error) {
	start, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+256))
	out, err := p.appendElements(out, doc, false)
	if err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentEnd(out, start)
}

// appendElements appends the elements of a document or an array after the
// update. They keep their places; new ones stand behind them.
func (p *patch) appendElements(out []byte, doc bson.Raw, array bool) ([]byte, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, errPatch
	}
	if array && p.cut >= 0 && p.cut < len(elements) {
		elements = elements[:p.cut]
	}
	if array {
		return p.appendArray(out, elements)
	}
	met := make(map[*patch]bool, len(p.within))
	for _, e := range elements {
		next := p.named[e.Key()]
		if next == nil {
			out = append(out, e...)
			continue
		}
		met[next] = true
		if out, err = next.appendValue(out, e.Value()); err != nil {
			return nil, err
		}
	}
	for _, next := range p.within {
		if !met[next] {
			if out, err = next.appendValue(out, bson.RawValue{}); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// appendArray appends the elements of an array after the update. One that was set
// behind its end has nulls in front of it.
func (p *patch) appendArray(out []byte, elements []bson.RawElement) ([]byte, error) {
	length := len(elements)
	for _, next := range p.within {
		at, err := strconv.Atoi(next.name)
		if err != nil || at < 0 || at > maxArray {
			return nil, errPatch
		}
		length = max(length, at+1)
	}
	for i := range length {
		name, was := strconv.Itoa(i), bson.RawValue{Type: bson.TypeNull}
		if i < len(elements) {
			was = elements[i].Value()
		} else if next := p.named[name]; next != nil && next.set.Type == 0 {
			was = bson.RawValue{}
		}
		next := p.named[name]
		if next == nil {
			out = bsoncore.AppendValueElement(out, name, bsoncore.Value{Type: bsoncore.Type(was.Type), Data: was.Value})
			continue
		}
		var err error
		if out, err = next.appendValue(out, was); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxArray is more elements than a document can hold.
const maxArray = 8 << 20

// appendValue appends what stands at this place after the update; was is what
// stood there.
func (p *patch) appendValue(out []byte, was bson.RawValue) ([]byte, error) {
	switch {
	case p.remove:
		return out, nil
	case p.set.Type != 0:
		return bsoncore.AppendValueElement(out, p.name, bsoncore.Value{Type: bsoncore.Type(p.set.Type), Data: p.set.Value}), nil
	}
	var start int32
	switch was.Type {
	case bson.TypeArray:
		start, out = bsoncore.AppendArrayElementStart(out, p.name)
	case bson.TypeEmbeddedDocument:
		start, out = bsoncore.AppendDocumentElementStart(out, p.name)
	case 0: // it was absent: what is within it was set
		start, out = bsoncore.AppendDocumentElementStart(out, p.name)
		was.Value = emptyDocument
	default:
		return nil, errPatch
	}
	out, err := p.appendElements(out, was.Value, was.Type == bson.TypeArray)
	if err != nil {
		return nil, err
	}
	return bsoncore.AppendDocumentEnd(out, start)
}

var emptyDocument = []byte{5, 0, 0, 0, 0}

// paths are the dotted paths that the update names, none of which goes into an
// array of doc.
func (p *patch) paths(prefix string, doc bson.Raw) []string {
	var all []string
	for _, next := range p.within {
		path := prefix + next.name
		sub, isDocument := doc.Lookup(next.name).DocumentOK()
		if next.set.Type != 0 || next.remove || len(next.within) == 0 || !isDocument {
			all = append(all, path)
			continue
		}
		all = append(all, next.paths(path+".", sub)...)
	}
	return all
}
