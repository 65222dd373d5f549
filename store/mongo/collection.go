package mongo

import (
	"errors"
	"fmt"
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// transientField is when a document of a transient collection was written; the
// server removes it transientSeconds later.
const (
	transientField   = "_at"
	transientSeconds = 60
)

// collection is a declaration, and where it is kept.
type collection struct {
	store.Collection

	physical string // its name in the database
	on       *mongo.Collection
	images   bool // the server keeps what documents were before a change
}

func (s *Store) compile(c store.Collection) (*collection, error) {
	if err := c.Valid(); err != nil {
		return nil, err
	}
	if c.Foreign && s.o.Prefix != "" && strings.HasPrefix(c.Name, s.o.Prefix) {
		return nil, fmt.Errorf("%w: collection %q: names that begin with mongodb.collectionPrefix are the server's own", store.ErrInvalid, c.Name)
	}
	compiled := &collection{Collection: c, physical: c.Name}
	if !c.Foreign {
		compiled.physical = s.o.Prefix + c.Name
	}
	compiled.on = s.db.Collection(compiled.physical)
	return compiled, nil
}

// errUnmet is the error of calls before the first Declare.
var errUnmet = &store.UnavailableError{Err: errors.New("MongoDB was not reached yet")}

// lookup returns a declared collection.
func (s *Store) lookup(name string) (*collection, error) {
	if c := (*s.declared.Load())[name]; c != nil {
		return c, nil
	}
	if !s.checked.Load() {
		return nil, errUnmet
	}
	return nil, fmt.Errorf("%w: %q", store.ErrUndeclared, name)
}

// lookupKept returns a declared collection that keeps its documents.
func (s *Store) lookupKept(name string) (*collection, error) {
	c, err := s.lookup(name)
	if err == nil && c.Transient {
		return nil, fmt.Errorf("%w: %q", store.ErrTransient, name)
	}
	return c, err
}

// caseless compares texts without regard to case. It also leaves out what is not
// to be seen, such as soft hyphens.
var caseless = &options.Collation{Locale: "en", Strength: 2, Normalization: true}

// something is every type of BSON value but null and undefined: what stands in a
// unique index. A query must name it in the same words to be answered by one.
var something = bson.D{{Key: "$type", Value: bson.A{
	"double", "string", "object", "array", "binData", "objectId", "bool", "date", "regex", "dbPointer",
	"javascript", "symbol", "javascriptWithScope", "int", "timestamp", "long", "decimal", "minKey", "maxKey",
}}}

// indexes are the models of all that the collection declares.
func (c *collection) indexes() []mongo.IndexModel {
	var models []mongo.IndexModel
	for _, ix := range c.Indexes {
		models = append(models, indexModel(ix))
	}
	expire := func(field string, seconds int32) {
		models = append(models, mongo.IndexModel{
			Keys:    bson.D{{Key: field, Value: 1}},
			Options: options.Index().SetName("gatehouse_expiry_" + field).SetExpireAfterSeconds(seconds),
		})
	}
	if c.Expiry != "" {
		expire(c.Expiry, 0)
	}
	if c.Transient {
		expire(transientField, transientSeconds)
	}
	return models
}

func indexModel(ix store.Index) mongo.IndexModel {
	name, keys, present := "gatehouse", bson.D{}, bson.D{}
	for _, f := range ix.Fields {
		keys = append(keys, bson.E{Key: f, Value: 1})
		present = append(present, bson.E{Key: f, Value: something})
	}
	o := options.Index()
	if ix.Unique {
		name += "_unique"
		o.SetUnique(true).SetPartialFilterExpression(present)
	}
	if ix.Fold {
		name += "_folded"
		o.SetCollation(caseless)
	}
	return mongo.IndexModel{Keys: keys, Options: o.SetName(name + "_" + strings.Join(ix.Fields, "_"))}
}
