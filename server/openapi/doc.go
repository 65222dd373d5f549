// Package openapi holds the descriptions of everything that the server answers, in
// the forms that other programs read.
//
// What is answered over HTTP is described as OpenAPI 3.1. The description is openapi.json, written by hand, since what it has to say is
// mostly in words. Tests hold it to the truth: it is valid, each of its examples
// fits its schema, and it has an entry for each route and none for any other.
// The black box compares the answers that it gets with it.
//
// What travels over the WebSockets stands in asyncapi.json, as AsyncAPI 3.0: it
// has no place in the other one. Tests hold it to the truth in the same ways; the
// black box compares the frames that it gets with it.
//
// Both are embedded when the program is built and never change; everything may be
// used by any number of goroutines.
package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

//go:embed openapi.json
var document []byte

// versionMark stands in a document where the version of the server belongs.
const versionMark = `"GATEHOUSE_VERSION"`

// Document is the description of a server of this version, as JSON. The caller
// may keep it and write to it.
func Document(version string) []byte { return marked(document, version) }

// marked is a copy of a document, with the version of the server in it.
func marked(document []byte, version string) []byte {
	quoted, _ := json.Marshal(version) // a string: it cannot fail
	return bytes.Replace(document, []byte(versionMark), quoted, 1)
}
