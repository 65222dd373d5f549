package mongo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"
	"gatehouse/store/mongo"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
)

// Whatever another program does to a document, the change shows it exactly as it
// was before and as it is after.
func TestAfterIsWhatIsStored(t *testing.T) {
	t.Parallel()
	_, feed, on := fresh(t)
	before := bson.Raw(nil)
	id := bson.D{{Key: "_id", Value: "a"}}
	check := func(what any) {
		t.Helper()
		after, err := on.FindOne(t.Context(), id).Raw()
		must(t, err)
		if bytes.Equal(before, after) {
			return // it changed nothing, and so it is no change
		}
		change, err := feed.Next(t.Context())
		must(t, err)
		// SecantusDB tells new fields in another order than it stores them in.
		same := len(change.After) == len(after) && len(store.Diff(change.After, after)) == 0
		if !same || !bytes.Equal(change.Before, before) {
			t.Fatalf("%v\nbefore %s\n   got %s\nafter  %s\n   got %s", what, before, change.Before, after, change.After)
		}
		if want := store.Diff(before, after); before != nil && !slices.Equal(change.Fields, want) {
			t.Fatalf("%v: fields are %v, want %v", what, change.Fields, want)
		}
		before = after
	}
	_, err := on.InsertOne(t.Context(), append(id, bson.E{Key: "list", Value: bson.A{1, 2, bson.D{{Key: "x", Value: 1}}, bson.A{1, 2}}},
		bson.E{Key: "sub", Value: bson.D{{Key: "a", Value: 1}, {Key: "0", Value: "zero"}}}, bson.E{Key: "n", Value: 1}))
	must(t, err)
	check("insert")
	paths := []string{"n", "m", "sub", "sub.a", "sub.b.c", "sub.0", "new.deep.er", "list.0", "list.2.x", "list.3.1", "list.6", "list", "other.1"}
	values := []any{1, "text", nil, bson.A{}, bson.A{1, bson.D{{Key: "x", Value: bson.A{1}}}, 3}, bson.D{}, bson.D{{Key: "k", Value: 1}, {Key: "1", Value: 2}}, 2.5}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 400 {
		path, value := paths[random.IntN(len(paths))], values[random.IntN(len(values))]
		var update any
		switch random.IntN(8) {
		case 0:
			update = bson.D{{Key: "$unset", Value: bson.D{{Key: path, Value: ""}}}}
		case 1:
			update = bson.D{{Key: "$push", Value: bson.D{{Key: "list", Value: bson.D{{Key: "$each", Value: bson.A{n, n}}, {Key: "$slice", Value: -4}}}}}}
		case 2:
			update = bson.D{{Key: "$pull", Value: bson.D{{Key: "list", Value: 1}}}}
		case 3:
			update = bson.A{bson.D{{Key: "$set", Value: bson.D{{Key: "computed", Value: bson.D{{Key: "$concat", Value: bson.A{"n", fmt.Sprint(n)}}}}}}}, bson.D{{Key: "$unset", Value: "m"}}}
		case 4:
			update = bson.D{{Key: "$push", Value: bson.D{{Key: "list", Value: bson.D{{Key: "$each", Value: bson.A{n}}, {Key: "$slice", Value: 2}}}}}}
		case 5:
			if n%5 == 0 {
				_, err := on.ReplaceOne(t.Context(), id, bson.D{{Key: "n", Value: n}, {Key: "list", Value: bson.A{n, n, n}}, {Key: "sub", Value: bson.D{{Key: "a", Value: n}}}})
				must(t, err)
				check("replace")
			}
			continue
		default:
			other := paths[random.IntN(len(paths))]
			set := bson.D{{Key: path, Value: value}}
			if !strings.HasPrefix(path, other) && !strings.HasPrefix(other, path) {
				set = append(set, bson.E{Key: other, Value: n})
			}
			update = bson.D{{Key: "$set", Value: set}}
		}
		if _, err := on.UpdateOne(t.Context(), id, update); err != nil {
			continue // a path through a value, or a list that is none by now
		}
		check(update)
	}
}

