package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

const feedApp = "gatehouse-feed"

// A feed goes on over whatever ends its stream: nothing is lost, nothing comes
// twice, and the order is kept.
func TestFeedSurvives(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	proxy := secantus.NewProxy(t, server.Host())
	type fault struct {
		name string
		do   func(t *testing.T, l *load)
	}
	faults := []fault{
		{"kill -9", func(t *testing.T, _ *load) {
			server.Kill(t)
			server.Restart(t)
		}},
		{"a step-down", func(t *testing.T, _ *load) { server.StepDown(t, 1) }},
		{"a cut link", func(t *testing.T, l *load) {
			proxy.Cut()
			l.until(t, 50)
			proxy.Mend()
		}},
		{"a slow link", func(t *testing.T, l *load) {
			proxy.Slow(50 * time.Millisecond)
			l.until(t, 50)
			proxy.Mend()
		}},
		{"a stalled link", func(t *testing.T, l *load) {
			proxy.Stall()
			l.until(t, 50)
			proxy.Mend()
		}},
		{"a closed connection", func(t *testing.T, _ *load) {
			server.FailCommand(t, secantus.FailPoint{Times: 2, Commands: []string{"getMore", "aggregate"}, AppName: feedApp, CloseConnection: true})
		}},
	}
	for _, code := range []int{6, 7, 43, 50, 89, 91, 189, 237, 10107, 11600, 11602, 13435, 13436} {
		faults = append(faults, fault{fmt.Sprintf("code %d", code), func(t *testing.T, _ *load) {
			server.FailCommand(t, secantus.FailPoint{Times: 3, Commands: []string{"getMore", "aggregate"}, AppName: feedApp, Code: code})
		}})
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			database := "gh_" + bson.NewObjectID().Hex()
			s := openAt(t, proxy.URI(), database)
			feed, err := s.Watch(t.Context(), store.Start{}, "c")
			must(t, err)
			c, l := count(t, feed), startLoad(t, server.URI("heartbeatFrequencyMS=500"), database, 3)
			l.until(t, 50)
			f.do(t, l)
			l.until(t, 50)
			c.has(t, l)
			server.ClearFailPoint(t)
		})
	}
}

// What can not be resumed is told once, and never tried again in a loop.
func TestFeedThatIsLost(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	for _, code := range []int{280, 286, 10334} {
		t.Run(fmt.Sprint("code ", code), func(t *testing.T) {
			s := openAt(t, server.URI(), "gh_"+bson.NewObjectID().Hex())
			feed, err := s.Watch(t.Context(), store.Start{}, "c")
			must(t, err)
			server.FailCommand(t, secantus.FailPoint{Times: 1, Commands: []string{"getMore"}, AppName: feedApp, Code: code})
			for range 2 {
				if change, err := feed.Next(t.Context()); !errors.Is(err, store.ErrHistoryLost) {
					t.Errorf("got %+v, %v", change, err)
				}
			}
			must(t, s.Apply(t.Context(), store.Insert("c", bson.D{})))
		})
	}
}

// A feed in which nothing happens keeps its place: the server moves it on, also
// past what the feed does not show.
func TestQuietFeedKeepsItsPlace(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{OplogMaxEntries: 50})
	proxy := secantus.NewProxy(t, server.Host())
	s := openAt(t, proxy.URI("timeoutMS=700"), "quiet") // which must not end a quiet stream
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	begin := feed.Position()
	other := server.Client(t).Database("quiet").Collection("other")
	for n := range 300 {
		_, err := other.InsertOne(t.Context(), bson.D{{Key: "n", Value: n}})
		must(t, err)
	}
	// What a real server does by itself.
	must(t, server.Client(t).Database("admin").RunCommand(t.Context(), bson.D{{Key: "secantusAdmin.pruneOplog", Value: 1}}).Err())
	// Longer than the server waits with an empty answer, so that one has come.
	short, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	if change, err := feed.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %+v, %v", change, err)
	}
	proxy.Cut()
	proxy.Mend()
	must(t, s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: "after"}})))
	change, err := feed.Next(t.Context())
	if err != nil || change.ID.StringValue() != "after" {
		t.Fatalf("got %+v, %v", change, err)
	}
	if _, err := s.Watch(t.Context(), store.Start{After: begin}, "c"); !errors.Is(err, store.ErrHistoryLost) {
		t.Errorf("the beginning is out of reach by now: %v", err)
	}
	oldest, err := s.Oldest(t.Context(), 0)
	must(t, err)
	again, err := s.Watch(t.Context(), store.Start{After: oldest}, "c")
	must(t, err)
	must(t, again.Close())
}

