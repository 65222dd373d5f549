package test

import (
	"strings"
	"testing"

	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Where pre-images are off and may not be switched on, events come all the same, from what a change says of itself.
// The log tells once what is lost and which command mends it.
func TestMongoWithoutPreImages(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{})
	d := on(s)
	p := d.program(t)
	p.insert("users", george()) // the collection is there, without pre-images
	s.FailCommand(t, secantus.FailPoint{Commands: []string{"collMod"}, AppName: "gatehouse", Code: 13})
	srv := d.node(t, nil)
	w := witnessOf(t, srv, "")

	anna := george()
	anna[0].Value, anna[1].Value = "u2", "anna"
	for i := range anna {
		if anna[i].Key == "email" {
			anna[i].Value = "anna@example.org"
		}
	}
	update := func(fields ...bson.E) func() { return func() { p.update("users", "u1", set(fields...)) } }
	play(t, []step{
		{func() { p.insert("users", anna) }, []string{`{"eventType":11,"username":"anna"}`}},
		{update(bson.E{Key: "meta.colour", Value: "red"}), []string{`{"eventType":12,"fields":["meta.colour"],"username":"george"}`}},
		{update(bson.E{Key: "lastLoggedIn", Value: int64(1700000001000)}), []string{`{"eventType":1,"username":"george"}`}},
		{update(bson.E{Key: "registerKey", Value: ""}), []string{`{"eventType":3,"username":"george"}`}},
		{update(bson.E{Key: "privileges", Value: 2}), []string{`{"eventType":13,"privileges":2,"username":"george"}`}},
		{update(bson.E{Key: "password", Value: secretHash + "x"}), nil},
		// The deletion does not say whose it was.
		{func() { p.remove("users", "u2") }, []string{`{"eventType":4,"username":""}`}},
		// The other collections were not there, and have them.
		{func() { p.insert("files", bson.D{{Key: "_id", Value: "f1"}, {Key: "user", Value: "anna"}}) }, []string{`{"eventType":5,"file":{"_id":"f1","user":"anna"},"username":"anna"}`}},
		{func() { p.remove("files", "f1") }, []string{`{"eventType":6,"file":{"_id":"f1","user":"anna"},"username":"anna"}`}},
	}, w)

	var warnings []string
	for line := range strings.Lines(srv.log.String()) {
		if strings.Contains(line, "WARN") {
			warnings = append(warnings, line)
		}
	}
	if len(warnings) != 1 {
		t.Fatalf("want one warning, got %d: %q", len(warnings), warnings)
	}
	for _, piece := range []string{"users", "collMod", "changeStreamPreAndPostImages: {enabled: true}"} {
		if !strings.Contains(warnings[0], piece) {
			t.Errorf("the warning does not say %s: %s", piece, warnings[0])
		}
	}
	s.ClearFailPoint(t)
}
