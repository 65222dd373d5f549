package mongo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The driver tries a write again whose answer was lost. Where that attempt meets a
// server that is not primary, the write may have been made all the same: it is not
// made twice, and its caller is told.
func TestLostAnswerBeforeAnElection(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	proxy := secantus.NewProxy(t, server.Host())
	near, far := openAt(t, server.URI(), "doubt"), openAt(t, proxy.URI(), "doubt")
	feed, err := near.Watch(t.Context(), store.Start{}, "c")
	must(t, err)
	defer feed.Close()
	settled(t, far)
	next := func() store.Change {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		change, err := feed.Next(ctx)
		must(t, err)
		return change
	}
	for name, test := range map[string]struct {
		command string
		write   func() error
	}{
		"insert": {"insert", func() error { return far.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: "new"}})) }},
		"update": {"update", func() error { return far.Apply(t.Context(), store.Update("c", "old", bson.D{{Key: "x", Value: 1}})) }},
		"take": {"findAndModify", func() error {
			_, err := far.Take(t.Context(), "c", "taken")
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, id := range []string{"old", "taken"} {
				must(t, near.Apply(t.Context(), store.Put("c", id, bson.D{{Key: "for", Value: name}})))
				next()
			}
			// By way of the proxy, so that a connection is there when it stalls.
			before, err := far.Get(t.Context(), "c", "old")
			must(t, err)
			server.FailCommand(t, secantus.FailPoint{Skip: 1, Times: 1, Commands: []string{test.command}, AppName: "gatehouse", Code: 10107, ErrorLabels: []string{}})
			proxy.StallReplies()
			answer := make(chan error, 1)
			go func() { answer <- test.write() }()
			change := next() // the server has made it
			proxy.Cut()
			proxy.Mend()
			var unavailable *store.UnavailableError
			if err := <-answer; !errors.As(err, &unavailable) || !unavailable.InDoubt {
				t.Errorf("got %v, want in doubt", err)
			}
			server.ClearFailPoint(t)
			must(t, near.Apply(t.Context(), store.Put("c", "mark", bson.D{{Key: "for", Value: name}})))
			if after := next(); after.ID.StringValue() != "mark" {
				t.Errorf("it was made twice: %s, then %s of %s", change.Op, after.Op, after.ID)
			}
			if doc, err := near.Get(t.Context(), "c", "old"); err != nil || test.command == "update" && store.VersionOf(doc) != store.VersionOf(before)+1 {
				t.Errorf("got %s, %v", doc, err)
			}
		})
	}
}

// What the server refuses is refused, and neither an outage nor in doubt.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	s := openAt(t, uri, database)
	on := secantus.Connect(t, uri).Database(database).Collection("c")
	_, err := on.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "foreign"}, {Key: store.VersionField, Value: "mine"}})
	must(t, err)
	for name, w := range map[string]store.Write{
		"a version that is no number": store.Update("c", "foreign", bson.D{{Key: "x", Value: 1}}),
		"the same, replaced":          store.Put("c", "foreign", bson.D{{Key: "x", Value: 1}}),
	} {
		for _, writes := range [][]store.Write{{w}, {store.Put("c", "other", bson.D{}), w}} {
			err := s.Apply(t.Context(), writes...)
			var refused *store.WriteError
			if !errors.Is(err, store.ErrInvalid) || !errors.As(err, &refused) || refused.Index != len(writes)-1 {
				t.Errorf("%s, in %d: %v", name, len(writes), err)
			}
		}
	}
}

// A write that was accepted is finished before the store is closed.
func TestCloseFinishesWrites(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	s := openAt(t, server.URI(), "closing")
	server.FailCommand(t, secantus.FailPoint{Times: 1, Commands: []string{"insert"}, AppName: "gatehouse", Block: time.Second})
	answer := make(chan error, 1)
	go func() { answer <- s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: "a"}})) }()
	on := server.Client(t).Database("admin")
	eventually(t, "the insert to be on its way", func() bool {
		var status struct {
			Connections struct{ Active int }
			Opcounters  struct{ Insert int }
		}
		_ = on.RunCommand(t.Context(), bson.D{{Key: "serverStatus", Value: 1}}).Decode(&status)
		select {
		case err := <-answer:
			answer <- err
			return true
		default:
			return status.Connections.Active > 0
		}
	})
	must(t, s.Close())
	switch err := <-answer; {
	case err == nil:
		if err := server.Client(t).Database("closing").Collection("c").FindOne(t.Context(), bson.D{{Key: "_id", Value: "a"}}).Err(); err != nil {
			t.Errorf("it was answered, and is not there: %v", err)
		}
	case !errors.Is(err, store.ErrClosed): // it came too late to be accepted
		t.Errorf("got %v", err)
	}
}

// A position goes to clients, and tells nothing of the document.
func TestPositionsTellNothing(t *testing.T) {
	t.Parallel()
	s, feed, _ := fresh(t)
	must(t, s.Apply(t.Context(), store.Insert("c", bson.D{{Key: "_id", Value: "alice@example.org"}})))
	change, err := feed.Next(t.Context())
	must(t, err)
	if strings.Contains(string(change.Position), "alice") || strings.Contains(string(change.Position), "616c696365") {
		t.Errorf("it tells the id: %q", change.Position)
	}
}