// Collections and databases come and go, and the feed stays.
func TestDropsAndRenames(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	s := openAt(t, uri, database)
	unique := store.Collection{Name: "d", Indexes: []store.Index{{Fields: []string{"u"}, Unique: true}}}
	must(t, s.Declare(t.Context(), unique))
	feed, err := s.Watch(t.Context(), store.Start{}, "c", "d")
	must(t, err)
	defer feed.Close()
	db := secantus.Connect(t, uri).Database(database)
	next := func(want string) store.Change {
		t.Helper()
		change, err := feed.Next(t.Context())
		if err != nil || change.ID.StringValue() != want {
			t.Fatalf("got %+v, %v, want %s", change, err, want)
		}
		return change
	}
	insert := func(on, id string) {
		t.Helper()
		_, err := db.Collection(on).InsertOne(t.Context(), bson.D{{Key: "_id", Value: id}, {Key: "u", Value: id}})
		must(t, err)
		next(id)
	}
	// prepared waits until deletions tell what was there, and the unique index
	// holds.
	prepared := func() {
		t.Helper()
		n := 0
		eventually(t, "the collections to be prepared again", func() bool {
			n++
			id := fmt.Sprint("try", n)
			insert("d", id)
			_, err := db.Collection("d").InsertOne(t.Context(), bson.D{{Key: "_id", Value: id + "'"}, {Key: "u", Value: id}})
			if err == nil {
				next(id + "'")
			}
			_, deleteErr := db.Collection("d").DeleteOne(t.Context(), bson.D{{Key: "_id", Value: id}})
			must(t, deleteErr)
			return next(id).Before != nil && err != nil
		})
	}
	for name, do := range map[string]func() error{
		"the collection": func() error { return db.Collection("d").Drop(t.Context()) },
		"the database":   func() error { return db.Drop(t.Context()) },
		"by a rename": func() error {
			return db.Client().Database("admin").RunCommand(t.Context(), bson.D{
				{Key: "renameCollection", Value: database + ".d"}, {Key: "to", Value: database + ".elsewhere"}, {Key: "dropTarget", Value: true},
			}).Err()
		},
		"the database, twice": func() error { return errors.Join(db.Drop(t.Context()), db.Drop(t.Context())) },
	} {
		insert("c", "before "+name)
		must(t, do())
		insert("d", "after "+name)
		insert("c", "too, after "+name)
		prepared()
	}
	// The stream ended behind an invalidate may be cut at that very place.
	position := feed.Position()
	must(t, db.Drop(t.Context()))
	late, err := s.Watch(t.Context(), store.Start{After: position}, "c")
	must(t, err)
	insert("c", "last")
	if change, err := late.Next(t.Context()); err != nil || change.ID.StringValue() != "last" {
		t.Errorf("got %+v, %v", change, err)
	}
}

