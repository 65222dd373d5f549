package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// A token is "ghk_", the key's public id, "_" and its secret: letters and digits
// only, of one length, so that it survives any header, and a scanner of leaked
// secrets knows it by its beginning.
const (
	prefix     = "ghk_"
	idBytes    = 5  // 8 characters
	secretSize = 32 // bytes, 52 characters
)

var alphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

var tokenLen = len(prefix) + alphabet.EncodedLen(idBytes) + len("_") + alphabet.EncodedLen(secretSize)

// newToken makes the id and the token of a key, from the system's randomness.
func newToken() (id, token string) {
	var b [idBytes + secretSize]byte
	_, _ = rand.Read(b[:]) // it never fails
	id = alphabet.EncodeToString(b[:idBytes])
	return id, prefix + id + "_" + alphabet.EncodeToString(b[idBytes:])
}

// tokenID finds the id in a token; false where this cannot be one of ours.
func tokenID(token string) (string, bool) {
	if len(token) != tokenLen || !strings.HasPrefix(token, prefix) {
		return "", false
	}
	id, _, ok := strings.Cut(token[len(prefix):], "_")
	return id, ok && len(id) == alphabet.EncodedLen(idBytes)
}

// hash is what the store keeps. A fast hash is right: a token has 256 random
// bits, which nobody can guess one by one, unlike a password.
func hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
