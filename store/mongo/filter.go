package mongo

import (
	"strings"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var notArray = bson.E{Key: "$not", Value: bson.D{{Key: "$type", Value: "array"}}}

// equals is the filter of a field that has a value. A query of MongoDB looks
// into arrays, a path of the contract does not.
func equals(path string, value bson.RawValue) bson.D {
	want := bson.D{{Key: "$eq", Value: value}}
	if value.Type != bson.TypeArray {
		want = append(want, notArray)
	}
	return append(throughNoArray(path), bson.E{Key: path, Value: want})
}

// throughNoArray is the filter of documents in which no array is on the way to a
// path.
func throughNoArray(path string) (filter bson.D) {
	for i := range len(path) {
		if path[i] == '.' {
			filter = append(filter, bson.E{Key: path[:i], Value: bson.D{notArray}})
		}
	}
	return filter
}

func byID(id bson.RawValue) bson.D {
	return bson.D{{Key: "_id", Value: bson.D{{Key: "$eq", Value: id}}}}
}

// condition is the filter of documents for which a write's condition holds.
// Several can be about one field, so each stands by itself.
func condition(p *store.Prepared) bson.D {
	all := bson.A{byID(p.ID)}
	if v := p.If.Version; v != nil {
		versions := bson.A{*v}
		if *v == 0 {
			versions = append(versions, nil) // absent is 0
		}
		all = append(all, bson.D{{Key: store.VersionField, Value: bson.D{{Key: "$in", Value: versions}}}})
	}
	for _, e := range p.If.Fields {
		all = append(all, equals(e.Key, e.Value.(bson.RawValue)))
	}
	if len(all) == 1 {
		return byID(p.ID)
	}
	return bson.D{{Key: "$and", Value: all}}
}

// viable is the filter of documents in which the paths of an update lead
// through no array: a number in a path would name an element of it.
func viable(p *store.Prepared) (filter bson.A) {
	add := func(path string) {
		if strings.ContainsAny(path, "0123456789") {
			for _, e := range throughNoArray(path) {
				filter = append(filter, bson.D{e})
			}
		}
	}
	for _, e := range p.Set {
		add(e.Key)
	}
	for _, path := range p.Unset {
		add(path)
	}
	return filter
}
