// Package control is the Unix socket by which an operator's command line reaches
// a running server: the administration of keys and users, and reload.
//
// Who may connect is decided by the file system: the socket has the mode 0600,
// so it is open to the user that the server runs as, and to nobody else. It
// speaks HTTP with JSON. Requests are bounded in size and time, and any number
// may be made at once; what was answered without an error is durable.
package control
