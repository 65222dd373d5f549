package events_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/events"
	"gatehouse/store"
)

// lines is what a logger wrote.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// run runs a log until the test ends; what Run returns comes through the channel.
func run(t *testing.T, st store.Store, stopAtGap bool) (*events.Log, *lines, <-chan error) {
	t.Helper()
	rules, err := events.NewRules()
	if err != nil {
		t.Fatal(err)
	}
	var logged lines
	l := events.NewLog(events.Options{
		Store: st, Rules: rules, StopAtGap: stopAtGap, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		Frame: func(p []byte) []byte { return append([]byte("frame:"), p...) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		ended <- l.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return l, &logged, ended
}

// lose makes the store forget what it has yet to show and, after it has failed a
// few times, the echo of 99.
func (c *counted) lose(t *testing.T) {
	lost, failures := true, 3
	c.count(func() {
		c.next = func(store.Start) error {
			if lost {
				return store.ErrHistoryLost
			}
			return nil
		}
		c.watch = func(_ context.Context, start store.Start) (err error) {
			c.count(func() {
				switch {
				case !lost:
				case start.After != "":
					err = store.ErrHistoryLost
				case failures > 0:
					failures--
					err = errBroken
				default:
					lost = false
				}
			})
			if err == nil && start.After == "" {
				echo(t, c, 99, 100)
			}
			return err
		}
	})
}

func TestAGapIsToldOnceAndTheLogGoesOn(t *testing.T) {
	c := newCounted(t, 1_000_000)
	l, logged, _ := run(t, c, false)
	<-l.Begun()
	r := open(t, l, "")
	echo(t, c, 0, 1)
	last := read1(t, r)
	isEcho(t, last, 0)
	c.lose(t)
	echo(t, c, 1, 2)
	gap := read1(t, r)
	var told struct {
		EventType          events.Type
		Code, From, Oldest string
	}
	if err := json.Unmarshal(gap.JSON, &told); err != nil || told.EventType != events.Error || told.Code != "HISTORY_LOST" || told.From != last.ID {
		t.Fatalf("%s, %v", gap.JSON, err)
	}
	eventually(t, func() bool { return logged.count("open again") == 1 })
	echo(t, c, 2, 4)
	for i, e := range read(t, open(t, l, told.Oldest), 2) {
		isEcho(t, e, 2+i)
	}
	for i, e := range read(t, r, 2) {
		isEcho(t, e, 2+i)
	}
	// Who was away hears of it too.
	if e := read1(t, open(t, l, last.ID)); e != gap {
		t.Errorf("behind the last came %s", e.JSON)
	}
	if warned, gaps := logged.count("WARN"), logged.count("ERROR"); warned != 3 || gaps != 1 {
		t.Errorf("%d warnings, %d errors in the log", warned, gaps)
	}
	if c.closedTwice > 0 || c.get(&c.open) != 1 {
		t.Errorf("%d feeds are open, %d were closed twice", c.open, c.closedTwice)
	}
}

func TestAGapStopsTheLogThatIsToStop(t *testing.T) {
	c := newCounted(t, 1_000_000)
	l, _, ended := run(t, c, true)
	<-l.Begun()
	r := open(t, l, "")
	c.lose(t)
	echo(t, c, 0, 1)
	if err := <-ended; !errors.Is(err, events.ErrGap) {
		t.Fatal(err)
	}
	if e := read1(t, r); e.Type != events.Error {
		t.Errorf("told was %s", e.JSON)
	}
}

func TestALogThatCannotBeginHasLostNothing(t *testing.T) {
	c := newCounted(t, 1_000_000)
	tries := 0
	c.watch = func(context.Context, store.Start) (err error) {
		c.count(func() {
			if tries++; tries < 3 {
				err = store.ErrHistoryLost // trimmed since Oldest has told of it
			}
		})
		return err
	}
	l, logged, _ := run(t, c, true)
	<-l.Begun()
	if l.Head() != 0 || logged.count("WARN") != 2 || logged.count("ERROR") != 0 {
		t.Errorf("%d entries; logged: %s", l.Head(), logged.b.String())
	}
}

func TestTheOldestPlaceIsAskedForOnceByACrowd(t *testing.T) {
	c := newCounted(t, 1_000_000)
	l, _, _ := run(t, c, false)
	<-l.Begun()
	echo(t, c, 0, 3)
	var wg sync.WaitGroup
	ids := make([]string, 500)
	for i := range ids {
		wg.Go(func() { ids[i] = l.Oldest(t.Context()) })
	}
	begin := time.Now()
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatal("they differ")
		}
	}
	if n := c.get(&c.oldest); n != 1 && time.Since(begin) < time.Second {
		t.Errorf("asked %d times", n)
	}
	for i, e := range read(t, open(t, l, ids[0]), 3) {
		isEcho(t, e, i)
	}
}

func TestReadersOfThePastFollowAChangeOfTheRules(t *testing.T) {
	c := newCounted(t, 1_000_000)
	all, l := restarted(t, c, 600, 1000)
	r := open(t, l, all[0].ID)
	isEcho(t, read1(t, r), 1)
	rules, err := events.NewRules()
	if err != nil {
		t.Fatal(err)
	}
	before := c.get(&c.opened)
	l.SetRules(rules)
	for i, e := range read(t, r, 598) {
		isEcho(t, e, 2+i)
	}
	if c.get(&c.opened) == before {
		t.Error("the reader goes on by the old rules")
	}
}
