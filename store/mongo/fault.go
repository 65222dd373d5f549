package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// The server's codes that something depends on. Errors are told apart by them,
// never by their text.
const (
	codeBadValue           = 2
	codeFailedToParse      = 9
	codeUnauthorized       = 13
	codeTypeMismatch       = 14
	codeAuthentication     = 18
	codeNamespaceNotFound  = 26
	codePathNotViable      = 28
	codeNamespaceExists    = 48
	codeOptionsConflict    = 85
	codeKeySpecsConflict   = 86
	codeWriteConflict      = 112
	codeInvalidResumeToken = 260
	codeStreamFatal        = 280
	codeHistoryLost        = 286
	codeAtlas              = 8000 // Atlas' own word for wrong credentials
	codeObjectTooLarge     = 10334
	codeDuplicate          = 11000
	codeNotWritablePrimary = 10107
	codeNotPrimary         = 10058
	codeNotPrimaryNoOk     = 13435
	codeNotPrimaryOrSec    = 13436
	codeResultTooLarge     = 17419
)

// serverCode is the code of the server's answer, and false where the error is
// not one. Of a write error it is the write's.
func serverCode(err error) (int, bool) {
	if command := (mongo.CommandError{}); errors.As(err, &command) && command.Code != 0 {
		return int(command.Code), true
	}
	if write := firstWriteError(err); write != nil {
		return write.Code, true
	}
	if inner := (driver.Error{}); errors.As(err, &inner) && inner.Code != 0 {
		return int(inner.Code), true
	}
	return 0, false
}

// firstWriteError is the refused write in the answer to one or several, or nil.
func firstWriteError(err error) *mongo.WriteError {
	if one := (mongo.WriteException{}); errors.As(err, &one) && len(one.WriteErrors) > 0 {
		return &one.WriteErrors[0]
	}
	if many := (mongo.BulkWriteException{}); errors.As(err, &many) && len(many.WriteErrors) > 0 {
		return &many.WriteErrors[0].WriteError
	}
	return nil
}

func hasCode(err error, codes ...int) bool {
	code, ok := serverCode(err)
	return ok && slices.Contains(codes, code)
}

// notPrimary reports that a server refused to do something because it is not
// the one that may: it was not done, and another can be asked.
func notPrimary(err error) bool {
	return hasCode(err, codeNotWritablePrimary, codeNotPrimary, codeNotPrimaryNoOk, codeNotPrimaryOrSec)
}

// permanentCodes, by their names: BadValue, FailedToParse, TypeMismatch,
// IllegalOperation, CommandNotFound, CannotCreateIndex, InvalidOptions,
// InvalidNamespace, CommandNotSupported, DocumentValidationFailure,
// CommandNotSupportedOnView, OptionNotSupportedOnView,
// InvalidIndexSpecificationOption.
var permanentCodes = []int{2, 9, 14, 20, 59, 67, 72, 73, 115, 121, 166, 167, 197}

// permanent reports that the server will give the same answer again.
func permanent(err error) bool { return hasCode(err, permanentCodes...) }

// interruptions, by their names: MaxTimeMSExpired, WriteConcernTimeout (64),
// ShutdownInProgress, UnsatisfiableWriteConcern (100), PrimarySteppedDown,
// ExceededTimeLimit, InterruptedAtShutdown, Interrupted,
// InterruptedDueToReplStateChange. What they interrupted may have been done.
var interruptions = []int{50, 64, 91, 100, 189, 262, 11600, 11601, 11602}

// indefinite reports that a write that failed may have been done all the same.
func indefinite(err error) bool {
	code, answered := serverCode(err)
	if !answered {
		return !notSent(err)
	}
	return slices.Contains(interruptions, code)
}

// notSent reports that no server was asked.
func notSent(err error) bool {
	var selection topology.ServerSelectionError
	var pool topology.WaitQueueTimeoutError
	return errors.As(err, &selection) || errors.As(err, &pool)
}

func labelled(err error, label string) bool {
	var l mongo.LabeledError
	return errors.As(err, &l) && l.HasErrorLabel(label)
}

// fault turns an error of the driver into one of the contract. Wrote says that
// a write was asked for, which may have happened unless the error says that it
// did not.
func (s *Store) fault(err error, wrote bool) error {
	var known *store.UnavailableError
	var doubt *doubtful
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrNotFound):
		return err
	case errors.Is(err, mongo.ErrNoDocuments):
		return store.ErrNotFound
	case s.isClosed() && !wrote:
		return store.ErrClosed
	case tooLarge(err), hasCode(err, codePathNotViable):
		return fmt.Errorf("%w: %s", store.ErrInvalid, s.words(err))
	}
	return &store.UnavailableError{InDoubt: errors.As(err, &doubt) || wrote && indefinite(err), Err: s.plain(err)}
}

func tooLarge(err error) bool {
	return errors.Is(err, driver.ErrDocumentTooLarge) || hasCode(err, codeObjectTooLarge, codeResultTooLarge)
}

// plain is an error in words that hold no secret, and that still is what its
// ctx died of.
func (s *Store) plain(err error) error {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return &plainError{s.words(err), ended}
		}
	}
	return &plainError{s.words(err), nil}
}

// words are an error's, for people: without secrets, and without the driver's
// view of the whole deployment.
func (s *Store) words(err error) string {
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		return withoutSecrets(s.o.URI, fmt.Sprintf("no server that could be written to answers (%v)", causeOf(err)))
	}
	return withoutSecrets(s.o.URI, err.Error())
}

type plainError struct {
	words string
	cause error
}

func (e *plainError) Error() string { return e.words }

func (e *plainError) Unwrap() error { return e.cause }

// duplicate is the [*store.DuplicateError] of a write that a unique index
// refused, or nil where it was refused for something else.
func duplicate(err error, c *collection) error {
	if !hasCode(err, codeDuplicate) {
		return nil
	}
	raw := bson.Raw(nil)
	if write := firstWriteError(err); write != nil {
		raw = write.Raw
	} else if command := (mongo.CommandError{}); errors.As(err, &command) {
		raw = command.Raw
	}
	d := &store.DuplicateError{Collection: c.Name}
	if keys, ok := raw.Lookup("keyPattern").DocumentOK(); ok {
		elements, _ := keys.Elements()
		for _, e := range elements {
			d.Fields = append(d.Fields, e.Key())
		}
	}
	return d
}

func (s *Store) isClosed() bool {
	s.lives.RLock()
	defer s.lives.RUnlock()
	return s.closed
}

// bounded gives a ctx without an end the patience of this package, and ends it
// with the store.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return s.boundedBy(ctx, patience)
}

func (s *Store) boundedBy(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	var cancel context.CancelFunc
	if _, ends := ctx.Deadline(); ends {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, most)
	}
	letGo := context.AfterFunc(s.background, cancel)
	return ctx, func() { letGo(); cancel() }
}

// hurried is bounded, for a write; less patiently where the server does not answer
// anyway.
func (s *Store) hurried(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := s.bounded(ctx)
	most := patience
	if end, ends := ctx.Deadline(); ends {
		most = time.Until(end)
	}
	short, done := context.WithTimeout(ctx, s.ailing.patience(most))
	return short, func() { done(); cancel() }
}

// ready says whether a call can begin.
func (s *Store) ready(ctx context.Context) error {
	if s.isClosed() {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return &store.UnavailableError{Err: err}
	}
	return nil
}
