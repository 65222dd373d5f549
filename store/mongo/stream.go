package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	// await is how long the server waits for something to tell before it
	// answers that there is nothing.
	await = time.Second

	// stalled is how long an answer may take at first, and mostStalled at last:
	// a link on which nothing comes is as bad as one that was cut, but a server
	// that looks through a long stretch of what others wrote is silent too.
	stalled     = 10 * time.Second
	mostStalled = 10 * time.Minute

	// unmoved is for how long the server's place may stay the same before it is
	// asked whether it is still the primary: one that was cut off from the others
	// goes on to answer that nothing happens.
	unmoved = 30 * time.Second
)

// stream is a change stream that is opened again, behind what was read last,
// whatever ends it. It belongs to one goroutine.
type stream struct {
	s       *Store
	watched map[string]*collection // by the name in the database
	order   []*collection

	cs    *mongo.ChangeStream // nil while it is lost
	fresh bool                // what the opening answered, which is nothing, was not looked at yet
	from  bson.Raw            // where it is opened again: behind this token
	moved time.Time           // when from became what it is

	patience time.Duration // for an answer; it grows while none comes
	wait     waiting       // between openings; it grows while nothing is read
	waited   bool

	parts map[string]bson.RawValue // of an event that comes in several
}

// newStream makes a stream that is not open yet.
func (s *Store) newStream(watched []*collection) *stream {
	st := &stream{s: s, watched: make(map[string]*collection, len(watched)), order: watched}
	for _, c := range watched {
		st.watched[c.physical] = c
	}
	st.progress()
	return st
}

// progress notes that the stream gives answers.
func (st *stream) progress() {
	if st.patience != stalled || st.waited {
		st.patience, st.wait, st.waited = stalled, backoffFrom(20*time.Millisecond, 5*time.Second), false
	}
}

// open opens the stream behind from, or now where from is nil, or at a time. It
// does not tell whether the server still reaches back so far: reading does.
func (st *stream) open(ctx context.Context, at *bson.Timestamp) error {
	o := options.ChangeStream().SetFullDocumentBeforeChange(options.WhenAvailable).SetShowExpandedEvents(true).
		SetMaxAwaitTime(await).SetBatchSize(0) // the first answer holds a token and no events
	switch {
	case at != nil:
		o.SetStartAtOperationTime(at)
	case st.from != nil:
		// Unlike resumeAfter this works behind an invalidate too.
		o.SetStartAfter(st.from)
	}
	stages := pipeline(st.order)
	if st.s.splits() {
		stages = append(stages, bson.D{{Key: "$changeStreamSplitLargeEvent", Value: bson.D{}}})
	}
	cs, err := st.s.feeds.Database(st.s.o.Database).Watch(ctx, stages, o)
	if err != nil {
		return err
	}
	st.cs, st.fresh, st.parts = cs, true, nil
	st.moved = time.Now()
	if token := cs.ResumeToken(); at == nil && token != nil {
		st.move(token)
	}
	if st.from == nil && at == nil {
		st.close()
		return errors.New("the server gave no resume token")
	}
	return nil
}

// move sets the place. A token is part of the whole answer that it came in, which
// must not be kept for it.
func (st *stream) move(token bson.Raw) {
	if !bytes.Equal(st.from, token) {
		st.from, st.moved = bytes.Clone(token), time.Now()
	}
}

// reached asks the server whether it still reaches back to a token. It is asked
// for whatever comes next, so that it need not look far.
func (s *Store) reached(ctx context.Context, token bson.Raw) error {
	cs, err := s.feeds.Database(s.o.Database).Watch(ctx, mongo.Pipeline{},
		options.ChangeStream().SetStartAfter(token).SetBatchSize(1).SetMaxAwaitTime(time.Millisecond))
	if err == nil {
		cs.TryNext(ctx)
		err = cs.Err()
		_ = cs.Close(ctx)
	}
	return err
}

func (st *stream) close() {
	if st.cs == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = st.cs.Close(ctx)
	st.cs = nil
}

// next waits for the next event of a document, at most for about [await], and
// returns nil where none came. After an error the stream is lost, and from says
// where to open it again.
func (st *stream) next(ctx context.Context) (*event, error) {
	for {
		e, err := st.read(ctx)
		if e == nil || err != nil {
			return nil, err
		}
		switch e.Operation {
		case opInsert, opUpdate, opReplace, opDelete:
			return e, nil
		case opInvalidate: // the stream ends behind it
		default:
			st.s.collectionsChanged(e)
		}
	}
}

