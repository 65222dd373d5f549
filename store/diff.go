package store

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Diff returns the sorted dotted paths of the values that differ between two
// documents: what [Change].Fields holds. It steps into subdocuments (an absent
// one counts as empty), not into arrays. "_id" and [VersionField] never differ.
// The order of fields is no difference; the BSON type of a number is one.
func Diff(before, after bson.Raw) []string {
	var paths []string
	diff(&paths, "", bsoncore.Document(before), bsoncore.Document(after))
	slices.Sort(paths)
	return paths
}

func diff(paths *[]string, prefix string, before, after bsoncore.Document) {
	had, has := lookup(before), lookup(after)
	for name, was := range elements(before) {
		if prefix == "" && isOurs(name) {
			continue
		}
		is, found := has(name)
		diffValue(paths, prefix+string(name), was, true, is, found)
	}
	for name, is := range elements(after) {
		if prefix == "" && isOurs(name) {
			continue
		}
		if _, found := had(name); !found {
			diffValue(paths, prefix+string(name), bsoncore.Value{}, false, is, true)
		}
	}
}

// diffValue compares two values of which at least one is there.
func diffValue(paths *[]string, path string, was bsoncore.Value, had bool, is bsoncore.Value, has bool) {
	if had && has && was.Equal(is) {
		return
	}
	a, aOK := subdocument(was, had)
	b, bOK := subdocument(is, has)
	if !aOK || !bOK {
		*paths = append(*paths, path)
		return
	}
	found := len(*paths)
	diff(paths, path+".", a, b)
	if len(*paths) == found && had != has { // an empty subdocument came or went
		*paths = append(*paths, path)
	}
}

func subdocument(v bsoncore.Value, there bool) (bsoncore.Document, bool) {
	if !there {
		return nil, true
	}
	return v.DocumentOK()
}

func isOurs(name []byte) bool { return string(name) == "_id" || string(name) == VersionField }
