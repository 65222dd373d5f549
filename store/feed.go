package store

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Position names a place in the feed, just behind one change. It is opaque
// bytes, meant to be kept and given back, and compared for equality only:
// which of two positions is the later one only the feed can tell. The empty
// Position is none.
type Position string

// Start says where a feed begins. The zero value is now: whatever is committed
// after Watch has returned is shown, whatever was acknowledged before it was
// called is not.
type Start struct {
	// After is the position behind which the feed begins.
	After Position

	// Inclusive shows the change at After itself too, as the first.
	Inclusive bool
}

// Feed shows the changes of a store in their order.
type Feed interface {
	// Next waits for the next change. After an error the feed is spent, but
	// for the error of a ctx that ended: then it can be asked again.
	Next(ctx context.Context) (Change, error)

	// TryNext is Next where a change is there to be shown already, and false
	// where none is.
	TryNext(ctx context.Context) (Change, bool, error)

	// Position is behind the last change that was shown; before the first,
	// where the feed began. A feed opened with After set to it shows what this
	// one would show next. Where nothing happened for a while it may move on to
	// a later place of which the same is true, so that it does not grow too old.
	Position() Position

	// Close ends the feed; a Next that waits returns [ErrClosed]. It is
	// idempotent and may be called while Next waits.
	Close() error
}

// Op is what happened to a document.
type Op string

// The operations of a [Change].
const (
	OpInsert Op = "insert"
	OpUpdate Op = "update" // also when the whole document was replaced
	OpDelete Op = "delete"
)

// Change is one committed change of one document. It is shared between
// readers: nobody may write to what it holds.
type Change struct {
	Collection string
	Op         Op

	// ID is the document's _id.
	ID bson.RawValue

	// After is the document as the change left it; nil for a delete. Before is
	// the document as the change found it, nil for an insert and where the
	// store cannot tell. Fields that the collection declares Secret are masked
	// in both.
	After, Before bson.Raw

	// Fields are the dotted paths of what an update changed, sorted; never
	// [VersionField].
	Fields []string

	// Position is the place behind this change.
	Position Position

	// Time is when the change was committed, to the millisecond, UTC. It says
	// nothing about order.
	Time time.Time
}
