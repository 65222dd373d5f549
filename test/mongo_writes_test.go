package test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// What other programs write is announced like what the server writes itself: the right types, with the right names,
// once, the same on every node, and never with a secret.

// Values that no frame may hold.
const (
	secretHash    = "$2a$10$secretsecretsecretsecretse"
	secretKey     = "registerkeyregisterkey"
	secretAddress = "george@example.org"
)

// george is a user as the original server keeps one.
func george() bson.D {
	return bson.D{
		{Key: "_id", Value: "u1"},
		{Key: "username", Value: "george"},
		{Key: "email", Value: secretAddress},
		{Key: "password", Value: secretHash},
		{Key: "registerKey", Value: secretKey},
		{Key: "createdOn", Value: int64(1700000000000)},
		{Key: "lastLoggedIn", Value: int64(1700000000000)},
		{Key: "privileges", Value: 3},
		{Key: "meta", Value: bson.D{}},
	}
}

func set(fields ...bson.E) bson.D { return bson.D{{Key: "$set", Value: bson.D(fields)}} }

// step is something that another program does, and the events that it causes, without their ids and times.
type step struct {
	do     func()
	events []string
}

// play does the steps, and has every witness hear the events of each, and none besides.
func play(t *testing.T, steps []step, witnesses ...*witness) {
	t.Helper()
	for _, s := range steps {
		s.do()
		for _, want := range s.events {
			first := witnesses[0].next()
			if got := withoutPlace(t, first); got != want {
				t.Errorf("want %s\ngot  %s", want, got)
			}
			for _, w := range witnesses[1:] {
				if got := w.next(); got.raw != first.raw {
					t.Errorf("%s got %s\n%s got %s", witnesses[0].name, first.raw, w.name, got.raw)
				}
			}
		}
	}
	sent := witnesses[0].ask(echo(`"the end"`)) // nothing more came before it
	for _, w := range witnesses {
		if w != witnesses[0] {
			sent = w.next()
		}
		if string(sent.Message) != `"the end"` {
			t.Errorf("%s got an event too many: %s", w.name, sent.raw)
		}
		for _, f := range w.heard {
			for _, secret := range []string{secretHash, secretKey, secretAddress} {
				if strings.Contains(f.raw, secret) {
					t.Errorf("an event tells %s: %s", secret, f.raw)
				}
			}
		}
	}
}

// withoutPlace is an event without its id and time, its properties in the order of the alphabet.
func withoutPlace(t *testing.T, f frame) string {
	t.Helper()
	fields := f.fields(t)
	if f.ID == "" || f.Time == "" {
		t.Errorf("an event without id or time: %s", f.raw)
	}
	delete(fields, "id")
	delete(fields, "time")
	rest, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(rest)
}

func TestMongoOtherPrograms(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	rules := settings{"events.rules": []any{map[string]any{
		"number": 1001, "name": "shop-order", "collection": "shop.orders", "operation": "any",
		"properties": map[string]string{"total": "total"}, "username": "customer.login",
	}}}
	a, b := d.node(t, rules), d.node(t, rules)
	p := d.program(t)

	steps := []step{
		{func() { p.insert("users", george()) }, []string{`{"eventType":11,"username":"george"}`}},
	}
	steps = append(steps, lifeOfGeorge(p)...)
	steps = append(steps, filesAndBuckets(p)...)
	steps = append(steps, []step{
		{func() { p.insert("sessions", bson.D{{Key: "_id", Value: "s1"}, {Key: "username", Value: "anna"}}) }, nil},
		{func() { p.remove("sessions", "s1") }, []string{`{"eventType":2,"username":"anna"}`}},
		{func() {
			p.insert("shop.orders", bson.D{{Key: "_id", Value: 1}, {Key: "total", Value: 5}, {Key: "customer", Value: bson.D{{Key: "login", Value: "anna"}}}})
		}, []string{`{"eventType":1001,"total":5,"username":"anna"}`}},
		{func() { p.update("shop.orders", 1, set(bson.E{Key: "total", Value: 7})) }, []string{`{"eventType":1001,"total":7,"username":"anna"}`}},
		{func() { p.remove("shop.orders", 1) }, []string{`{"eventType":1001,"total":7,"username":"anna"}`}},
		{func() { p.insert("nobody-watches", bson.D{{Key: "_id", Value: 1}}) }, nil},
		{func() { inOneTransaction(p) }, []string{
			`{"eventType":11,"username":"anna"}`, `{"eventType":12,"fields":["meta.colour"],"username":"anna"}`,
			`{"eventType":5,"file":{"_id":"f2","user":"anna"},"username":"anna"}`,
			`{"eventType":1001,"total":9,"username":"anna"}`, `{"eventType":4,"username":"anna"}`,
		}},
	}...)
	play(t, steps, witnessOf(t, a, ""), witnessOf(t, a, ""), witnessOf(t, b, ""))
}

