package profiles

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"gatehouse/store"
)

// Fields are those of a profile, in the order in which they are told. Each is a
// text, "" where nothing was said.
var Fields = []string{
	"appearance", "background", "occupation", "race", "nationality", "age", "birthplace", "residence", "title", "nickname",
	"motto", "loves", "hates", "friends", "relatives", "enemies", "motivation", "currently", "oocInfo", "pronouns",
}

// Bounds of what people choose.
const (
	maxName  = 64       // characters
	maxField = 64 << 10 // bytes
)

// Character is one character.
type Character struct {
	World     string
	Name      string
	Owner     string            // a username; "": nobody's
	Profile   map[string]string // those of [Fields] that are set
	UpdatedAt time.Time
	Version   int64 // counts its changes

	id  bson.RawValue
	raw bson.Raw
}

// Key is what a world and a name are found by: the same for all spellings that
// differ in case only.
func Key(world, name string) string { return fold(world) + "/" + fold(name) }

func fold(s string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(s))) }

// InvalidError says what is wrong with something that somebody chose.
type InvalidError struct {
	Field string
	Why   string
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Why }

// Check says what is wrong with a world and a name, as [*InvalidError].
func Check(world, name string) error { return Character{World: world, Name: name}.check() }

// checkName wants what can stand in a path and be read by people.
func checkName(field, s string) error {
	switch {
	case s == "", strings.TrimSpace(s) != s:
		return &InvalidError{field, "must not be empty, nor have spaces around it"}
	case !utf8.ValidString(s), strings.ContainsFunc(s, unicode.IsControl), strings.Contains(s, "/"):
		return &InvalidError{field, "must be text without a slash and control characters"}
	case utf8.RuneCountInString(s) > maxName:
		return &InvalidError{field, "must have at most " + strconv.Itoa(maxName) + " characters"}
	}
	return nil
}

// decode reads a document, whoever wrote it.
func decode(raw bson.Raw) (Character, error) {
	if err := raw.Validate(); err != nil {
		return Character{}, fmt.Errorf("a character in the store is damaged: %w", err)
	}
	c := Character{Profile: map[string]string{}, Version: store.VersionOf(raw), id: raw.Lookup("_id"), raw: raw}
	c.World, _ = raw.Lookup("world").StringValueOK()
	c.Name, _ = raw.Lookup("name").StringValueOK()
	c.Owner, _ = raw.Lookup("owner").StringValueOK()
	if ms, ok := raw.Lookup("updatedAt").DateTimeOK(); ok {
		c.UpdatedAt = time.UnixMilli(ms).UTC()
	}
	for _, f := range Fields {
		if s, ok := raw.Lookup("profile", f).StringValueOK(); ok && s != "" {
			c.Profile[f] = s
		}
	}
	return c, nil
}
