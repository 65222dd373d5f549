package test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Another program may drop, rename and make again what a node watches, while writers go on. What it does later is
// announced, once, and as well as before as soon as the server has prepared the new collection.

func TestMongoDroppedCollections(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	p := d.program(t)
	undergo(t, d, p, map[string]func(){
		"dropped": func() {
			p.run(bson.D{{Key: "drop", Value: "users"}})
			p.run(bson.D{{Key: "drop", Value: "orders"}})
		},
		"renamed": func() { p.rename("users", "former") },
		"put in place of another": func() {
			p.run(bson.D{{Key: "create", Value: "prepared"}})
			p.rename("prepared", "users")
		},
		"dropped with all it stands on": func() {
			for _, name := range []string{"announcements", "canaries", "keys", "gatehouse.store"} {
				p.run(bson.D{{Key: "drop", Value: name}})
			}
			p.run(bson.D{{Key: "drop", Value: "users"}})
		},
	})
}

func TestMongoDroppedDatabase(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	p := d.program(t)
	drop := func() { p.run(bson.D{{Key: "dropDatabase", Value: 1}}) }
	undergo(t, d, p, map[string]func(){"dropped": drop, "dropped again": drop})
}

// rename gives a collection another name, and drops what had it.
func (p *program) rename(from, to string) {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	p.must("rename", p.db.Client().Database("admin").RunCommand(ctx, bson.D{
		{Key: "renameCollection", Value: p.db.Name() + "." + from}, {Key: "to", Value: p.db.Name() + "." + to}, {Key: "dropTarget", Value: true},
	}).Err())
}

// undergo does one after the other to a deployment under load, and looks at a user's life after each.
func undergo(t *testing.T, d deployment, p *program, what map[string]func()) {
	t.Helper()
	srv := d.node(t, settings{"events.rules": []any{orderInserted}})
	all, users := witnessOf(t, srv, "?events=10,1000"), witnessOf(t, srv, "?events=4,11,12")
	l := begin(t, p, srv)
	all.more(10)
	first := all.heard[0]

	for name, happens := range what {
		happens()
		p.insert("users", george()) // whose collection is new, and not prepared yet
		expect(t, name, users, `{"eventType":11,"username":"george"}`)
		p.update("users", "u1", set(bson.E{Key: "meta.colour", Value: "red"}))
		expect(t, name, users, `{"eventType":12,"fields":["meta.colour"],"username":"george"}`)
		eventually(t, "the pre-images to be on again, "+name, func() bool { return p.keepsImages("users") })
		p.replace("users", "u1", append(george(), bson.E{Key: "city", Value: "Cork"}))
		expect(t, name, users, `{"eventType":12,"fields":["city","meta.colour"],"username":"george"}`)
		p.remove("users", "u1")
		expect(t, name, users, `{"eventType":4,"username":"george"}`)
		l.goesOn(t)
	}
	l.stop()
	end := l.mark()
	all.until(end)
	l.check(all.heard)
	if refused := l.count(echoRefused, echoInDoubt); refused > 0 {
		t.Errorf("%d echoes were refused", refused)
	}
	late := witnessOf(t, srv, "?events=10,1000&since="+first.ID) // an id of before all this
	late.until(end)
	if len(late.heard) != len(all.heard)-1 || late.heard[0].raw != all.heard[1].raw {
		t.Errorf("who comes back hears %d events, want %d", len(late.heard), len(all.heard)-1)
	}
	for _, w := range []*witness{all, users, late} {
		w.alive()
		if len(w.lost) > 0 {
			t.Errorf("%s was told that history was lost: %s", w.name, w.lost[0].raw)
		}
	}
}

// expect has the next event of a witness be this one.
func expect(t *testing.T, when string, w *witness, want string) {
	t.Helper()
	if got := withoutPlace(t, w.next()); got != want {
		t.Errorf("%s: want %s\ngot  %s", when, want, got)
	}
}
