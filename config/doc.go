// Package config is the configuration of a Gatehouse server: typed, with
// defaults, read from a file, the environment and flags, checked, and watched.
//
// # Layers
//
// A value is taken from the last of these that gives it: [Default], the file,
// the environment, the flags. Sections are merged key by key; a list is
// replaced whole.
//
// The file is JSON in which comments and trailing commas may stand. A variable
// is named for its key, GATEHOUSE_WEBSOCKET__PORT for websocket.port, and its
// text is read as the key's type: a number, text as it is, lists and sections
// as JSON. With _FILE appended it names a file that holds the value.
//
// # Promises
//
// Strictness. Nothing is guessed or dropped: an unknown key, a value of another
// type, one out of range, a key given twice are problems. What [Schema]
// publishes is what [Source.Load] enforces, since Load checks with it; the few
// rules that tie several keys together come on top.
//
// Completeness. A configuration is accepted whole or refused whole, and
// refused with every problem at once: an [*Error], sorted by place, each
// problem with its key path.
//
// Bounds. A file of any content and size costs at most a small multiple of
// 1 MiB. Only regular files are read, so that no read can hang.
//
// Secrets. A value that the schema marks writeOnly never appears in an error.
//
// Concurrency. A [Source] is never written to and may be used by any number of
// goroutines; so may a [Config] once it is loaded, as long as nobody changes
// it. [Source.Watch] calls back from the goroutine that called it, one call at
// a time, in the order of the changes; changes that follow each other within a
// tenth of a second may be seen as one, and only the last state of the file
// is certain to be seen.
package config
