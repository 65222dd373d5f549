package test

import (
	"fmt"
	"net/http"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The socket, who reads and who writes may each be at another node.
func TestUpdatesOverNodes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	nodes := threeNodes(t, d, cheap(nil))
	g := gamersOf(t, nodes[0])
	other := d.program(t)

	for a, at := range nodes {
		for b, reading := range nodes {
			for c, writing := range nodes {
				if a == b || a == c && b != 0 || b == c && a != 0 {
					continue // other tests do this, or another one of these
				}
				name := fmt.Sprintf("Selena %d%d%d", a, b, c)
				p := at.plugin(t, transports[(a+b+c)%len(transports)])
				twin := at.plugin(t, byWebSocket)
				bystander := reading.plugin(t, byWebSocket)
				for _, token := range []string{p.token, p.token, twin.token} {
					reading.nobody(t).readsFor(token, 404, "omega", name)
				}
				writer := g.holder.at(t, writing)
				writer.creates("Omega", name, "George")
				p.hears([2]string{"Omega", name})
				twin.hears([2]string{"Omega", name})
				writer.puts("Omega", name, "age", "1")
				for _, one := range []*plugin{p, twin, bystander} {
					one.quiet(writer)
				}

				// The owner's session is one at every node.
				reading.nobody(t).readsFor(p.token, 200, "omega", name)
				g.george.at(t, writing).asks(200, "PATCH", characterAt("omega", name), object(t, "world", "Alpha"))
				p.hears([2]string{"Omega", name})
				reading.nobody(t).readsFor(p.token, 200, "alpha", name)
				doc := other.found("characters", "name", name)
				other.update("characters", doc["_id"], setTo("profile.age", "2"))
				p.hears([2]string{"Alpha", name})
				p.quiet(writer)
			}
		}
	}
	t.Run("who reads and who writes at once", func(t *testing.T) {
		racing{gamers: g, reader: nodes[1].nobody(t), writer: g.holder.at(t, nodes[2])}.rounds(t, nodes[0], 3, 8)
	})

	// A node that goes takes its own sockets along, and no others.
	stays, goes := nodes[0].plugin(t, byWebSocket), nodes[1].plugin(t, byWebSocket)
	nodes[2].nobody(t).readsFor(stays.token, 404, "Omega", "Last")
	nodes[2].nobody(t).readsFor(goes.token, 404, "Omega", "Last")
	nodes[1].kill(t)
	goes.ended()
	g.holder.at(t, nodes[2]).creates("Omega", "Last", "")
	stays.hears([2]string{"Omega", "Last"})
	stays.quiet(g.holder)
	back := nodes[0].pluginWith(t, byPolling, http.Header{})
	back.quiet(g.holder)
}

// found is a document as it is.
func (p *program) found(collection, field string, value any) bson.M {
	p.t.Helper()
	ctx, cancel := p.patient()
	defer cancel()
	var d bson.M
	p.must("find", p.db.Collection(collection).FindOne(ctx, bson.D{{Key: field, Value: value}}).Decode(&d))
	return d
}
