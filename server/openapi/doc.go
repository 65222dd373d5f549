// Package openapi holds the description of everything that the server answers
// over HTTP, in the form that other programs read: OpenAPI 3.1.
//
// The description is openapi.json, written by hand, since what it has to say is
// mostly in words. Tests hold it to the truth: it is valid, each of its examples
// fits its schema, and it has an entry for each route and none for any other.
// The black box compares the answers that it gets with it.
//
// It is embedded when the program is built and never changes; everything may be
// used by any number of goroutines.
package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

//go:embed openapi.json
var document []byte

// versionMark stands in the document where the version of the server belongs.
const versionMark = `"GATEHOUSE_VERSION"`

// Document is the description of a server of this version, as JSON. The caller
// may keep it and write to it.
func Document(version string) []byte {
	quoted, _ := json.Marshal(version) // a string: it cannot fail
	return bytes.Replace(document, []byte(versionMark), quoted, 1)
}
