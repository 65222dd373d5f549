package test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/crypto/bcrypt"
)

// Another program writes users as the original server does, whose database this one may be: its documents mean what
// they mean there.

// original is a user's document as the original server writes it.
func original(t *testing.T, name, hash string, more ...bson.E) bson.D {
	t.Helper()
	d := bson.D{
		{Key: "_id", Value: bson.NewObjectID()},
		{Key: "username", Value: name},
		{Key: "email", Value: addressOf(name)},
		{Key: "password", Value: hash},
		{Key: "registerKey", Value: ""},
		{Key: "createdOn", Value: 1700000000000.0}, // a number of JavaScript
		{Key: "lastLoggedIn", Value: nil},
		{Key: "privileges", Value: 3.0},
		{Key: "meta", Value: bson.D{}},
	}
	for _, e := range more {
		set := false
		for i := range d {
			if d[i].Key == e.Key {
				d[i], set = e, true
			}
		}
		if !set {
			d = append(d, e)
		}
	}
	return d
}

// hashed is a bcrypt hash of the password, of another cost than that of these tests' servers.
func hashed(t *testing.T, variant, password string) string {
	t.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(password), 5)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(b), "$2a$", variant, 1)
}

// stored is a user's document as it is.
func (p *program) stored(username string) bson.M {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	var d bson.M
	p.must("find", p.db.Collection("users").FindOne(ctx, bson.D{{Key: "username", Value: username}}).Decode(&d))
	return d
}

func (p *program) count(collection string) int {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	n, err := p.db.Collection(collection).CountDocuments(ctx, bson.D{})
	p.must("count", err)
	return int(n)
}

func TestForeignUsersLogIn(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	srv, p := d.node(t, cheap(nil)), d.program(t)
	c := srv.listen(t)

	for i, variant := range []string{"$2a$", "$2b$", "$2y$"} {
		name := fmt.Sprintf("George%d", i)
		hash := hashed(t, variant, passwordOf(name))
		p.insert("users", original(t, name, hash))
		c.hears(about("11", name))
		srv.nobody(t).refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", name, "password", "not-the-password"))

		george := srv.loggedIn(t, strings.ToLower(name), passwordOf(name))
		c.hears(about("1", name)) // and of no changed profile
		anew, _ := p.stored(name)["password"].(string)
		if anew == hash || !strings.HasPrefix(anew, "$2a$04$") {
			t.Errorf("the hash %s is %s after a login", hash, anew)
		}
		if when, ok := p.stored(name)["lastLoggedIn"].(int64); !ok || when < 1700000000000 {
			t.Errorf("lastLoggedIn is %v", p.stored(name)["lastLoggedIn"])
		}
		george.wants(200, `{"username":"`+name+`","email":"`+addressOf(name)+`","privileges":3,"activated":true,"createdOn":"2023-11-14T22:13:20.000Z","lastLoggedIn":"20…Z","meta":{}}`, "GET", "/users/"+name, "")
		srv.loggedIn(t, strings.ToUpper(addressOf(name)), passwordOf(name))
		c.hears(about("1", name))
		if again := p.stored(name)["password"]; again != anew {
			t.Errorf("a hash of the right cost was computed again")
		}
	}
	c.alive()
}

// The original's keys are ten characters, stored as they are.
func TestForeignUserActivates(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	srv, p := d.node(t, cheap(settings{"users.activation": "email"})), d.program(t)
	c := srv.listen(t)
	p.insert("users", original(t, "George", hashed(t, "$2a$", passwordOf("George")), bson.E{Key: "registerKey", Value: "a1B2c3D4e5"}))

	login := object(t, "username", "George", "password", passwordOf("George"))
	somebody := srv.nobody(t)
	somebody.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", login)
	for _, key := range []string{"", "a1B2c3D4e", "a1b2c3d4e5", "a1B2c3D4e5x"} {
		somebody.refusedWith(400, "INVALID_KEY", "GET", "/auth/activate-account?user=George&key="+key, "")
	}
	somebody.wants(200, `{"activated":true}`, "GET", "/auth/activate-account?user=george&key=a1B2c3D4e5", "")
	somebody.refusedWith(400, "INVALID_KEY", "GET", "/auth/activate-account?user=George&key=a1B2c3D4e5", "")
	somebody.wants(200, "…", "POST", "/auth/login", login)
	c.hears(about("11", "George"), about("3", "George"), about("1", "George"))

	// Neither does the hash of a key stand for the key, nor that of a password for the password.
	somebody.wants(202, "…", "POST", "/auth/George/request-password-reset", "")
	user, key := keyIn(t, srv.loggedLink(t, "reset", "George", 1))
	tag, _ := p.stored("George")["passwordTag"].(string)
	if tag == "" || strings.Contains(tag, key) {
		t.Errorf("the key is stored as %q", tag)
	}
	somebody.refusedWith(400, "INVALID_KEY", "PUT", "/auth/password-reset", object(t, "user", user, "key", tag, "password", "long enough"))
	hash, _ := p.stored("George")["password"].(string)
	somebody.refusedWith(401, "UNAUTHORIZED", "POST", "/auth/login", object(t, "username", "George", "password", hash))
	c.alive()
}

