package mongo

import (
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// The operations of events that the store looks at.
const (
	opInsert       = "insert"
	opUpdate       = "update"
	opReplace      = "replace"
	opDelete       = "delete"
	opCreate       = "create"
	opDrop         = "drop"
	opRename       = "rename"
	opDropDatabase = "dropDatabase"
	opInvalidate   = "invalidate"
)

// pipeline is what the server does with the database's changes before it sends
// them: it leaves out what nobody asked for, and masks the secrets.
func pipeline(watched []*collection) mongo.Pipeline {
	var kept, transient bson.A
	for _, c := range watched {
		if c.Transient {
			transient = append(transient, c.physical)
		} else {
			kept = append(kept, c.physical)
		}
	}
	oneOf := func(field string, values bson.A) bson.D {
		return bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: append(bson.A{}, values...)}}}}
	}
	both := func(a, b bson.D) bson.D { return append(append(bson.D{}, a...), b...) }
	changes := bson.A{opInsert, opUpdate, opReplace, opDelete}
	watchedNames := append(append(bson.A{}, kept...), transient...)
	match := bson.D{{Key: "$or", Value: bson.A{
		both(oneOf("ns.coll", kept), oneOf("operationType", changes)),
		// They go away unannounced.
		both(oneOf("ns.coll", transient), oneOf("operationType", bson.A{opInsert})),
		both(oneOf("ns.coll", watchedNames), oneOf("operationType", bson.A{opCreate, opDrop, opRename})),
		both(oneOf("to.coll", watchedNames), oneOf("operationType", bson.A{opRename})),
		oneOf("operationType", bson.A{opDropDatabase, opInvalidate}),
	}}}
	project := bson.D{
		{Key: "operationType", Value: 1},
		{Key: "ns", Value: 1},
		{Key: "to", Value: 1},
		{Key: "documentKey", Value: 1},
		{Key: "clusterTime", Value: 1},
		{Key: "wallTime", Value: 1},
		{Key: "fullDocument", Value: masked(watched, "$fullDocument")},
		{Key: "fullDocumentBeforeChange", Value: masked(watched, "$fullDocumentBeforeChange")},
		{Key: "updateDescription", Value: bson.D{
			{Key: "updatedFields", Value: masked(watched, "$updateDescription.updatedFields")},
			{Key: "removedFields", Value: "$updateDescription.removedFields"},
			{Key: "truncatedArrays", Value: "$updateDescription.truncatedArrays"},
			{Key: "disambiguatedPaths", Value: "$updateDescription.disambiguatedPaths"},
		}},
	}
	if secrets := replacedSecrets(watched); secrets != nil {
		project = append(project, bson.E{Key: "secrets", Value: secrets})
	}
	return mongo.Pipeline{{{Key: "$match", Value: match}}, {{Key: "$project", Value: project}}}
}

// byCollection is an expression that depends on the collection of the change:
// what each says for those that have secrets, otherwise for the others.
func byCollection(watched []*collection, each func(*collection) any, otherwise any) any {
	var branches bson.A
	for _, c := range watched {
		if len(c.Secret) > 0 {
			branches = append(branches, bson.D{
				{Key: "case", Value: bson.D{{Key: "$eq", Value: bson.A{"$ns.coll", c.physical}}}},
				{Key: "then", Value: each(c)},
			})
		}
	}
	if len(branches) == 0 {
		return otherwise
	}
	return bson.D{{Key: "$switch", Value: bson.D{{Key: "branches", Value: branches}, {Key: "default", Value: otherwise}}}}
}

// masked is a document, or the list of what an update set, in which secret
// fields say only whether they hold something, as [store.Collection.Mask] does.
// Names in the list of an update are dotted paths.
func masked(watched []*collection, document string) any {
	mask := func(c *collection) any {
		top := bson.D{{Key: "$arrayElemAt", Value: bson.A{bson.D{{Key: "$split", Value: bson.A{"$$field.k", "."}}}, 0}}}
		nothing := bson.D{{Key: "$in", Value: bson.A{bson.D{{Key: "$ifNull", Value: bson.A{"$$field.v", ""}}}, bson.A{""}}}}
		hidden := bson.D{
			{Key: "k", Value: "$$field.k"},
			{Key: "v", Value: bson.D{{Key: "$cond", Value: bson.A{nothing, "", true}}}},
		}
		fields := bson.D{{Key: "$map", Value: bson.D{
			{Key: "input", Value: bson.D{{Key: "$objectToArray", Value: document}}},
			{Key: "as", Value: "field"},
			{Key: "in", Value: bson.D{{Key: "$cond", Value: bson.A{
				bson.D{{Key: "$in", Value: bson.A{top, c.secrets()}}}, hidden, "$$field",
			}}}},
		}}}
		there := bson.D{{Key: "$eq", Value: bson.A{bson.D{{Key: "$type", Value: document}}, "object"}}}
		return bson.D{{Key: "$cond", Value: bson.A{there, bson.D{{Key: "$arrayToObject", Value: fields}}, "$$REMOVE"}}}
	}
	return byCollection(watched, mask, document)
}

// replacedSecrets are the names of the secret fields that a replacement changed,
// which its masked documents do not show.
func replacedSecrets(watched []*collection) any {
	differing := func(c *collection) any {
		var lists bson.A
		for _, name := range c.Secret {
			differs := bson.D{{Key: "$ne", Value: bson.A{"$fullDocumentBeforeChange." + name, "$fullDocument." + name}}}
			lists = append(lists, bson.D{{Key: "$cond", Value: bson.A{differs, bson.A{name}, bson.A{}}}})
		}
		replaced := bson.D{{Key: "$eq", Value: bson.A{"$operationType", opReplace}}}
		return bson.D{{Key: "$cond", Value: bson.A{replaced, bson.D{{Key: "$concatArrays", Value: lists}}, "$$REMOVE"}}}
	}
	if e, ok := byCollection(watched, differing, "$$REMOVE").(bson.D); ok {
		return e
	}
	return nil
}

func (c *collection) secrets() bson.A {
	names := make(bson.A, len(c.Secret))
	for i, name := range c.Secret {
		names[i] = name
	}
	return names
}
