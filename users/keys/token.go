package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The parts of a token, in characters; see the package documentation.
const (
	prefix      = "ghk_"
	idLength    = 2 * 6
	tokenLength = len(prefix) + idLength + len("_") + 2*32
)

// newToken returns a token of 256 random bits, and the id in it.
func newToken() (token, id string) {
	id = random(idLength / 2)
	return prefix + id + "_" + random(32), id
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

// parse returns the id in a token, and false for what newToken cannot have
// made. The length is looked at first, so that a large header costs nothing.
func parse(token string) (id string, ok bool) {
	if len(token) != tokenLength || !strings.HasPrefix(token, prefix) {
		return "", false
	}
	id, secret, ok := strings.Cut(token[len(prefix):], "_")
	if !ok || len(id) != idLength || strings.Trim(id+secret, "0123456789abcdef") != "" {
		return "", false
	}
	return id, true
}

// Plausible reports whether a text looks like a token of a key. It says nothing
// about whether there is one.
func Plausible(token string) bool {
	_, ok := parse(token)
	return ok
}

// hash is what the store keeps of a token. A fast hash is right: slow ones
// make guessing expensive where people choose the secret, but among 2^256
// random ones there is nothing to guess, and this runs for every request.
func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
