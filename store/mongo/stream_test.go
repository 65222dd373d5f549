package mongo

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"gatehouse/store"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	wire "go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// What a collection declares secret does not leave the server, in no form of a
// change.
func TestSecretsStayAtTheServer(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	s, err := Open(Options{URI: uri, Database: database})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Declare(t.Context(), store.Collection{Name: "people", Secret: []string{"password", "registerKey"}}, store.Collection{Name: "open"}); err != nil {
		t.Fatal(err)
	}
	// The store's own client for feeds, but for an ear at its wire.
	var mu sync.Mutex
	var heard bytes.Buffer
	o, err := clientOptions(uri)
	if err != nil {
		t.Fatal(err)
	}
	o.SetMonitor(&wire.CommandMonitor{Succeeded: func(_ context.Context, e *wire.CommandSucceededEvent) {
		mu.Lock()
		defer mu.Unlock()
		heard.Write(e.Reply)
	}})
	quiet := s.feeds
	if s.feeds, err = mongo.Connect(o); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = quiet.Disconnect(context.Background()) }()
	feed, err := s.Watch(t.Context(), store.Start{}, "people", "open")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()

	on, id := secantus.Connect(t, uri).Database(database).Collection("people"), bson.D{{Key: "_id", Value: "a"}}
	hush := func(n string) string { return "hush" + n }
	steps := []func() error{
		func() error {
			_, err := on.InsertOne(t.Context(), append(id, bson.E{Key: "name", Value: "Ann"}, bson.E{Key: "password", Value: hush("1")}, bson.E{Key: "registerKey", Value: bson.D{{Key: "key", Value: hush("2")}}}))
			return err
		},
		func() error {
			_, err := on.UpdateOne(t.Context(), id, bson.D{{Key: "$set", Value: bson.D{{Key: "password", Value: hush("3")}, {Key: "registerKey.key", Value: hush("4")}, {Key: "registerKey.more", Value: bson.A{hush("5")}}}}})
			return err
		},
		func() error {
			_, err := on.UpdateOne(t.Context(), id, bson.D{{Key: "$push", Value: bson.D{{Key: "registerKey.more", Value: hush("6")}}}})
			return err
		},
		func() error {
			_, err := on.ReplaceOne(t.Context(), id, bson.D{{Key: "name", Value: "Ann"}, {Key: "password", Value: hush("7")}})
			return err
		},
		func() error {
			_, err := on.DeleteOne(t.Context(), id)
			return err
		},
	}
	wants := []string{"", "password registerKey.key registerKey.more", "registerKey.more", "password registerKey", ""}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		change, err := feed.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(change.Fields, " ")
		// Within a secret field the server may name the whole or the part.
		whole := i == 2 && strings.HasPrefix(got, "registerKey.more")
		if got != wants[i] && !whole {
			t.Errorf("step %d: fields are %q, want %q", i, got, wants[i])
		}
		if change.Op != store.OpDelete && !change.After.Lookup("password").Boolean() {
			t.Errorf("step %d: %s", i, change.After)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(heard.String(), "Ann") {
		t.Fatal("nothing was heard")
	}
	if at := strings.Index(heard.String(), "hush"); at >= 0 {
		t.Errorf("heard on the wire: %q", heard.String()[max(0, at-100):at+20])
	}
}

// An event that is too large for one answer comes in parts, and is one again.
func TestEventInParts(t *testing.T) {
	s := &Store{}
	st := s.newStream(nil)
	token := func(n string) bson.D { return bson.D{{Key: "_data", Value: n}} }
	part := func(n int, fields ...bson.E) bson.Raw {
		doc := append(bson.D{{Key: "_id", Value: token(strings.Repeat("0", n))}}, fields...)
		raw, err := bson.Marshal(append(doc, bson.E{Key: "splitEvent", Value: bson.D{{Key: "fragment", Value: n}, {Key: "of", Value: 3}}}))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	after := bson.D{{Key: "_id", Value: 1}, {Key: "text", Value: "large"}}
	parts := []bson.Raw{
		part(1, bson.E{Key: "operationType", Value: opInsert}, bson.E{Key: "ns", Value: bson.D{{Key: "coll", Value: "c"}}}),
		part(2, bson.E{Key: "fullDocument", Value: after}),
		part(3, bson.E{Key: "documentKey", Value: bson.D{{Key: "_id", Value: 1}}}),
	}
	for range 2 {
		for i, p := range parts {
			e, whole, err := st.decode(p)
			if err != nil || whole != (i == 2) {
				t.Fatalf("part %d: %v, %v", i, whole, err)
			}
			if whole && (e.Operation != opInsert || e.Namespace.Collection != "c" || bson.Raw(e.After).Lookup("text").StringValue() != "large" || e.Token.Lookup("_data").StringValue() != "000") {
				t.Errorf("together: %+v", e)
			}
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	for _, test := range []struct{ uri, words, want string }{
		{"mongodb://u:p4ss@h/", "failed at p4ss", "failed at …"},
		{"mongodb://u:p%40ss@h/", "failed at p@ss and p%40ss", "failed at … and …"},
		{"mongodb://u:p4ss@h/", "parse mongodb://u:p4ss@h/x", "parse mongodb://…@h/x"},
		{"mongodb://h/", "parse mongodb://h/x", "parse mongodb://h/x"},
		{"mongodb://u:r@h/", "not authorized", "not authorized"},
		{"mongodb://u:a@b@c@h/", "mongodb://u:a@b@c@h/", "mongodb://…@h/"},
	} {
		if got := withoutSecrets(test.uri, test.words); got != test.want {
			t.Errorf("%s: %q becomes %q, want %q", test.uri, test.words, got, test.want)
		}
	}
}

// A URI of every malformed kind is refused without being shown.
func TestURIs(t *testing.T) {
	for _, uri := range []string{
		"mongodb://u:s3cr3t@h:port/", "mongodb://u:s3cr3t@/", "mongodb://u:s3@cr3t@h/", "mongodb://u:s3cr3t@h/?tls=maybe",
		"mongodb://u:s3cr3t/h", "mongodb://u:s3cr3t%zz@h/",
		"mongodb://u:s3cr3t@h/?tlsCAFile=/none/such.pem", "http://u:s3cr3t@h/",
	} {
		err := Check(uri)
		if err == nil || !strings.HasPrefix(err.Error(), ErrURI.Error()) || strings.Contains(err.Error(), "cr3t") {
			t.Errorf("%s: %v", uri, err)
		}
	}
	if err := Check("mongodb://u:s3cr3t@a:1,b:2/?replicaSet=rs0&tls=true&authSource=admin"); err != nil {
		t.Error(err)
	}
}