// lifeOfGeorge is what becomes of a user who is there.
func lifeOfGeorge(p *program) []step {
	update := func(change bson.D) func() { return func() { p.update("users", "u1", change) } }
	replaced := append(george(), bson.E{Key: "city", Value: "Cork"})
	replaced[3].Value = secretHash + "x" // the password too
	return []step{
		{update(set(bson.E{Key: "lastLoggedIn", Value: int64(1700000001000)})), []string{`{"eventType":1,"username":"george"}`}},
		{update(set(bson.E{Key: "lastLoggedIn", Value: int64(1600000000000)})), nil}, // no login goes back in time
		{update(set(bson.E{Key: "registerKey", Value: ""})), []string{`{"eventType":3,"username":"george"}`}},
		{update(set(bson.E{Key: "registerKey", Value: secretKey})), nil},
		{update(bson.D{{Key: "$unset", Value: bson.D{{Key: "registerKey", Value: ""}}}}), []string{`{"eventType":3,"username":"george"}`}},
		{update(set(bson.E{Key: "privileges", Value: 2})), []string{`{"eventType":13,"privileges":2,"username":"george"}`}},
		{update(set(bson.E{Key: "meta.colour", Value: "red"})), []string{`{"eventType":12,"fields":["meta.colour"],"username":"george"}`}},
		{update(set(bson.E{Key: "meta", Value: bson.D{{Key: "size", Value: 4}}})), []string{`{"eventType":12,"fields":["meta.colour","meta.size"],"username":"george"}`}},
		{update(set(bson.E{Key: "email", Value: "new." + secretAddress})), []string{`{"eventType":12,"fields":["email"],"username":"george"}`}},
		{update(set(bson.E{Key: "password", Value: secretHash + "y"}, bson.E{Key: "passwordTag", Value: secretKey})), nil},
		{update(bson.D{
			{Key: "$set", Value: bson.D{
				{Key: "lastLoggedIn", Value: bson.NewDateTimeFromTime(time.Now())}, {Key: "privileges", Value: 3}, {Key: "password", Value: secretHash},
			}},
			{Key: "$unset", Value: bson.D{{Key: "meta.size", Value: ""}}},
		}), []string{
			`{"eventType":1,"username":"george"}`, `{"eventType":12,"fields":["meta.size"],"username":"george"}`,
			`{"eventType":13,"privileges":3,"username":"george"}`,
		}},
		{func() { p.replace("users", "u1", replaced) }, []string{`{"eventType":12,"fields":["city","email"],"username":"george"}`}},
		{func() { p.remove("users", "u1") }, []string{`{"eventType":4,"username":"george"}`}},
	}
}

func filesAndBuckets(p *program) []step {
	file := bson.D{{Key: "_id", Value: "f1"}, {Key: "user", Value: "george"}, {Key: "name", Value: "a.txt"}}
	bucket := bson.D{{Key: "_id", Value: "b1"}, {Key: "user", Value: "george"}}
	return []step{
		{func() { p.insert("files", file) }, []string{`{"eventType":5,"file":{"_id":"f1","user":"george","name":"a.txt"},"username":"george"}`}},
		{func() { p.update("files", "f1", set(bson.E{Key: "name", Value: "b.txt"})) }, nil},
		{func() { p.remove("files", "f1") }, []string{`{"eventType":6,"file":{"_id":"f1","user":"george","name":"b.txt"},"username":"george"}`}},
		{func() { p.insert("buckets", bucket) }, []string{`{"bucket":{"_id":"b1","user":"george"},"eventType":7,"username":"george"}`}},
		{func() { p.remove("buckets", "b1") }, []string{`{"bucket":{"_id":"b1","user":"george"},"eventType":8,"username":"george"}`}},
	}
}

func inOneTransaction(p *program) {
	anna := george()
	anna[0].Value, anna[1].Value = "u2", "anna"
	p.together(func(ctx context.Context) error {
		_, err := p.db.Collection("users").InsertOne(ctx, anna)
		if err == nil {
			_, err = p.db.Collection("users").UpdateByID(ctx, "u2", set(bson.E{Key: "meta.colour", Value: "blue"}))
		}
		if err == nil {
			_, err = p.db.Collection("files").InsertOne(ctx, bson.D{{Key: "_id", Value: "f2"}, {Key: "user", Value: "anna"}})
		}
		if err == nil {
			_, err = p.db.Collection("shop.orders").InsertOne(ctx, bson.D{{Key: "total", Value: 9}, {Key: "customer", Value: bson.D{{Key: "login", Value: "anna"}}}})
		}
		if err == nil {
			_, err = p.db.Collection("users").DeleteOne(ctx, bson.D{{Key: "_id", Value: "u2"}})
		}
		return err
	})
}

// A database of the original server, with its documents, without versions and without pre-images, is attached as it
// is.
func TestMongoExistingDatabase(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	p := d.program(t)
	p.insert("users", george())
	p.insert("files", bson.D{{Key: "_id", Value: "f0"}, {Key: "user", Value: "george"}, {Key: "size", Value: 1}})

	srv := d.node(t, nil)
	for _, collection := range []string{"users", "files"} {
		if !p.keepsImages(collection) {
			t.Errorf("the pre-images of %s are off", collection)
		}
	}
	steps := append(lifeOfGeorge(p), step{
		func() { p.remove("files", "f0") }, []string{`{"eventType":6,"file":{"_id":"f0","user":"george","size":1},"username":"george"}`},
	})
	play(t, steps, witnessOf(t, srv, ""))
	if log := srv.log.String(); strings.Contains(log, "WARN") || strings.Contains(log, "ERROR") {
		t.Errorf("the log complains:\n%s", log)
	}
}
