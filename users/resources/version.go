package resources

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// Version says when a resource was changed last, in Unix milliseconds, and grows
// with each change. 0 is that of what never existed.
type Version int64

// lastVersion is the last that is taken for one, the beginning of the year 9999:
// what follows it still has a text.
const lastVersion Version = 253370764800000

// String is a version as it is told: UTC, with exactly three digits of
// milliseconds.
func (v Version) String() string { return time.UnixMilli(int64(v)).UTC().Format(store.TimeLayout) }

// ErrVersion says that a text is no version.
var ErrVersion = errors.New("must be a version that was told, such as 2024-01-30T15:50:35.742Z")

// ParseVersion reads a version as it is told.
func ParseVersion(text string) (Version, error) {
	t, err := time.Parse(store.TimeLayout, text)
	v := Version(t.UnixMilli())
	if err != nil || v <= 0 || v > lastVersion {
		return 0, ErrVersion
	}
	return v, nil
}

// after is the version of a change that is made now, behind v.
func (v Version) after(now time.Time) Version {
	return max(Version(now.UnixMilli()), v+1)
}

// State is a resource as it is. What does not exist can have a version, that of
// its deletion.
type State struct {
	Exists  bool
	Data    bson.RawValue
	Version Version

	counter int64
	stored  bson.RawValue // what stands for the version in the store
}

func stateOf(doc bson.Raw) State {
	s := State{stored: bson.RawValue{Type: bson.TypeNull}}
	if doc == nil {
		return s
	}
	s.counter = store.VersionOf(doc)
	if v, err := doc.LookupErr(versionField); err == nil {
		s.stored = v
		if ms, ok := v.DateTimeOK(); ok && ms > 0 && Version(ms) <= lastVersion {
			s.Version = Version(ms)
		}
	}
	if v, err := doc.LookupErr(dataField); err == nil && v.Type != bson.TypeNull && v.Type != bson.TypeUndefined {
		s.Exists, s.Data = true, v
	}
	return s
}

// Seen says what a change of a document in one of [Names] means for its resource,
// if anything. Last is the newest state of the resource that was told already, or
// nothing. The version is the document's, where that is newer. Another program
// may have left it as it was: then the version is the time of the change, bumped
// over what was told and what was before, and stamp says that the document lacks
// it.
func Seen(c store.Change, last State) (now State, news, stamp bool) {
	before, now := stateOf(c.Before), stateOf(c.After)
	floor := max(last.Version, before.Version)
	existed := before.Exists
	if c.Before == nil && c.Op != store.OpInsert { // not known
		existed = last.Exists || last.Version == 0
	}
	switch {
	case !now.Exists && !existed:
		return State{}, false, false // what was left of it expires
	case now.Version > floor && versioned(c):
		return now, true, false
	case now.Exists && now.Version >= before.Version && onlyVersion(c, before, now):
		return State{}, false, false // it was stamped
	}
	now.Version = floor.after(c.Time)
	return now, true, now.Exists
}

// versioned reports whether a change can have set the version.
func versioned(c store.Change) bool {
	return c.Before != nil || c.Op != store.OpUpdate || len(c.Fields) == 0 || slices.Contains(c.Fields, versionField)
}

// onlyVersion reports whether a change was of nothing but the version.
func onlyVersion(c store.Change, before, now State) bool {
	if c.Before != nil {
		return before.Exists && before.Data.Type == now.Data.Type && bytes.Equal(before.Data.Value, now.Data.Value)
	}
	return len(c.Fields) == 1 && c.Fields[0] == versionField
}
