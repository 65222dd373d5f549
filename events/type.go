package events

// Type is an event's number on the wire. Numbers are public and append-only: a
// number that was given out keeps its meaning for ever.
type Type int32

// The types. 0 to 10 are those of the original users websocket API.
const (
	Error             Type = 0
	Login             Type = 1
	Logout            Type = 2
	Activated         Type = 3
	Removed           Type = 4
	FileUploaded      Type = 5
	FileRemoved       Type = 6
	BucketUploaded    Type = 7
	BucketRemoved     Type = 8
	MetaRequest       Type = 9
	Echo              Type = 10
	Registered        Type = 11
	ProfileUpdated    Type = 12
	PrivilegesChanged Type = 13

	// FirstCustom is the least number that a deployment may give to events of
	// its own.
	FirstCustom Type = 1000
)

// Info describes a type.
type Info struct {
	Type Type

	// Name is what people call it: "profile-updated".
	Name string

	// Properties are the names that stand beside eventType, id and time; a
	// name that ends in "?" may be absent.
	Properties []string

	// Arises says when, for documentation.
	Arises string
}

// registry is the table of built-in types, in order of number.
var registry = []Info{
	{Error, "error", []string{"code", "error", "requestId?"}, "as a reply to a frame that could not be followed, or when a stretch of the feed was lost"},
	{Login, "login", []string{"username"}, "a login succeeded"},
	{Logout, "logout", []string{"username"}, "a session ended: logout, deletion, expiry"},
	{Activated, "activated", []string{"username"}, "an account was activated"},
	{Removed, "removed", []string{"username"}, "an account was deleted"},
	{FileUploaded, "file-uploaded", []string{"username", "file"}, "a file was added"},
	{FileRemoved, "file-removed", []string{"username", "file"}, "a file was deleted"},
	{BucketUploaded, "bucket-uploaded", []string{"username", "bucket"}, "a bucket was added"},
	{BucketRemoved, "bucket-removed", []string{"username", "bucket"}, "a bucket was deleted"},
	{MetaRequest, "meta-request", []string{"username", "property?", "val?", "error?"}, "as a request for a user's meta, and its reply"},
	{Echo, "echo", []string{"message", "requestId?"}, "a socket or a key holder sent it"},
	{Registered, "registered", []string{"username"}, "an account was created"},
	{ProfileUpdated, "profile-updated", []string{"username", "fields"}, "a public field of a user changed"},
	{PrivilegesChanged, "privileges-changed", []string{"username", "privileges"}, "a user's privileges changed"},
}

// Types returns the built-in types in order of number.
func Types() []Info { return append([]Info(nil), registry...) }

// Known reports whether a number has a meaning: a built-in type, or any that a
// deployment may declare.
func (t Type) Known() bool { return t >= FirstCustom || t >= 0 && int(t) < len(registry) }
