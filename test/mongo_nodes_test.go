package test

import (
	"fmt"
	"testing"
)

// Several nodes share a database: each tells the same events, with the same ids, in the same order.

func threeNodes(t *testing.T, d deployment, s settings) []*server {
	t.Helper()
	nodes := make([]*server, 3)
	for i := range nodes {
		nodes[i] = newServer(t, mongoStore(d.uri, d.database))
		nodes[i].configure(t, s)
		nodes[i].begin(t) // together, as they do after a loss of power
	}
	for _, n := range nodes {
		n.ready(t)
	}
	return nodes
}

func TestMongoNodes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	t.Run("agree", func(t *testing.T) { nodesAgree(t, d) })
	d.database += "b"
	t.Run("serve a client that moves", func(t *testing.T) { clientMovesBetweenNodes(t, d) })
}

func nodesAgree(t *testing.T, d deployment) {
	nodes := threeNodes(t, d, settings{"events.rules": []any{orderInserted}})
	var witnesses []*witness
	for _, n := range nodes {
		witnesses = append(witnesses, witnessOf(t, n, ""), witnessOf(t, n, ""))
	}

	// An echo that is sent at one node is heard at all.
	for i, n := range nodes {
		sent := connect(t, n.ws).ask(echo(fmt.Sprintf(`{"writer":-1,"n":%d}`, -i)))
		for _, w := range witnesses {
			if got := w.next(); got.raw != sent.raw {
				t.Fatalf("node %d sent %s, %s got %s", i, sent.raw, w.name, got.raw)
			}
		}
	}

	l := begin(t, d.program(t), nodes...)
	witnesses[0].more(250)
	l.stop()
	agree(t, l.mark(), witnesses...)
	l.check(witnesses[0].heard)
	if refused := l.count(echoRefused, echoInDoubt); refused > 0 {
		t.Errorf("%d echoes were refused", refused)
	}
}

// A client that goes from node to node with the last id it saw, while writers go on, misses nothing and sees nothing
// twice.
func clientMovesBetweenNodes(t *testing.T, d deployment) {
	// Little is kept in memory, so that history comes from the database as well.
	nodes := threeNodes(t, d, settings{"events.rules": []any{orderInserted}, "events.history": 50})
	stays := witnessOf(t, nodes[0], "")
	l := begin(t, d.program(t), nodes...)

	stays.more(1)
	heard := []frame{stays.heard[0]}
	for move := range 12 {
		last := heard[len(heard)-1].ID
		w := witnessOf(t, nodes[move%len(nodes)], "?since="+last)
		w.more(30)
		w.do(nodeCommand{Do: "close", Code: 1000})
		_, _, before := w.closed()
		heard = append(append(heard, w.heard...), before...)
		stays.more(len(w.heard)) // so that it is away for a while
	}
	l.stop()
	end := l.mark()
	w := witnessOf(t, nodes[0], "?since="+heard[len(heard)-1].ID)
	w.until(end)
	heard = append(heard, w.heard...)
	stays.until(end)

	for i := range min(len(heard), len(stays.heard)) {
		if heard[i].raw != stays.heard[i].raw {
			t.Fatalf("event %d of who moves: %s\nof who stays: %s", i, heard[i].raw, stays.heard[i].raw)
		}
	}
	if len(heard) != len(stays.heard) {
		t.Fatalf("%d events for who moves, %d for who stays", len(heard), len(stays.heard))
	}
	l.check(stays.heard)
	t.Logf("%d events over 13 connections", len(heard))
}
