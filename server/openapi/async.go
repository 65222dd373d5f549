package openapi

import _ "embed"

//go:embed asyncapi.json
var async []byte

// Async is the description of what travels over the WebSockets of a server of this
// version, as JSON. The caller may keep it and write to it.
func Async(version string) []byte { return marked(async, version) }
