package events_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"gatehouse/events"
	"gatehouse/store"
	"gatehouse/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openStore(t *testing.T, path string, history int) *embedded.Store {
	t.Helper()
	st, err := embedded.Open(path, embedded.Options{History: embedded.History{Events: history}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	cs := append(events.Collections(), store.Collection{Name: events.Users}, store.Collection{Name: events.Sessions},
		store.Collection{Name: events.Files}, store.Collection{Name: events.Buckets}, store.Collection{Name: events.Characters})
	if err := st.Declare(t.Context(), cs...); err != nil {
		t.Fatal(err)
	}
	return st
}

// startLog runs a log that keeps so many events in memory.
func startLog(t *testing.T, st store.Store, history int) *events.Log {
	t.Helper()
	rules, err := events.NewRules()
	if err != nil {
		t.Fatal(err)
	}
	l := events.NewLog(events.Options{
		Store: st, Rules: rules, History: history, Logger: slog.New(slog.DiscardHandler),
		Frame: func(p []byte) []byte { return append([]byte("frame:"), p...) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	eventually(t, func() bool { return l.Ready(t.Context()) == nil })
	return l
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	end, again := time.After(15*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-end:
			t.Fatal("did not come to pass")
		}
	}
}

func echo(t *testing.T, st store.Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := events.Announce(t.Context(), st, events.NewEcho(fmt.Append(nil, i), nil)); err != nil {
			t.Error(err)
			return
		}
	}
}

// read takes n entries.
func read(t *testing.T, r *events.Reader, n int) []*events.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var all []*events.Entry
	for len(all) < n {
		es, err := r.Next(ctx, 7)
		if err != nil {
			t.Fatalf("after %d entries: %v", len(all), err)
		}
		all = append(all, es...)
	}
	return all
}

func open(t *testing.T, l *events.Log, since string) *events.Reader {
	t.Helper()
	r, err := l.Open(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// isEcho fails unless the entry is the echo of i.
func isEcho(t *testing.T, e *events.Entry, i int) {
	t.Helper()
	if !strings.HasSuffix(string(e.JSON), fmt.Sprintf(`"message":%d}`, i)) || string(e.Frame) != "frame:"+string(e.JSON) {
		t.Fatalf("%s, want the echo of %d", e.JSON, i)
	}
}

func TestEveryIDLeadsToExactlyTheRest(t *testing.T) {
	const n, memory = 200, 40
	st := openStore(t, filepath.Join(t.TempDir(), "db"), 1_000_000)
	l := startLog(t, st, memory)
	start := l.Here()
	r := open(t, l, "")
	echo(t, st, 0, n)
	all := read(t, r, n)
	for i, e := range all {
		isEcho(t, e, i)
	}
	// From every place, most of them beyond memory, while more is written.
	var wg sync.WaitGroup
	wg.Go(func() { echo(t, st, n, n+100) })
	for i := -1; i < n; i++ {
		since := start
		if i >= 0 {
			since = all[i].ID
		}
		r := open(t, l, since)
		got := read(t, r, n-1-i+50)
		for j, e := range got {
			isEcho(t, e, i+1+j)
		}
		r.Close()
	}
	wg.Wait()
}

func TestIDsOutliveTheLogAndTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	st := openStore(t, path, 1_000_000)
	l := startLog(t, st, 1000)
	r := open(t, l, "")
	echo(t, st, 0, 20)
	before := read(t, r, 20)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int{5, 1000} { // in the store, and in the memory that was filled from it
		st := openStore(t, path, 1_000_000)
		l := startLog(t, st, memory)
		after := read(t, open(t, l, before[3].ID), 16)
		for i, e := range after {
			if e.ID != before[4+i].ID || string(e.JSON) != string(before[4+i].JSON) {
				t.Fatalf("%s was %s", e.JSON, before[4+i].JSON)
			}
		}
		newest, here := l.Newest(events.Filter{}, 3, 1<<20)
		if len(newest) != 3 || newest[2].ID != before[19].ID {
			t.Fatalf("newest: %d", len(newest))
		}
		if es, err := open(t, l, here).Take(t.Context(), 10); err != nil || len(es) != 0 {
			t.Fatalf("behind the newest: %d, %v", len(es), err)
		}
		_ = st.Close()
	}
}

func TestResumeInsideAChangeOfSeveralEvents(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "db"), 1_000_000)
	l := startLog(t, st, 4)
	r := open(t, l, "")
	apply := func(w store.Write) {
		t.Helper()
		if err := st.Apply(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	apply(store.Insert(events.Users, bson.D{{Key: "_id", Value: "u"}, {Key: "username", Value: "George"}, {Key: "registerKey", Value: "k"}}))
	apply(store.Update(events.Users, "u", bson.D{
		{Key: "registerKey", Value: ""},
		{Key: "privileges", Value: 2},
		{Key: "lastLoggedIn", Value: time.UnixMilli(1)},
		{Key: "meta", Value: bson.D{{Key: "a", Value: 1}}},
	}))
	apply(store.Delete(events.Users, "u"))
	all := read(t, r, 6)
	var types []events.Type
	for _, e := range all {
		types = append(types, e.Type)
	}
	if fmt.Sprint(types) != "[11 1 3 12 13 4]" {
		t.Fatalf("types %v", types)
	}
	echo(t, st, 0, 10) // out of memory with them
	for i, e := range all {
		rest := read(t, open(t, l, e.ID), 5-i)
		for j, e := range rest[:5-i] {
			if e.ID != all[i+1+j].ID {
				t.Fatalf("behind event %d came %s", i, e.JSON)
			}
		}
	}
}

func TestUnknownPlacesAreLostHistory(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "db"), 20)
	l := startLog(t, st, 5)
	r := open(t, l, "")
	echo(t, st, 0, 1)
	first := read(t, r, 1)[0].ID
	other := openStore(t, filepath.Join(t.TempDir(), "other"), 20)
	foreign := startLog(t, other, 5).Here()
	for name, since := range map[string]string{"no id": "hello", "of another store": foreign} {
		if _, err := l.Open(t.Context(), since); !errors.Is(err, events.ErrHistoryLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Written until the store forgets the first.
	for i := 1; ; i += 50 {
		echo(t, st, i, i+50)
		r, err := l.Open(t.Context(), first)
		if errors.Is(err, events.ErrHistoryLost) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		if i > 100_000 {
			t.Fatal("the store never forgets")
		}
	}
	if _, err := open(t, l, l.Oldest(t.Context())).Take(t.Context(), 10); err != nil {
		t.Fatalf("from the oldest: %v", err)
	}
}

func TestTheLogWaitsForItsSlowestFollower(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "db"), 1_000_000)
	l := startLog(t, st, 10)
	f := l.Follow()
	defer f.Close()
	echo(t, st, 0, 600)
	got := 0
	eventually(t, func() bool {
		es := f.Next()
		for _, e := range es {
			isEcho(t, e, got)
			got++
		}
		return got == 600
	})
}

func TestReadyEndsWithTheStore(t *testing.T) {
	st := openStore(t, filepath.Join(t.TempDir(), "db"), 100)
	l := startLog(t, st, 10)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := l.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	_ = st.Close()
	eventually(t, func() bool { return l.Ready(t.Context()) != nil })
}
