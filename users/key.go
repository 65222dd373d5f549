package users

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// A key that is mailed is stored as sha256:<hash>:<until>, so that who reads the
// store cannot use it, and it has its end with it. The original server stored
// keys as they are; those still work.
const keyPrefix = "sha256:"

// newKey makes a key that works for some time: what is mailed, and what is
// stored.
func newKey(now time.Time, lifetime time.Duration) (key, stored string) {
	key = secret(20)
	return key, keyPrefix + digest(key) + ":" + strconv.FormatInt(now.Add(lifetime).UnixMilli(), 10)
}

// fits reports whether a key is the one that is stored. One that is stored as it
// is has no end.
func fits(stored, key string, now time.Time, plain bool) bool {
	hashed, ours := strings.CutPrefix(stored, keyPrefix)
	switch {
	case stored == "", key == "":
		return false
	case !ours && !plain:
		return false
	case !ours:
		return subtle.ConstantTimeCompare([]byte(stored), []byte(key)) == 1
	}
	sum, until, _ := strings.Cut(hashed, ":")
	ms, err := strconv.ParseInt(until, 10, 64)
	return err == nil && now.UnixMilli() < ms && subtle.ConstantTimeCompare([]byte(sum), []byte(digest(key))) == 1
}

// secret is a text of so many random bytes.
func secret(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // it does not fail
	return hex.EncodeToString(b)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
