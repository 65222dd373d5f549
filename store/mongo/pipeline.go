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
// them: it leaves out what nobody asked for, and masks the secrets. What concerns
// no secret passes as it is; the server has the less to do.
func pipeline(watched []*collection) mongo.Pipeline {
	stages := mongo.Pipeline{{{Key: "$match", Value: wanted(watched)}}}
	var branches bson.A
	for _, c := range watched {
		if len(c.Secret) > 0 {
			branches = append(branches, bson.D{
				{Key: "case", Value: bson.D{{Key: "$eq", Value: bson.A{"$ns.coll", c.physical}}}},
				{Key: "then", Value: c.maskedEvent()},
			})
		}
	}
	if len(branches) > 0 {
		stages = append(stages, bson.D{{Key: "$replaceWith", Value: bson.D{{Key: "$switch", Value: bson.D{
			{Key: "branches", Value: branches}, {Key: "default", Value: "$$ROOT"},
		}}}}})
	}
	return stages
}

// wanted is the filter of events that concern the watched collections.
func wanted(watched []*collection) bson.D {
	all, kept := bson.A{}, bson.A{}
	for _, c := range watched {
		all = append(all, c.physical)
		if !c.Transient {
			kept = append(kept, c.physical)
		}
	}
	is := func(field string, values bson.A) bson.E {
		return bson.E{Key: field, Value: bson.D{{Key: "$in", Value: values}}}
	}
	return bson.D{{Key: "$or", Value: bson.A{
		bson.D{is("ns.coll", all), is("operationType", bson.A{opInsert, opCreate, opDrop, opRename})},
		// Those of transient collections go away unannounced.
		bson.D{is("ns.coll", kept), is("operationType", bson.A{opUpdate, opReplace, opDelete})},
		bson.D{is("to.coll", all)},
		bson.D{is("operationType", bson.A{opDropDatabase, opInvalidate})},
	}}}
}

// maskedEvent is the event of a change without its secrets.
func (c *collection) maskedEvent() bson.D {
	var replaced bson.A // the names of the secrets that a replacement changed, which its masked documents do not show
	for _, name := range c.Secret {
		differs := bson.D{{Key: "$ne", Value: bson.A{"$fullDocumentBeforeChange." + name, "$fullDocument." + name}}}
		replaced = append(replaced, bson.D{{Key: "$cond", Value: bson.A{differs, bson.A{name}, bson.A{}}}})
	}
	only := func(operation string, value bson.D) bson.D {
		is := bson.D{{Key: "$eq", Value: bson.A{"$operationType", operation}}}
		return bson.D{{Key: "$cond", Value: bson.A{is, value, "$$REMOVE"}}}
	}
	return bson.D{{Key: "$mergeObjects", Value: bson.A{"$$ROOT", bson.D{
		{Key: "fullDocument", Value: c.masked("$fullDocument")},
		{Key: "fullDocumentBeforeChange", Value: c.masked("$fullDocumentBeforeChange")},
		{Key: "updateDescription", Value: only(opUpdate, bson.D{{Key: "$mergeObjects", Value: bson.A{
			"$updateDescription", bson.D{{Key: "updatedFields", Value: c.masked("$updateDescription.updatedFields")}},
		}}})},
		{Key: "secrets", Value: only(opReplace, bson.D{{Key: "$concatArrays", Value: replaced}})},
	}}}}
}

// masked is a document, or the list of what an update set, in which secret
// fields say only whether they hold something, as [store.Collection.Mask] does.
// Names in the list of an update are dotted paths.
func (c *collection) masked(document string) bson.D {
	secrets := make(bson.A, len(c.Secret))
	for i, name := range c.Secret {
		secrets[i] = name
	}
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
			bson.D{{Key: "$in", Value: bson.A{top, secrets}}}, hidden, "$$field",
		}}}},
	}}}
	there := bson.D{{Key: "$eq", Value: bson.A{bson.D{{Key: "$type", Value: document}}, "object"}}}
	return bson.D{{Key: "$cond", Value: bson.A{there, bson.D{{Key: "$arrayToObject", Value: fields}}, "$$REMOVE"}}}
}
