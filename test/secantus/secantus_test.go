package secantus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"
)

const notPrimary = 10107

func TestMain(m *testing.M) { goleak.VerifyTestMain(secantus.M{M: m}) }

func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	things := server.Client(t).Database("d").Collection("things")
	stream := watch(t, things)
	insert(t, things, 1)
	server.Kill(t)
	server.Restart(t)
	next(t, &stream, things, 1)
	insert(t, things, 2)
	server.Restart(t)
	next(t, &stream, things, 2)
	for id := range 2 {
		find(t, things, id+1)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	near := server.Client(t).Database("d").Collection("things")
	proxy := secantus.NewProxy(t, server.Host())
	client := secantus.Connect(t, proxy.URI())
	far := client.Database("d").Collection("things")
	stream := watch(t, far)

	// A transaction, whose two changes the stream shows.
	session, err := client.StartSession()
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.WithTransaction(t.Context(), func(ctx context.Context) (any, error) {
		return far.InsertMany(ctx, []any{thing(1), thing(2)})
	})
	session.EndSession(t.Context())
	if err != nil {
		t.Fatalf("transaction: %v", err)
	}
	next(t, &stream, far, 1)
	next(t, &stream, far, 2)

	proxy.Slow(20 * time.Millisecond)
	insert(t, far, 3)
	next(t, &stream, far, 3)

	proxy.Stall()
	found := make(chan error, 1)
	go func() { found <- far.FindOne(t.Context(), thing(3)).Err() }()
	insert(t, near, 4)
	select {
	case err := <-found:
		t.Fatalf("an answer came through a stalled proxy: %v", err)
	default:
	}
	proxy.Mend()
	if err := <-found; err != nil {
		t.Fatalf("after Mend: %v", err)
	}
	next(t, &stream, far, 4)

	proxy.Cut()
	impatient := secantus.Connect(t, proxy.URI("serverSelectionTimeoutMS=100"))
	if err := impatient.Ping(t.Context(), nil); err == nil {
		t.Fatal("an answer came through a cut proxy")
	}
	insert(t, near, 5)
	proxy.Mend()
	next(t, &stream, far, 5)
}

func TestAnAnswerIsLost(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	near := server.Client(t).Database("d").Collection("things")
	proxy := secantus.NewProxy(t, server.Host())
	lost := secantus.Connect(t, proxy.URI("retryWrites=false")).Database("d").Collection("things")
	retried := secantus.Connect(t, proxy.URI()).Database("d").Collection("things")
	insert(t, lost, 1) // so that there is a connection
	insert(t, retried, 2)

	proxy.StallReplies()
	done := make(chan error, 2)
	for i, far := range []*mongo.Collection{lost, retried} {
		go func() {
			_, err := far.InsertOne(t.Context(), thing(3+i))
			done <- err
		}()
	}
	find(t, near, 3)
	find(t, near, 4)
	proxy.Cut()
	if err := <-done; !mongo.IsNetworkError(err) {
		t.Errorf("a write whose answer was lost: %v, want a network error", err)
	}
	proxy.Mend()
	if err := <-done; err != nil {
		t.Errorf("a write that the driver retries: %v", err)
	}
}

func TestFailCommand(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	failing := secantus.Connect(t, server.URI("appName=failing")).Database("d").Collection("things")
	other := secantus.Connect(t, server.URI("appName=other")).Database("d").Collection("things")
	insert(t, other, 1)

	const notAuthorized = 13
	fail := secantus.FailPoint{Commands: []string{"insert"}, AppName: "failing", Code: notAuthorized}
	server.FailCommand(t, fail)
	refused(t, failing, 2, notAuthorized)
	refused(t, failing, 2, notAuthorized)
	insert(t, other, 2)
	server.ClearFailPoint(t)
	insert(t, failing, 3)

	fail.Times, fail.Skip = 1, 1
	server.FailCommand(t, fail)
	insert(t, failing, 4)
	refused(t, failing, 5, notAuthorized)
	insert(t, failing, 5)

	stream := watch(t, failing)
	closes := secantus.FailPoint{Commands: []string{"insert"}, Times: 1, CloseConnection: true}
	server.FailCommand(t, closes)
	insert(t, failing, 6) // the driver tries again, and below too
	closes.Commands = []string{"getMore"}
	server.FailCommand(t, closes)
	if !stream.Next(t.Context()) {
		t.Fatalf("the stream did not outlive a connection: %v", stream.Err())
	}

	const failedToReplicate = 64
	server.FailCommand(t, secantus.FailPoint{
		Commands:          []string{"insert"},
		WriteConcernError: &secantus.ConcernError{Code: failedToReplicate, Message: "too slow"},
	})
	refused(t, failing, 7, failedToReplicate)
	find(t, failing, 7)
}

