package events

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"gatehouse/store"
)

// stretch is how many changes are taken together where more than one waits.
const stretch = 256

// errRules: the feed is opened anew because the rules have changed.
var errRules = errors.New("the rules have changed")

// Run feeds the log from the store until ctx ends. It begins with what memory
// has room for of the past, so that who returns after a restart of the server is
// served like after a moment's absence. Whatever goes wrong with the store is
// waited for, and told to the logger.
func (l *Log) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, l.letGo)()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, 10*time.Second
	for {
		err := l.follow(ctx, wait.Reset)
		l.open.Store(false)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errRules):
			continue
		case errors.Is(err, store.ErrClosed):
			return fmt.Errorf("the feed has ended: %w", err)
		case errors.Is(err, store.ErrHistoryLost):
			err = l.skip(ctx)
		}
		if err == nil {
			continue
		}
		d := wait.NextBackOff()
		l.logger.Warn("the feed of the store is lost; trying again", "error", err, "in", d.Round(time.Millisecond).String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(d):
		}
	}
}

// letGo ends a wait for room.
func (l *Log) letGo() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.room.Broadcast()
}

// skip goes on from now where the store no longer reaches back, and tells
// everybody.
func (l *Log) skip(ctx context.Context) error {
	l.mu.Lock()
	from := ""
	if l.current != "" {
		from = l.here()
	}
	l.mu.Unlock()
	feed, err := l.store.Watch(ctx, store.Start{}, l.watched()...)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	l.logger.Error("events were lost: the store's history does not reach back to the last one that was seen")
	l.gap(from, feed.Position())
	return nil
}

// watched are the collections that the feed shows.
func (l *Log) watched() []string {
	return append([]string{canaries}, l.Rules().Collections()...)
}

// begin is where the feed is opened: behind the last change that was seen, or at
// the start as far back as memory has room for.
func (l *Log) begin(ctx context.Context) (store.Start, error) {
	l.mu.Lock()
	at := l.current
	l.mu.Unlock()
	if at != "" {
		return store.Start{After: at}, nil
	}
	at, err := l.store.Oldest(ctx, l.maxEntries)
	return store.Start{After: at}, err
}

// follow opens the feed and reads it until it fails.
func (l *Log) follow(ctx context.Context, opened func()) error {
	start, err := l.begin(ctx)
	if err != nil {
		return err
	}
	feed, err := l.store.Watch(ctx, start, l.watched()...)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	opened()
	l.add(nil, feed.Position())
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() { // ends with reading
		select {
		case <-l.reopen:
			stop(errRules)
		case <-reading.Done():
		}
	}()
	for first := true; ; {
		cs, err := gather(reading, feed, first)
		for _, c := range cs {
			if c.Collection == canaries {
				l.canary.seen(c)
			}
		}
		if len(cs) > 0 {
			l.add(cs, feed.Position())
		}
		if errors.Is(context.Cause(reading), errRules) {
			return errRules
		}
		if err != nil {
			return err
		}
		if first && len(cs) < stretch {
			first = false // the past is read
			l.open.Store(true)
		}
	}
}

// gather takes the changes that are there. Where there is none it waits for one,
// unless the past is still being read.
func gather(ctx context.Context, feed store.Feed, past bool) ([]store.Change, error) {
	var cs []store.Change
	for len(cs) < stretch {
		c, ok, err := feed.TryNext(ctx)
		if err != nil {
			return cs, err
		}
		if ok {
			cs = append(cs, c)
			continue
		}
		if len(cs) > 0 || past {
			return cs, nil
		}
		if c, err = feed.Next(ctx); err != nil {
			return cs, err
		}
		cs = append(cs, c)
	}
	return cs, nil
}