// Without pre-images changes still come, from what updates say of themselves,
// and the log says once what is lost and how to mend it.
func TestWithoutImages(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	db := server.Client(t).Database("plain")
	must(t, db.CreateCollection(t.Context(), "people"))
	server.FailCommand(t, secantus.FailPoint{Commands: []string{"collMod"}, AppName: "gatehouse", Code: 13})
	var log text
	s := openAt(t, server.URI(), "plain", func(o *mongo.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	people := store.Collection{Name: "people", Secret: []string{"password"}}
	for range 3 {
		must(t, s.Declare(t.Context(), people))
	}
	if said := log.String(); strings.Count(said, "pre-images are off") != 1 || !strings.Contains(said, `collMod: \"people\"`) {
		t.Errorf("the log says:\n%s", said)
	}
	feed, err := s.Watch(t.Context(), store.Start{}, "people")
	must(t, err)
	defer feed.Close()
	on, id := db.Collection("people"), bson.D{{Key: "_id", Value: "a"}}
	set := func(field string, value any) bson.E {
		return bson.E{Key: "$set", Value: bson.D{{Key: field, Value: value}}}
	}
	update := func(update ...bson.E) func() error {
		return func() error {
			_, err := on.UpdateOne(t.Context(), id, bson.D(update))
			return err
		}
	}
	for i, step := range []struct {
		write  func() error
		op     store.Op
		fields []string
		name   string
	}{
		{func() error {
			_, err := on.InsertOne(t.Context(), bson.D{id[0], {Key: "name", Value: "Ann"}, {Key: "password", Value: "hush-hush"}, {Key: "list", Value: bson.A{1, 2}}, {Key: "sub", Value: bson.D{{Key: "x", Value: 1}}}})
			return err
		}, store.OpInsert, nil, "Ann"},
		{update(bson.E{Key: "$set", Value: bson.D{{Key: "sub.x", Value: 2}, {Key: "list.1", Value: 5}}}), store.OpUpdate, []string{"list", "sub.x"}, "Ann"},
		{update(set("password", "hush-hush-hush"), bson.E{Key: "$unset", Value: bson.D{{Key: "sub", Value: ""}}}), store.OpUpdate, []string{"password", "sub"}, "Ann"},
		{func() error {
			_, err := on.ReplaceOne(t.Context(), id, bson.D{{Key: "name", Value: "Bob"}})
			return err
		}, store.OpUpdate, nil, "Bob"},
		{func() error {
			_, err := on.DeleteOne(t.Context(), id)
			return err
		}, store.OpDelete, nil, ""},
	} {
		must(t, step.write())
		// Each is taken before the next is written: what an update does not
		// name is read from the document as it is when the change arrives, and
		// so is whether list.1 names a place in an array.
		change, err := feed.Next(t.Context())
		must(t, err)
		name, _ := change.After.Lookup("name").StringValueOK()
		if change.Op != step.op || !slices.Equal(change.Fields, step.fields) || change.Before != nil || name != step.name || change.ID.StringValue() != "a" {
			t.Errorf("change %d: %+v", i, change)
		}
		if strings.Contains(string(change.After), "hush") {
			t.Errorf("change %d tells a secret: %s", i, change.After)
		}
	}
	server.ClearFailPoint(t)
	findings := s.Examine(t.Context())
	at := slices.IndexFunc(findings, func(f store.Finding) bool { return f.Subject == "images" })
	if at < 0 || findings[at].Verdict != store.Warning || !strings.Contains(findings[at].Remedy, "collMod") {
		t.Errorf("%+v", findings)
	}
}

// Many writes in one transaction of another program are many changes, together
// and in order.
func TestForeignTransaction(t *testing.T) {
	t.Parallel()
	s, feed, on := fresh(t)
	client := on.Database().Client()
	const size = 1000
	session, err := client.StartSession()
	must(t, err)
	defer session.EndSession(t.Context())
	_, err = session.WithTransaction(t.Context(), func(ctx context.Context) (any, error) {
		docs := make([]any, size)
		for n := range docs {
			docs[n] = bson.D{{Key: "_id", Value: n}}
		}
		return on.InsertMany(ctx, docs)
	})
	must(t, err)
	var changes []store.Change
	for n := range size {
		change, err := feed.Next(t.Context())
		must(t, err)
		if change.ID.AsInt64() != int64(n) {
			t.Fatalf("at %d: %s", n, change.ID)
		}
		changes = append(changes, change)
	}
	for _, n := range []int{0, 1, 500, size - 2} { // resuming within it
		for _, inclusive := range []bool{false, true} {
			again, err := s.Watch(t.Context(), store.Start{After: changes[n].Position, Inclusive: inclusive}, "c")
			must(t, err)
			want := n + 1
			if inclusive {
				want = n
			}
			if change, err := again.Next(t.Context()); err != nil || change.Position != changes[want].Position {
				t.Errorf("behind %d: got %s, %v", n, change.ID, err)
			}
			must(t, again.Close())
		}
	}
}

// A document near the largest that there can be is a change like any other.
func TestLargeDocuments(t *testing.T) {
	t.Parallel()
	_, feed, on := fresh(t)
	large := strings.Repeat("x", 16<<20-2000)
	_, err := on.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}, {Key: "text", Value: large}})
	must(t, err)
	_, err = on.UpdateOne(t.Context(), bson.D{{Key: "_id", Value: 1}}, bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: 2}}}})
	must(t, err)
	_, err = on.DeleteOne(t.Context(), bson.D{{Key: "_id", Value: 1}})
	must(t, err)
	for _, op := range []store.Op{store.OpInsert, store.OpUpdate, store.OpDelete} {
		change, err := feed.Next(t.Context())
		must(t, err)
		doc := change.After
		if op == store.OpDelete {
			doc = change.Before
		}
		if change.Op != op || len(doc.Lookup("text").StringValue()) != len(large) {
			t.Errorf("got %s of %d bytes", change.Op, len(doc))
		}
	}
}