// read asks for one event.
func (st *stream) read(ctx context.Context) (*event, error) {
	for {
		bounded, cancel := context.WithTimeout(ctx, st.patience)
		found := st.cs.TryNext(bounded)
		cancel()
		switch err := st.cs.Err(); {
		case found:
		case err != nil:
			if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				st.patience = min(2*st.patience, mostStalled)
			}
			return nil, err
		case st.cs.ID() == 0:
			return nil, errInvalidated
		case st.fresh:
			st.fresh = false
			continue
		default:
			st.progress()
			if token := st.cs.ResumeToken(); token != nil {
				st.move(token)
			}
			if time.Since(st.moved) > unmoved {
				return nil, errUnmoved
			}
			return nil, nil
		}
		st.progress()
		e, whole, err := st.decode(st.cs.Current)
		if err != nil {
			return nil, err
		}
		if whole {
			st.move(st.cs.ResumeToken())
			return e, nil
		}
	}
}

// errUnmoved: nothing happens in all of the deployment, as it seems.
var errUnmoved = errors.New("the server's place does not move")

// errInvalidated: the server has closed the stream, as it does behind the event
// of a dropped database. It goes on behind that event.
var errInvalidated = errors.New("the database was dropped")

// decode reads an event, which may be one part of a large one.
func (st *stream) decode(raw bson.Raw) (e *event, whole bool, err error) {
	split, err := raw.LookupErr("splitEvent")
	if err == nil {
		part, _ := split.Document().Lookup("fragment").AsInt64OK()
		of, _ := split.Document().Lookup("of").AsInt64OK()
		if st.parts == nil || part == 1 {
			st.parts = make(map[string]bson.RawValue)
		}
		elements, _ := bson.Raw(append([]byte(nil), raw...)).Elements()
		for _, field := range elements {
			st.parts[field.Key()] = field.Value()
		}
		if part < of {
			return nil, false, nil
		}
		delete(st.parts, "splitEvent")
		together, err := bson.Marshal(st.parts)
		st.parts = nil
		if err != nil {
			return nil, false, fmt.Errorf("an event in parts: %w", err)
		}
		raw = together
	}
	e = new(event)
	if err := bson.Unmarshal(raw, e); err != nil {
		return nil, false, fmt.Errorf("an event that cannot be read: %w", err)
	}
	return e, true, nil
}

// lost is whether an error means that the place is no longer in the server's
// history, or that it cannot go on from there: opening the stream again with the
// same token would fail for ever.
func lost(err error) bool {
	return hasCode(err, codeHistoryLost, codeStreamFatal, codeInvalidResumeToken, codeObjectTooLarge)
}

// noPlace is whether the server, asked to open a stream behind a token, says
// that the token is none.
func noPlace(err error) bool {
	return lost(err) || hasCode(err, codeBadValue, codeFailedToParse, codeTypeMismatch)
}

// tellAgain is how often a log is told that the stream is still lost.
const tellAgain = 30 * time.Second

// reopen opens the stream again until that succeeds, or ctx ends
// ([store.ErrClosed]), or the place is lost ([store.ErrHistoryLost]). A stream
// that opens and fails without having told anything is opened ever more slowly.
func (st *stream) reopen(ctx context.Context, why error) error {
	st.close()
	logger := st.s.o.Logger
	begun, told := time.Now(), time.Time{}
	quiet := errors.Is(why, errUnmoved)
	for first := true; ; first = false {
		switch {
		case ctx.Err() != nil:
			return store.ErrClosed
		case first && hasCode(why, codeInvalidResumeToken):
			// The driver resumed behind an invalidate by itself, with the word
			// that is wrong there. Ours is right.
		case lost(why):
			return store.ErrHistoryLost
		case !first && time.Since(told) > tellAgain:
			logger.Warn("the change stream is lost; trying to open it again", "error", st.s.words(why))
			told = time.Now()
		}
		st.waited = true
		if !st.wait.pause(ctx) {
			return store.ErrClosed
		}
		bounded, cancel := context.WithTimeout(ctx, stalled)
		err := st.open(bounded, nil)
		cancel()
		if err != nil {
			why, quiet = err, false
			continue
		}
		if !quiet {
			logger.Info("the change stream was interrupted, and is open again", "error", st.s.words(why), "after", time.Since(begun).Round(time.Millisecond).String())
		}
		return nil
	}
}
