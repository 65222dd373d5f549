package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
)

// canaries is the collection of the documents that show that what is written
// comes back.
const canaries = "canaries"

// canaryAge is for how long one canary vouches for the way.
const canaryAge = time.Second

// canary writes documents and waits for them in the feed, one at a time however
// many ask.
type canary struct {
	mu      sync.Mutex
	seenAt  time.Time
	waiting map[bson.ObjectID]chan struct{}
	turn    chan struct{} // held by the one who writes
}

func newCanary() *canary {
	return &canary{waiting: map[bson.ObjectID]chan struct{}{}, turn: make(chan struct{}, 1)}
}

// seen is told of each canary in the feed, other nodes' too.
func (c *canary) seen(change store.Change) {
	id, ok := change.ID.ObjectIDOK()
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if done := c.waiting[id]; done != nil {
		delete(c.waiting, id)
		c.seenAt = time.Now()
		close(done)
	}
}

func (c *canary) fresh() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.seenAt) < canaryAge
}

// sing writes a canary.
func (l *Log) sing(ctx context.Context, id bson.ObjectID) error {
	return l.store.Apply(ctx, store.Insert(canaries, bson.D{{Key: "_id", Value: id}}))
}

// nudgeEvery is how often a canary is written, at most, for those who wait for
// something to happen.
const nudgeEvery = 500 * time.Millisecond

// nudge asks for a canary. Two feeds of a store that began at different places
// have none in common until something happens; a canary passes both.
func (l *Log) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default:
	}
}

// answerNudges writes canaries for those who ask, until ctx ends.
func (l *Log) answerNudges(ctx context.Context) {
	for {
		select {
		case <-l.nudged:
		case <-ctx.Done():
			return
		}
		writing, cancel := context.WithTimeout(ctx, announceTimeout)
		_ = l.sing(writing, bson.NewObjectID()) // who still waits asks again
		cancel()
		select {
		case <-time.After(nudgeEvery):
		case <-ctx.Done():
			return
		}
	}
}

// ErrFeed says that the feed is not open.
var ErrFeed = errors.New("the feed of the store is not open")

// Ready reports whether events flow: the feed is open, and a document that was
// written now, or within the last second, came back through it.
func (l *Log) Ready(ctx context.Context) error {
	if !l.open.Load() {
		return ErrFeed
	}
	c := l.canary
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.fresh() {
		return nil
	}
	id, done := bson.NewObjectID(), make(chan struct{})
	c.mu.Lock()
	c.waiting[id] = done
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	if err := l.sing(ctx, id); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("what was written to the store did not come back through its feed in time")
	}
}