// A slow reader holds up the server's stream, not the memory of this process,
// and gets everything all the same.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	_, feed, on := fresh(t)
	padding := strings.Repeat("x", 1<<20)
	const changes = 30
	for n := range changes {
		_, err := on.InsertOne(t.Context(), bson.D{{Key: "_id", Value: n}, {Key: "text", Value: padding}})
		must(t, err)
	}
	for n := range changes {
		change, err := feed.Next(t.Context())
		if err != nil || change.ID.AsInt64() != int64(n) {
			t.Fatalf("at %d: %s, %v", n, change.ID, err)
		}
	}
}

// An index of another program that stands in the way is told, not fatal.
func TestForeignIndex(t *testing.T) {
	t.Parallel()
	uri, database := secantus.Shared(t), secantus.Database(t)
	on := secantus.Connect(t, uri).Database(database).Collection("d")
	_, err := on.Indexes().CreateOne(t.Context(), driver.IndexModel{Keys: bson.D{{Key: "u", Value: 1}}})
	must(t, err)
	s := openAt(t, uri, database)
	must(t, s.Declare(t.Context(), store.Collection{Name: "d", Indexes: []store.Index{{Fields: []string{"u"}}}}))
	must(t, s.Apply(t.Context(), store.Insert("d", bson.D{{Key: "u", Value: 1}})))
	if docs, err := s.Find(t.Context(), "d", store.Query{Where: bson.D{{Key: "u", Value: 1}}}); err != nil || len(docs) != 1 {
		t.Errorf("got %v, %v", docs, err)
	}
}

// text collects what is logged.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// What the server refuses for good is a mistake, not an outage that could be
// waited for: a rule that names a view, for instance.
func TestRefusedDeclaration(t *testing.T) {
	t.Parallel()
	server := secantus.Start(t, secantus.Options{})
	s := openAt(t, server.URI(), "refused")
	for code, waited := range map[int]bool{166: false, 91: true} {
		server.FailCommand(t, secantus.FailPoint{Commands: []string{"createIndexes"}, AppName: "gatehouse", Code: code})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := s.Declare(ctx, store.Collection{Name: "v", Indexes: []store.Index{{Fields: []string{"x"}}}})
		cancel()
		if err == nil || errors.Is(err, store.ErrUnavailable) != waited || !waited && !strings.Contains(err.Error(), "indexes of v") {
			t.Errorf("code %d: %v", code, err)
		}
	}
	server.ClearFailPoint(t)
}