// What another program changes is told like what is changed here; what is secret is not told.
func TestForeignChangesAreEvents(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	srv, p := d.node(t, cheap(nil)), d.program(t)
	c := srv.listen(t)
	doc := original(t, "George", hashed(t, "$2a$", passwordOf("George")), bson.E{Key: "registerKey", Value: "a1B2c3D4e5"})
	id := doc[0].Value
	set := func(name string, value any) {
		p.update("users", id, bson.D{{Key: "$set", Value: bson.D{{Key: name, Value: value}}}})
	}

	p.insert("users", doc)
	set("sessionId", "a session of the original")
	set("registerKey", "f6G7h8I9j0") // another key
	set("passwordTag", "a1B2c3D4e5")
	set("password", hashed(t, "$2b$", "another password"))
	set("registerKey", "")
	set("lastLoggedIn", 1700000001000.0)
	set("lastLoggedIn", 1700000001000.0) // it is
	set("lastLoggedIn", 1700000002000.0)
	set("email", "g@mail.example")
	set("meta.color", "blue")
	set("meta", bson.D{{Key: "color", Value: "red"}, {Key: "n", Value: 1}})
	set("privileges", 2)
	p.update("users", id, bson.D{{Key: "$unset", Value: bson.D{{Key: "sessionId", Value: ""}, {Key: "passwordTag", Value: ""}}}})
	p.insert("sessions", bson.D{{Key: "_id", Value: "original"}, {Key: "session", Value: `{"cookie":{}}`}})
	p.remove("sessions", "original")
	p.remove("users", id)
	c.hears(about("11", "George"), about("3", "George"), about("1", "George"), about("1", "George"), updated(`"email"`, "George"), updated(`"meta.color"`, "George"),
		updated(`"meta.color","meta.n"`, "George"), event("13", `"eventType","privileges":2,"username":"George"`), about("4", "George"))
	c.alive()
}

// Names and addresses are unique for other programs too, without regard to case.
func TestForeignUsersAreUnique(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	srv, p := d.node(t, cheap(nil)), d.program(t)
	p.insert("users", original(t, "George", hashed(t, "$2a$", passwordOf("George"))))
	somebody := srv.nobody(t)
	somebody.refusedWith(409, "TAKEN", "POST", "/auth/register", object(t, "username", "GEORGE", "email", "x@mail.example", "password", "long enough"))
	somebody.refusedWith(409, "TAKEN", "POST", "/auth/register", object(t, "username", "Martha", "email", strings.ToUpper(addressOf("George")), "password", "long enough"))
	for field, value := range map[string]string{"username": "gEORGE", "email": strings.ToUpper(addressOf("George"))} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := p.db.Collection("users").InsertOne(ctx, original(t, "Martha", "x", bson.E{Key: field, Value: value}))
		if err == nil {
			t.Errorf("another program has made a second user with the %s %s", field, value)
		}
	}
	if n := p.count("users"); n != 1 {
		t.Errorf("%d users", n)
	}
}

// What a program left that the original never wrote neither lets anybody in nor stops the server.
func TestForeignUsersThatAreDamaged(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := shared(t)
	srv, p := d.node(t, cheap(nil)), d.program(t)
	admin := srv.admin(t)
	hash := hashed(t, "$2a$", "long enough")
	for i, e := range []bson.E{
		{Key: "password", Value: ""},
		{Key: "password", Value: nil},
		{Key: "password", Value: "long enough"},
		{Key: "password", Value: 7},
		{Key: "password", Value: "$2a$31$" + hash[7:]},
		{Key: "registerKey", Value: 7},
		{Key: "createdOn", Value: "yesterday"},
		{Key: "lastLoggedIn", Value: bson.A{}},
		{Key: "privileges", Value: "1"},
		{Key: "privileges", Value: -1},
		{Key: "meta", Value: nil},
		{Key: "meta", Value: bson.A{1}},
		{Key: "email", Value: 7},
	} {
		name := fmt.Sprintf("d%d", i)
		p.insert("users", original(t, name, hash, e))
		got := srv.nobody(t).do("POST", "/auth/login", object(t, "username", name, "password", "long enough"))
		if in := e.Key != "password" && e.Key != "registerKey"; got.status != 200 && in || got.status != 401 && !in {
			t.Errorf("a login where %s is %v: %d %s", e.Key, e.Value, got.status, got.body)
		}
		admin.wants(200, `{"username":"`+name+`",…"privileges":3,…"meta":{}}`, "GET", "/users/"+name, "")
		admin.wants(200, `{"value":1}`, "PUT", "/users/"+name+"/meta/p", `{"value":1}`)
		admin.wants(200, `{"p":1}`, "GET", "/users/"+name+"/meta", "")
	}
	if all, _ := admin.names("/users"); len(strings.Fields(all)) != 13 {
		t.Errorf("%q", all)
	}
}
