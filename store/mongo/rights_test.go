package mongo_test

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"gatehouse/store"
	"gatehouse/store/mongo"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The role of docs/mongodb.md is enough for everything, and each part of it is
// missed.
func TestRights(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/mongodb.md")
	must(t, err)
	var role struct {
		Role       string `json:"role"`
		Privileges []struct {
			Resource map[string]string `json:"resource"`
			Actions  []string          `json:"actions"`
		} `json:"privileges"`
	}
	block := regexp.MustCompile(`(?s)createRole\((.*?)\)\n`).FindSubmatch(page)
	if block == nil {
		t.Fatal("the page has no role")
	}
	must(t, json.Unmarshal(block[1], &role))

	server := secantus.Start(t, secantus.Options{Auth: true})
	admin := server.Client(t).Database("admin")
	// user makes a user that may do what the role says, without one action.
	user := func(name, without string) string {
		t.Helper()
		var privileges bson.A
		for _, p := range role.Privileges {
			var actions bson.A
			for _, a := range p.Actions {
				if a != without {
					actions = append(actions, a)
				}
			}
			privileges = append(privileges, bson.D{{Key: "resource", Value: p.Resource}, {Key: "actions", Value: actions}})
		}
		must(t, admin.RunCommand(t.Context(), bson.D{{Key: "createRole", Value: name}, {Key: "roles", Value: bson.A{}}, {Key: "privileges", Value: privileges}}).Err())
		must(t, admin.RunCommand(t.Context(), bson.D{{Key: "createUser", Value: name}, {Key: "pwd", Value: "secret-" + name}, {Key: "roles", Value: bson.A{name}}}).Err())
		return server.URIAs(name, "secret-"+name)
	}
	people := store.Collection{Name: "people", Secret: []string{"password"}, Expiry: "end", Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}}}

	s := openAt(t, user("all", ""), "gatehouse")
	must(t, s.Declare(t.Context(), people))
	feed, err := s.Watch(t.Context(), store.Start{}, "people")
	must(t, err)
	defer feed.Close()
	must(t, s.Apply(t.Context(), store.Insert("people", bson.D{{Key: "_id", Value: 1}}), store.Insert("echoes", bson.D{})))
	must(t, s.Apply(t.Context(), store.Put("people", 1, bson.D{{Key: "name", Value: "Ann"}})))
	if _, err := s.Take(t.Context(), "people", 1); err != nil {
		t.Error(err)
	}
	if _, err := s.Sequence(t.Context(), "n"); err != nil {
		t.Error(err)
	}
	for range 3 {
		_, err := feed.Next(t.Context())
		must(t, err)
	}
	for _, f := range s.Examine(t.Context()) {
		if f.Verdict == store.Bad || f.Subject == "oplog" && strings.Contains(f.Text, "cannot") {
			t.Errorf("with the role of the page: %+v", f)
		}
	}

	for _, action := range []string{"createCollection", "createIndex", "insert", "find"} {
		s, err := mongo.Open(mongo.Options{URI: user("no-"+action, action), Database: "gatehouse-" + strings.ToLower(action)})
		must(t, err)
		err = s.Declare(t.Context(), people)
		if !errors.Is(err, mongo.ErrDeployment) || !strings.Contains(err.Error(), "lacks a right") || strings.Contains(err.Error(), "secret-") {
			t.Errorf("without %s: %v", action, err)
		}
		must(t, s.Close())
	}
}

// What can not be used says so at once, with what to do.
func TestUnusableDeployments(t *testing.T) {
	t.Parallel()
	locked := secantus.Start(t, secantus.Options{Auth: true})
	for name, test := range map[string]struct{ uri, want string }{
		"a standalone server":                  {secantus.Start(t, secantus.Options{Standalone: true}).URI(), "rs.initiate()"},
		"another name of the replica set":      {"mongodb://" + secantus.Start(t, secantus.Options{}).Host() + "/?replicaSet=rs0", "write replicaSet=secantus"},
		"a wrong password":                     {locked.URIAs(secantus.AdminUser, "not-the-password"), "credentials"},
		"a user that does not exist":           {locked.URIAs("nobody-at-all", "not-the-password"), "credentials"},
		"no user where one is asked for":       {"mongodb://" + locked.Host() + "/?replicaSet=secantus", "names none"},
		"a standalone server, and a set's URI": {"mongodb://" + secantus.Start(t, secantus.Options{Standalone: true}).Host() + "/?replicaSet=rs0", "rs.initiate()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := mongo.Open(mongo.Options{URI: test.uri, Database: "gatehouse"})
			must(t, err)
			err = s.Declare(t.Context(), store.Collection{Name: "c"})
			if !errors.Is(err, mongo.ErrDeployment) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "not-the-password") {
				t.Errorf("got %v", err)
			}
			must(t, s.Close())
		})
	}
}
