package store

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Prepared is a [Write] made ready for a store: everything that can be refused
// without looking at what is stored has been. Its values are valid BSON.
type Prepared struct {
	Kind       Kind
	Collection string

	// ID is the document's; of an Insert that names none, a new ObjectID, and
	// Generated.
	ID        bson.RawValue
	Generated bool

	// Document is that of Insert and Put as it is to be stored: its _id first,
	// its version, which is 1, last.
	Document bson.Raw

	// Set and Unset are those of an Update; each value is a bson.RawValue.
	Set   bson.D
	Unset []string

	// If is the condition; each value is a bson.RawValue.
	If Condition
}

// Conditional reports whether the write has a condition.
func (p *Prepared) Conditional() bool { return p.If.Version != nil || len(p.If.Fields) > 0 }

// Prepare makes the write ready, or says what is wrong with it as [ErrInvalid].
func (w *Write) Prepare() (Prepared, error) {
	p := Prepared{Kind: w.Kind, Collection: w.Collection}
	var err error
	switch w.Kind {
	case KindInsert:
		err = p.insert(w)
	case KindPut:
		err = p.put(w)
	case KindUpdate:
		err = p.update(w)
	case KindDelete:
		p.ID, err = MarshalID(w.ID)
	default:
		err = fmt.Errorf("%w: a write is made with Insert, Update, Put or Delete", ErrInvalid)
	}
	if err == nil {
		err = p.condition(&w.If)
	}
	return p, err
}

func (p *Prepared) insert(w *Write) error {
	if w.If.Version != nil || len(w.If.Fields) > 0 {
		return fmt.Errorf("%w: an insert has no document that a condition could be about", ErrInvalid)
	}
	doc, err := MarshalDocument(w.Document)
	if err != nil {
		return err
	}
	if p.ID, err = doc.LookupErr("_id"); err != nil {
		p.Generated = true
		p.ID, err = MarshalValue(bson.NewObjectID())
	} else {
		err = ValidID(p.ID)
	}
	if err != nil {
		return err
	}
	p.Document, err = arrange(doc, p.ID)
	return err
}

func (p *Prepared) put(w *Write) error {
	var err error
	if p.ID, err = MarshalID(w.ID); err != nil {
		return err
	}
	doc, err := MarshalDocument(w.Document)
	if err != nil {
		return err
	}
	if own, err := doc.LookupErr("_id"); err == nil && !sameID(own, p.ID) {
		return fmt.Errorf("%w: the document's _id is not the id it is put under", ErrInvalid)
	}
	p.Document, err = arrange(doc, p.ID)
	return err
}

func (p *Prepared) update(w *Write) error {
	err := ValidUpdate(w.Set, w.Unset)
	if err != nil {
		return err
	}
	if p.Set, err = marshalValues(w.Set); err != nil {
		return err
	}
	p.Unset = w.Unset
	p.ID, err = MarshalID(w.ID)
	return err
}

func (p *Prepared) condition(c *Condition) error {
	for _, e := range c.Fields {
		if err := ValidPath(e.Key); err != nil {
			return err
		}
	}
	var err error
	p.If.Version = c.Version
	p.If.Fields, err = marshalValues(c.Fields)
	return err
}

// marshalValues returns the paths with their values as bson.RawValue.
func marshalValues(d bson.D) (bson.D, error) {
	if len(d) == 0 {
		return nil, nil
	}
	out := make(bson.D, len(d))
	for i, e := range d {
		v, err := MarshalValue(e.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Key, err)
		}
		out[i] = bson.E{Key: e.Key, Value: v}
	}
	return out, nil
}

// sameID reports whether two ids are equal: of numbers the value counts, not
// the type.
func sameID(a, b bson.RawValue) bool {
	if a.Equal(b) {
		return true
	}
	m, okA := a.AsInt64OK()
	n, okB := b.AsInt64OK()
	if okA && okB {
		f, isFloat := a.DoubleOK()
		g, isFloatToo := b.DoubleOK()
		return m == n && (!isFloat || f == float64(m)) && (!isFloatToo || g == float64(n))
	}
	return false
}

// Plan is a [Query] made ready for a store.
type Plan struct {
	Query

	// Where lists the fields with their values as bson.RawValue.
	Where bson.D

	// Index is the place among the collection's Indexes of the one that answers
	// it; -1 where that is the _id, or where all documents are looked at.
	Index int
}

// Plan makes the query ready, or says what is wrong with it, as [ErrInvalid] or
// [ErrNoIndex].
func (c Collection) Plan(q Query) (Plan, error) {
	p := Plan{Query: q, Index: -1}
	if q.Skip < 0 || q.Limit < 0 {
		return p, fmt.Errorf("%w: Skip and Limit can not be negative", ErrInvalid)
	}
	if q.Order != "" && q.Order != "_id" {
		if err := ValidPath(q.Order); err != nil {
			return p, err
		}
	}
	if q.Contains != nil {
		for _, field := range q.Contains.Fields {
			if err := ValidPath(field); err != nil {
				return p, err
			}
		}
	}
	var err error
	if p.Where, err = marshalValues(q.Where); err != nil {
		return p, err
	}
	if byID := len(q.Where) == 1 && q.Where[0].Key == "_id"; byID {
		return p, ValidID(p.Where[0].Value.(bson.RawValue))
	}
	if len(q.Where) > 0 {
		if p.Index = c.indexFor(q.Where); p.Index < 0 {
			return p, fmt.Errorf("%w: %s by %q", ErrNoIndex, c.Name, names(q.Where))
		}
	}
	return p, nil
}

// indexFor returns the place of the declared index over exactly these fields, in
// any order, or -1.
func (c Collection) indexFor(where bson.D) int {
	return slices.IndexFunc(c.Indexes, func(ix Index) bool {
		missing := func(f string) bool { return !slices.ContainsFunc(where, func(e bson.E) bool { return e.Key == f }) }
		return len(ix.Fields) == len(where) && !slices.ContainsFunc(ix.Fields, missing)
	})
}

func names(d bson.D) []string {
	out := make([]string, len(d))
	for i, e := range d {
		out[i] = e.Key
	}
	return out
}
