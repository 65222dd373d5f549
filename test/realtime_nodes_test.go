package test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Resources over several nodes, and written by other programs.

// The document of a live configuration is found by the names that lead to it.
const gameID = "testOrg/testProj/game"

func TestRealtimeOverNodes(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	nodes := threeNodes(t, d, cheap(nil))
	p := playersOf(t, nodes[0])
	var watchers []*watcher
	for _, n := range nodes {
		w := p.george.at(t, n).watches()
		w.subscribes("liveConfig", "game")
		w.warned("liveConfig", "game")
		watchers = append(watchers, w)
	}
	previous := ""
	tell := func(data, version string) {
		t.Helper()
		for i, w := range watchers {
			if v := w.tells("George", "liveConfig", "game", data); version != "" && v != version || v <= previous {
				t.Errorf("node %d tells version %s, want %q, behind %s", i, v, version, previous)
			} else if version == "" {
				version = v
			}
		}
		previous = version
	}

	// Whichever node is written at; a deletion too; and made again.
	for i, n := range nodes {
		program := p.program.at(t, n)
		tell(`{"at":`+strconv.Itoa(i)+`}`, program.publishes(game, `{"at":`+strconv.Itoa(i)+`}`))
		tell(`null`, between(t, program.in(200, "DELETE", game, "").body, `"version":"`, `"`))
	}
	tell(`{}`, p.program.publishes(game, `{}`))

	// A clock that is ahead, of whoever wrote last, holds nobody up.
	other := d.program(t)
	ahead := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	other.update("liveconfig", gameID, setTo("version", ahead))
	tell(`{}`, ahead.Format("2006-01-02T15:04:05.000Z"))
	for i, n := range nodes {
		want := ahead.Add(time.Duration(i+1) * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
		if v := p.program.at(t, n).publishes(game, `{"ahead":`+strconv.Itoa(i)+`}`); v != want {
			t.Errorf("version %s, want %s", v, want)
		}
		tell(`{"ahead":`+strconv.Itoa(i)+`}`, want)
	}
	tell(`null`, between(t, p.program.in(200, "DELETE", game, "").body, `"version":"`, `"`))
	tell(`{"again":1}`, p.program.at(t, nodes[1]).publishes(game, `{"again":1}`))

	// Another program, which knows nothing of versions: each of its changes is told, at each node with one version.
	for i := range 3 {
		other.update("liveconfig", gameID, setTo("data", bson.M{"n": i}))
	}
	for i := range 3 {
		tell(fmt.Sprintf(`{"n":%d}`, i), "")
	}
	other.update("liveconfig", gameID, setTo("data.n", 7))
	tell(`{"n":7}`, "")
	other.update("liveconfig", gameID, setTo("note", "nobody is told of this"))
	other.replace("liveconfig", gameID, bson.M{"data": bson.M{"n": 8}})
	tell(`{"n":8}`, "")
	// The version that was told is written down, so that an editor can name it.
	told := previous
	eventually(t, "the version to be written down", func() bool {
		return between(t, p.program.at(t, nodes[2]).in(200, "GET", game, "").body, `"version":"`, `"`) == told
	})
	p.program.in(412, "PUT", game, `{"data":{},"ifVersion":"2026-01-01T00:00:00.000Z"}`)
	got := p.program.in(200, "PUT", game, `{"data":{"n":9},"ifVersion":"`+told+`"}`)
	tell(`{"n":9}`, between(t, got.body, `"version":"`, `"`))
	other.remove("liveconfig", gameID)
	tell(`null`, "")
	other.insert("liveconfig", bson.M{"_id": gameID, "data": bson.M{"n": 10}})
	tell(`{"n":10}`, "")
	other.replace("liveconfig", gameID, bson.M{"data": nil})
	tell(`null`, "")
	other.replace("liveconfig", gameID, bson.M{"data": "anything"})
	tell(`"anything"`, "")
	other.together(func(ctx context.Context) error {
		for i := range 3 {
			if _, err := other.db.Collection("liveconfig").UpdateByID(ctx, gameID, setTo("data", i)); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range 3 {
		tell(strconv.Itoa(i), "")
	}
	// What is no resource of anybody, or names none, holds nothing up.
	other.insert("kvstore", bson.M{"_id": bson.NewObjectID(), "data": 1}, bson.M{"_id": "x", "version": "y", "data": 1})
	tell(`{"end":1}`, p.program.publishes(game, `{"end":1}`))
	for _, w := range watchers {
		w.quiet()
	}

	t.Run("race", func(t *testing.T) {
		p := players{p.srv, p.admin.at(t, nodes[0]), p.program.at(t, nodes[0]), p.george.at(t, nodes[0]), p.martha}
		contest(t, []string{"a", "b", "c", "d"}, "liveConfig", 24, 12, 4,
			contestants(p.program, p.program.at(t, nodes[1]), p.program.at(t, nodes[2])),
			func(i int) *watcher { return p.george.at(t, nodes[i%3]).watches() })
	})
}

// A driver that writes without versions, while others subscribe, is told of completely.
func TestRealtimeRaceOfAnotherProgram(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	d := deploymentApart(t)
	srv := d.node(t, cheap(nil))
	p := playersOf(t, srv)
	other := d.program(t)
	other.insert("liveconfig", bson.M{"_id": gameID, "data": -1})
	const writes = 60
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range writes {
			other.update("liveconfig", gameID, setTo("data", i))
		}
	}()
	for i := range 6 {
		w := p.george.watches()
		w.subscribes("liveConfig", "game")
		var versions, data []string
		for len(data) == 0 || data[len(data)-1] != strconv.Itoa(writes-1) {
			e := w.told()
			versions, data = append(versions, e.Version), append(data, string(e.Data))
		}
		if !slices.IsSorted(versions) || len(slices.Compact(slices.Clone(versions))) != len(versions) {
			t.Errorf("watcher %d was told the versions %v", i, versions)
		}
		// The first may be told twice: as it was read, with no version yet, and as it was changed.
		first, err := strconv.Atoi(data[0])
		if err != nil {
			t.Fatal(err)
		}
		for n, got := range slices.Compact(data) {
			if got != strconv.Itoa(first+n) {
				t.Fatalf("watcher %d was told %v", i, data)
			}
		}
	}
	<-done
}