func TestStepDown(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	things := server.Client(t).Database("d").Collection("things")
	insert(t, things, 1)
	stream := watch(t, things)
	server.StepDown(t, 1)
	refused(t, things, 2, notPrimary)
	find(t, secantus.Connect(t, server.URI("readPreference=nearest")).Database("d").Collection("things"), 1)
	insert(t, things, 2) // the driver waits for a primary
	if !stream.Next(t.Context()) {
		t.Fatalf("the stream did not outlive the step-down: %v", stream.Err())
	}
}

func TestAuth(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{Auth: true})
	insert(t, server.Client(t).Database("d").Collection("things"), 1)
	nobody := secantus.Connect(t, "mongodb://"+server.Host()+"/?replicaSet=secantus")
	refused(t, nobody.Database("d").Collection("things"), 2, 13)
}

func TestADatabaseIsDroppedWithItsTest(t *testing.T) {
	client := secantus.Connect(t, secantus.Shared(t))
	var name string
	t.Run("a test", func(t *testing.T) {
		name = secantus.Database(t)
		insert(t, client.Database(name).Collection("things"), 1)
	})
	left, err := client.ListDatabaseNames(t.Context(), bson.D{{Key: "name", Value: name}})
	if err != nil || len(left) > 0 {
		t.Fatalf("databases of that name after the test: %v, error %v, want none", left, err)
	}
}

func thing(id int) bson.D { return bson.D{{Key: "_id", Value: id}} }

func insert(t *testing.T, things *mongo.Collection, id int) {
	t.Helper()
	if _, err := things.InsertOne(t.Context(), thing(id)); err != nil {
		t.Fatalf("insert %d: %v", id, err)
	}
}

func refused(t *testing.T, things *mongo.Collection, id, code int) {
	t.Helper()
	_, err := things.InsertOne(t.Context(), thing(id))
	if answer := mongo.ServerError(nil); !errors.As(err, &answer) || !answer.HasErrorCode(code) {
		t.Fatalf("insert %d: %v, want an error with code %d", id, err, code)
	}
}

// find waits until a document is there.
func find(t *testing.T, things *mongo.Collection, id int) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(30 * time.Second)
	for {
		err := things.FindOne(t.Context(), thing(id)).Err()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("find %d: %v", id, err)
		}
	}
}

func watch(t *testing.T, things *mongo.Collection, more ...options.Lister[options.ChangeStreamOptions]) *mongo.ChangeStream {
	t.Helper()
	stream, err := things.Watch(t.Context(), mongo.Pipeline{}, more...)
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	return stream
}

// next expects the insert of a document. A stream that was broken is opened again where it ended.
func next(t *testing.T, stream **mongo.ChangeStream, things *mongo.Collection, id int) {
	t.Helper()
	if !(*stream).Next(t.Context()) {
		t.Logf("the stream is opened again after: %v", (*stream).Err())
		*stream = watch(t, things, options.ChangeStream().SetResumeAfter((*stream).ResumeToken()))
		(*stream).Next(t.Context())
	}
	if got := (*stream).Current.Lookup("documentKey", "_id").AsInt64(); got != int64(id) {
		t.Fatalf("the stream shows document %d, want %d (error: %v)", got, id, (*stream).Err())
	}
}
