package mongo

import (
	"testing"
	"time"

	"gatehouse/store"
)

func TestOplogIsJudged(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		w      window
		outage time.Duration
		want   store.Verdict
	}{
		{window{2 * day, true}, day, store.Good},
		{window{day, true}, day, store.Good},
		{window{time.Hour, true}, day, store.Bad},
		{window{time.Hour, false}, day, store.Warning},
		{window{time.Hour, true}, 0, store.Good},
	} {
		f := test.w.judge(test.outage)
		if f.Verdict != test.want || (f.Remedy == "") != (test.want == store.Good) {
			t.Errorf("%+v and an outage of %v: %+v", test.w, test.outage, f)
		}
	}
}

func TestTopologyIsJudged(t *testing.T) {
	three := []string{"a:1", "b:1", "c:1"}
	for name, test := range map[string]struct {
		h    hello
		want store.Verdict
	}{
		"three members":         {hello{SetName: "rs0", Hosts: three, Primary: "a:1"}, store.Good},
		"one member":            {hello{SetName: "rs0", Hosts: three[:1]}, store.Warning},
		"two and an arbiter":    {hello{SetName: "rs0", Hosts: three[:2], Arbiters: three[2:]}, store.Warning},
		"two that vote and one": {hello{SetName: "rs0", Hosts: three[:2], Passives: three[2:]}, store.Good},
		"a sharded cluster":     {hello{Message: "isdbgrid"}, store.Good},
	} {
		if f := topologyOf(test.h); f.Verdict != test.want {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
