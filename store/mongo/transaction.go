package mongo

import (
	"context"
	"errors"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// The labels by which the driver and the server say what may be tried again.
const (
	transientTransaction = "TransientTransactionError"
	unknownCommit        = "UnknownTransactionCommitResult"
)

// transact makes the writes in one transaction, as often as it takes.
func (s *Store) transact(ctx context.Context, writes []write) error {
	session, err := s.client.StartSession(options.Session().SetDefaultTransactionOptions(
		options.Transaction().SetReadConcern(readconcern.Snapshot())))
	if err != nil {
		return s.fault(err, false)
	}
	defer s.endSession(session)
	err = s.again(ctx, func() error {
		if err := s.attempt(ctx, session, writes); err != nil {
			return err
		}
		a := new(attempts)
		err := commit(context.WithValue(ctx, attemptsKey{}, a), session)
		// Only an answer that says so, after none that was lost, means that
		// nothing came of it.
		if err != nil && (a.lost.Load() || !labelled(err, transientTransaction)) {
			return &doubtful{err}
		}
		return err
	})
	if refused := (*store.WriteError)(nil); errors.As(err, &refused) {
		return refused
	}
	return s.fault(err, false)
}

// endSession ends a session, and with it what is open of its transaction, while
// its user goes on: the server may take long to answer.
func (s *Store) endSession(session *mongo.Session) {
	end := func() {
		ctx, cancel := context.WithTimeout(s.background, time.Second)
		defer cancel()
		session.EndSession(ctx)
	}
	if s.begin(end) != nil {
		end()
	}
}

// attempt makes the writes and leaves the transaction open, or aborts it. A
// refusal is a [*store.WriteError].
func (s *Store) attempt(ctx context.Context, session *mongo.Session, writes []write) error {
	if err := session.StartTransaction(); err != nil {
		return err
	}
	within := mongo.NewSessionContext(ctx, session)
	for at := 0; at < len(writes); {
		n, err := s.executeSome(within, writes[at:])
		if err == nil {
			at += n
			continue
		}
		if ctx.Err() == nil { // otherwise the end of the session does it, or the server
			abort, cancel := context.WithTimeout(ctx, time.Second)
			_ = session.AbortTransaction(abort)
			cancel()
		}
		if reason, refused := s.refusal(&writes[at+n], err); refused {
			return &store.WriteError{Index: at + n, Err: reason}
		}
		return err
	}
	return nil
}

// maxInserted bounds what is inserted with one command.
const maxInserted = 1000

// executeSome makes the first of the writes, with those behind it that can be
// made together with it. It returns how many were made; with an error, that is
// the index of the one that failed.
func (s *Store) executeSome(ctx context.Context, writes []write) (int, error) {
	first := &writes[0]
	var documents []any
	for i := range writes {
		w := &writes[i]
		if w.Kind != store.KindInsert || w.c != first.c || len(documents) == maxInserted {
			break
		}
		documents = append(documents, w.stored())
	}
	if len(documents) < 2 {
		if err := s.execute(ctx, first); err != nil {
			return 0, err
		}
		return 1, nil
	}
	_, err := first.c.on.InsertMany(ctx, documents)
	if refused := firstWriteError(err); refused != nil && refused.Index < len(documents) {
		return refused.Index, err
	}
	if err != nil {
		return 0, err
	}
	return len(documents), nil
}

// commit asks for the commit until the answer is known, or ctx ends.
func commit(ctx context.Context, session *mongo.Session) error {
	wait := newBackoff()
	for {
		err := session.CommitTransaction(ctx)
		if err == nil || !labelled(err, unknownCommit) || labelled(err, transientTransaction) || !wait.pause(ctx) {
			return err
		}
	}
}

// withTime adds to a document when it was written.
func withTime(doc bson.Raw) bson.Raw {
	out := append([]byte(nil), doc[:len(doc)-1]...)
	out = bsoncore.AppendDateTimeElement(out, transientField, time.Now().UnixMilli())
	out = append(out, 0)
	return bsoncore.UpdateLength(out, 0, int32(len(out)))
}