// A write says truly whether it happened.
func TestWritesThatFail(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	s := openAt(t, server.URI(), "writes")
	feed, err := s.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	id := 0
	insert := func(ctx context.Context) error {
		id++
		return s.Apply(ctx, store.Insert("c", bson.D{{Key: "_id", Value: id}}))
	}
	pair := func(ctx context.Context) error {
		id++
		return s.Apply(ctx, store.Insert("c", bson.D{{Key: "_id", Value: id}}), store.Insert("echoes", bson.D{}))
	}
	const no, maybe, fine = "unavailable", "in doubt", "made"
	for _, test := range []struct {
		name  string
		write func(ctx context.Context) error
		fail  secantus.FailPoint
		want  string
	}{
		{"not primary for a moment", insert, secantus.FailPoint{Times: 3, Commands: []string{"insert"}, Code: 10107}, fine},
		{"a broken connection, once", insert, secantus.FailPoint{Times: 1, Commands: []string{"insert"}, CloseConnection: true}, fine},
		{"a connection that breaks each time", insert, secantus.FailPoint{Commands: []string{"insert"}, CloseConnection: true}, maybe},
		{"shutting down", insert, secantus.FailPoint{Commands: []string{"insert"}, Code: 11600}, maybe},
		{"not replicated", insert, secantus.FailPoint{Times: 1, Commands: []string{"insert"}, WriteConcernError: &secantus.ConcernError{Code: 64, Message: "waiting for replication timed out"}}, maybe},
		{"a missing right", insert, secantus.FailPoint{Times: 1, Commands: []string{"insert"}, Code: 13}, no},
		{"a transaction that meets another", pair, secantus.FailPoint{Times: 2, Commands: []string{"insert"}, Code: 112, ErrorLabels: []string{"TransientTransactionError"}}, fine},
		{"a commit that breaks, once", pair, secantus.FailPoint{Times: 1, Commands: []string{"commitTransaction"}, CloseConnection: true}, fine},
		{"a commit that breaks each time", pair, secantus.FailPoint{Commands: []string{"commitTransaction"}, CloseConnection: true}, maybe},
		{"a transaction in which an insert breaks", pair, secantus.FailPoint{Commands: []string{"insert"}, CloseConnection: true}, no},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.fail.AppName = "gatehouse"
			server.FailCommand(t, test.fail)
			begun := time.Now()
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if test.want != fine { // who must wait to the end waits less long
				ctx, cancel = context.WithTimeout(ctx, time.Second)
			}
			err := test.write(ctx)
			cancel()
			server.ClearFailPoint(t)
			got := fine
			var unavailable *store.UnavailableError
			switch {
			case errors.As(err, &unavailable) && unavailable.InDoubt:
				got = maybe
			case errors.As(err, &unavailable):
				got = no
			case err != nil:
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("it is %s (%v), want %s", got, err, test.want)
			}
			t.Logf("after %v: %v", time.Since(begun).Round(time.Millisecond), err)
			// What the feed shows agrees: once, or, where that is not certain,
			// at most once.
			eventually(t, "the server to be writable", func() bool {
				err := s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: -id}}))
				return err == nil || errors.Is(err, store.ErrDuplicate)
			})
			seen := 0
			for {
				waiting, stop := context.WithTimeout(t.Context(), patience)
				change, err := feed.Next(waiting)
				stop()
				must(t, err)
				if change.ID.AsInt64() == int64(-id) {
					break
				}
				seen++
			}
			if seen > 1 || test.want == fine && seen != 1 || test.want == no && seen != 0 {
				t.Errorf("the feed shows it %d times", seen)
			}
		})
	}
	t.Run("an answer that is lost", func(t *testing.T) {
		proxy := secantus.NewProxy(t, server.Host())
		far := openAt(t, proxy.URI(), "writes")
		settled(t, far)
		proxy.StallReplies()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := far.Apply(ctx, store.Insert("c", bson.D{{Key: "_id", Value: "lost"}}))
		var unavailable *store.UnavailableError
		if !errors.As(err, &unavailable) || !unavailable.InDoubt {
			t.Errorf("got %v", err)
		}
		waiting, stop := context.WithTimeout(t.Context(), patience)
		defer stop()
		change, err := feed.Next(waiting) // the server has it
		if err != nil || change.ID.StringValue() != "lost" {
			t.Errorf("got %+v, %v", change, err)
		}
		proxy.Mend()
	})
	t.Run("no server", func(t *testing.T) {
		server.Kill(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := s.Apply(ctx, store.Insert("c", bson.D{}))
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the first: %v", err)
		}
		err = s.Apply(ctx, store.Insert("c", bson.D{}))
		var unavailable *store.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.InDoubt {
			t.Errorf("one that was never sent: %v", err)
		}
		server.Restart(t)
		eventually(t, "writes to succeed again", func() bool { return s.Apply(t.Context(), store.Insert("c", bson.D{})) == nil })
	})
}
