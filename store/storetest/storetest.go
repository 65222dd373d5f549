package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// patience is how long a case waits for what must happen. MongoDB looks for
// expired documents once a minute.
const patience = 3 * time.Minute

// A case is one promise, tried on a store of its own.
type testCase struct {
	name string
	run  func(f *fixture)
}

// Run tries every promise of the contract. Open returns a store for one case,
// and may skip or fail the test; the suite closes it. Two stores that are
// opened in one test may or may not share their documents.
//
// Without lists cases that the server under a store is known not to pass, by
// name, with the reason.
func Run(t *testing.T, open func(t *testing.T) store.Store, without map[string]string) {
	for _, cases := range [][]testCase{
		documentCases, idCases, invalidCases, conditionCases, batchCases, uniqueCases,
		onceCases, findCases, kindCases, changeCases, watchCases, orderCases, endCases,
	} {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				if why := without[c.name]; why != "" {
					t.Skip(why)
				}
				s := open(t)
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				t.Cleanup(cancel)
				c.run(&fixture{T: t, Store: s, ctx: ctx})
			})
		}
	}
}

// fixture is a store under test with calls that fail the case by themselves.
// They must be made in the case's own goroutine.
type fixture struct {
	*testing.T
	store.Store
	ctx context.Context // ends when the case's patience does
}

// declare declares the collection under a name that is its alone.
func (f *fixture) declare(c store.Collection) string {
	f.Helper()
	c.Name = "t" + bson.NewObjectID().Hex()
	if err := f.Declare(f.ctx, c); err != nil {
		f.Fatalf("Declare: %v", err)
	}
	return c.Name
}

// plain declares a collection without anything special.
func (f *fixture) plain() string {
	f.Helper()
	return f.declare(store.Collection{})
}

func (f *fixture) apply(writes ...store.Write) {
	f.Helper()
	if err := f.Apply(f.ctx, writes...); err != nil {
		f.Fatalf("Apply: %v", err)
	}
}

// refused applies writes that must be refused with this error at this index.
func (f *fixture) refused(index int, want error, writes ...store.Write) {
	f.Helper()
	err := f.Apply(f.ctx, writes...)
	if !errors.Is(err, want) {
		f.Fatalf("Apply: got %v, want %v", err, want)
	}
	var refusal *store.WriteError
	if !errors.As(err, &refusal) || refusal.Index != index {
		f.Fatalf("Apply: got %#v, want a *store.WriteError of write %d", err, index)
	}
}

// isDuplicate checks that the error names this collection and these fields.
func (f *fixture) isDuplicate(err error, collection string, fields ...string) {
	f.Helper()
	var duplicate *store.DuplicateError
	if !errors.Is(err, store.ErrDuplicate) || !errors.As(err, &duplicate) ||
		duplicate.Collection != collection || !slices.Equal(duplicate.Fields, fields) {
		f.Errorf("got %v, want a *store.DuplicateError of %v in %s", err, fields, collection)
	}
}

func (f *fixture) get(collection string, id any) bson.Raw {
	f.Helper()
	doc, err := f.Get(f.ctx, collection, id)
	if err != nil {
		f.Fatalf("Get %v: %v", id, err)
	}
	return doc
}

func (f *fixture) absent(collection string, id any) {
	f.Helper()
	if doc, err := f.Get(f.ctx, collection, id); !errors.Is(err, store.ErrNotFound) {
		f.Fatalf("Get %v: got %v, %v, want ErrNotFound", id, doc, err)
	}
}

// find returns the documents' values of a text field, "_id" mostly.
func (f *fixture) find(collection, field string, q store.Query) string {
	f.Helper()
	docs, err := f.Find(f.ctx, collection, q)
	if err != nil {
		f.Fatalf("Find %+v: %v", q, err)
	}
	values := make([]string, len(docs))
	for i, doc := range docs {
		values[i] = doc.Lookup(field).StringValue()
	}
	return strings.Join(values, " ")
}

func (f *fixture) watch(start store.Start, collections ...string) store.Feed {
	f.Helper()
	feed, err := f.Watch(f.ctx, start, collections...)
	if err != nil {
		f.Fatalf("Watch: %v", err)
	}
	f.Cleanup(func() { _ = feed.Close() })
	return feed
}

func (f *fixture) next(feed store.Feed) store.Change {
	f.Helper()
	c, err := feed.Next(f.ctx)
	if err != nil {
		f.Fatalf("Next: %v", err)
	}
	if feed.Position() != c.Position {
		f.Fatalf("Position is not that of the change shown last")
	}
	return c
}

func (f *fixture) changes(feed store.Feed, n int) []store.Change {
	f.Helper()
	changes := make([]store.Change, n)
	for i := range changes {
		changes[i] = f.next(feed)
	}
	return changes
}

// idle checks that the feed shows nothing more: whatever else it might have
// shown would have come before what is written now.
func (f *fixture) idle(feed store.Feed, collection string) {
	f.Helper()
	mark := "mark-" + bson.NewObjectID().Hex()
	f.apply(store.Insert(collection, bson.D{{Key: "_id", Value: mark}}))
	if c := f.next(feed); idOf(c) != mark {
		f.Fatalf("the feed shows %s of %s, want nothing more", c.Op, c.ID)
	}
}

// equal compares a change with what another feed showed at its place.
func (f *fixture) equal(got, want store.Change) {
	f.Helper()
	if got.Collection != want.Collection || got.Op != want.Op || !got.ID.Equal(want.ID) ||
		string(got.After) != string(want.After) || string(got.Before) != string(want.Before) ||
		!slices.Equal(got.Fields, want.Fields) || got.Position != want.Position || !got.Time.Equal(want.Time) {
		f.Fatalf("two feeds differ:\n%+v\n%+v", got, want)
	}
}

func idOf(c store.Change) string {
	id, _ := c.ID.StringValueOK()
	return id
}

func versionOf(doc bson.Raw) int64 { return doc.Lookup(store.VersionField).AsInt64() }

func doc(id string, fields ...bson.E) bson.D {
	return append(bson.D{{Key: "_id", Value: id}}, fields...)
}

func field(name string, value any) bson.E { return bson.E{Key: name, Value: value} }

// together calls run n times at once, with 0 to n-1, and returns the errors.
func together(n int, run func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = run(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}
