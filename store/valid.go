package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// The limits of a document, which are MongoDB's.
const (
	MaxDocumentSize  = 16 << 20 // bytes
	MaxDocumentDepth = 100      // levels of documents and arrays in each other
)

// ValidDocument says what forbids to store the document, as [ErrInvalid]: its
// size, its nesting, malformed bytes, or a field name that is empty, begins
// with "$" or holds a dot (a dotted path could not name it).
func ValidDocument(doc bson.Raw) error {
	if len(doc) > MaxDocumentSize {
		return fmt.Errorf("%w: the document takes %d bytes; at most %d are allowed", ErrInvalid, len(doc), MaxDocumentSize)
	}
	if reason := malformed(doc, false, 1); reason != "" {
		return fmt.Errorf("%w: %s", ErrInvalid, reason)
	}
	return nil
}

// ValidValue is [ValidDocument] for one value of a document.
func ValidValue(v bson.RawValue) error {
	if reason := malformedValue(bsoncore.Value{Type: bsoncore.Type(v.Type), Data: v.Value}, 1); reason != "" {
		return fmt.Errorf("%w: %s", ErrInvalid, reason)
	}
	return nil
}

// ValidID is [ValidValue] for an "_id", which can be no array, no regular
// expression and not undefined.
func ValidID(id bson.RawValue) error {
	switch id.Type {
	case bson.TypeArray, bson.TypeRegex, bson.TypeUndefined:
		return fmt.Errorf("%w: an _id can not be of type %s", ErrInvalid, id.Type)
	}
	return ValidValue(id)
}

// ValidUpdate says what forbids to set and remove these dotted paths together,
// as [ErrInvalid]: a path that is empty or has an empty part or one that begins
// with "$", that is the _id or the version, or that lies within another one.
func ValidUpdate(set bson.D, unset []string) error {
	paths := make([]string, 0, len(set)+len(unset))
	for _, e := range set {
		paths = append(paths, e.Key)
	}
	paths = append(paths, unset...)

	taken := make(map[string]bool, len(paths))
	for _, path := range paths {
		switch top, _, _ := strings.Cut(path, "."); top {
		case "_id":
			return fmt.Errorf("%w: an update can not change the _id", ErrInvalid)
		case VersionField:
			return fmt.Errorf("%w: an update can not change %s, in which the store counts", ErrInvalid, VersionField)
		}
		if err := ValidPath(path); err != nil {
			return err
		}
		if taken[path] {
			return fmt.Errorf("%w: the path %q is given twice", ErrInvalid, path)
		}
		taken[path] = true
	}
	for _, path := range paths {
		for i := range len(path) {
			if path[i] == '.' && taken[path[:i]] {
				return fmt.Errorf("%w: the paths %q and %q overlap", ErrInvalid, path[:i], path)
			}
		}
	}
	return nil
}

// ValidPath says what is wrong with a dotted path, as [ErrInvalid].
func ValidPath(path string) error {
	for part := range strings.SplitSeq(path, ".") {
		if reason := badName([]byte(part)); reason != "" {
			return fmt.Errorf("%w: the path %q: %s", ErrInvalid, path, reason)
		}
	}
	if strings.Count(path, ".") >= MaxDocumentDepth {
		return fmt.Errorf("%w: a path has at most %d parts", ErrInvalid, MaxDocumentDepth)
	}
	return nil
}

// Valid says what is wrong with the declaration, as [ErrInvalid].
func (c Collection) Valid() error {
	err := c.valid()
	if err != nil {
		return fmt.Errorf("%w: collection %q: %w", ErrInvalid, c.Name, err)
	}
	return nil
}

func (c Collection) valid() error {
	if c.Name == "" || len(c.Name) > 100 || strings.ContainsFunc(c.Name, notInName) || slices.Contains(strings.Split(c.Name, "."), "") {
		return errors.New(`a name is 1 to 100 letters, digits, "_" and "-", with single dots within`)
	}
	for _, reserved := range []string{"system.", "gatehouse."} {
		if strings.HasPrefix(c.Name, reserved) {
			return fmt.Errorf("names that begin with %q belong to the store", reserved)
		}
	}
	if c.Transient && (len(c.Indexes) > 0 || c.Expiry != "") {
		return errors.New("a transient collection has neither indexes nor an expiry")
	}
	for _, ix := range c.Indexes {
		if len(ix.Fields) == 0 {
			return errors.New("an index needs fields")
		}
		for _, field := range ix.Fields {
			if err := ValidPath(field); err != nil {
				return err
			}
		}
	}
	if c.Expiry != "" {
		if err := ValidPath(c.Expiry); err != nil {
			return err
		}
	}
	for _, name := range c.Secret {
		if name == "_id" || name == VersionField || badName([]byte(name)) != "" {
			return fmt.Errorf("%q can not be secret", name)
		}
	}
	return nil
}

func notInName(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	return !letter && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
}

func badName(name []byte) string {
	switch {
	case len(name) == 0:
		return "a field name is empty"
	case name[0] == '$':
		return fmt.Sprintf("the field name %q begins with $", name)
	case bytes.IndexByte(name, 0) >= 0:
		return fmt.Sprintf("the field name %q holds a zero byte", name)
	case bytes.IndexByte(name, '.') >= 0:
		return fmt.Sprintf("the field name %q holds a dot", name)
	default:
		return ""
	}
}

const malformedBSON = "the bytes are no BSON document"

// malformed walks a document or an array, whose field names do not matter.
func malformed(doc []byte, array bool, depth int) string {
	if depth > MaxDocumentDepth {
		return fmt.Sprintf("it is nested more than %d levels deep", MaxDocumentDepth)
	}
	length, rest, ok := bsoncore.ReadLength(doc)
	if !ok || int(length) != len(doc) || len(doc) < 5 || doc[len(doc)-1] != 0 {
		return malformedBSON
	}
	rest = rest[:len(rest)-1]
	for len(rest) > 0 {
		element, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return malformedBSON
		}
		rest = after
		name, err := element.KeyBytesErr()
		if err != nil {
			return malformedBSON
		}
		if !array {
			if reason := badName(name); reason != "" {
				return reason
			}
		}
		if reason := malformedValue(element.Value(), depth); reason != "" {
			return reason
		}
	}
	return ""
}

func malformedValue(v bsoncore.Value, depth int) string {
	switch v.Type {
	case bsoncore.TypeEmbeddedDocument:
		return malformed(v.Data, false, depth+1)
	case bsoncore.TypeArray:
		return malformed(v.Data, true, depth+1)
	case bsoncore.TypeString, bsoncore.TypeSymbol, bsoncore.TypeJavaScript:
		length, text, ok := bsoncore.ReadLength(v.Data)
		if !ok || length < 1 || int(length) != len(text) || text[len(text)-1] != 0 {
			return malformedBSON
		}
		return ""
	default:
		if _, rest, ok := bsoncore.ReadValue(v.Data, v.Type); !ok || len(rest) > 0 {
			return malformedBSON
		}
		return ""
	}
}
