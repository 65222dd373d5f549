package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"gatehouse/store"
)

// stretch is how many changes are taken together where more than one waits.
const stretch = 256

// errRules: the feed is opened anew because the rules have changed.
var errRules = errors.New("the rules have changed")

// ErrGap is why Run has ended where it was to stop when events were lost.
var ErrGap = errors.New("events were lost: the store's history does not reach back to the last change that was seen")

// Run feeds the log from the store until ctx ends. It begins with what memory
// has room for of the past, as far as the store tells it cheaply, so that who
// returns after a restart of the server is served like after a moment's absence.
// Whatever goes wrong with the store is waited for, and told to the logger; but
// that events were lost ends it where [Options] say so.
func (l *Log) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, l.letGo)()
	var nudges sync.WaitGroup
	defer nudges.Wait()
	nudging, stop := context.WithCancel(ctx)
	defer stop()
	nudges.Go(func() { l.answerNudges(nudging) })

	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 50*time.Millisecond, 10*time.Second
	lost := false
	opened := func() {
		if wait.Reset(); lost {
			lost = false
			l.logger.Info("the feed of the store is open again")
		}
	}
	for {
		err := l.follow(ctx, opened)
		l.open.Store(false)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errRules):
			continue
		case errors.Is(err, store.ErrClosed):
			return fmt.Errorf("the feed has ended: %w", err)
		case errors.Is(err, store.ErrHistoryLost) && l.position() != "":
			err = l.skip(ctx)
		}
		lost = true
		d := wait.NextBackOff()
		switch {
		case !errors.Is(err, ErrGap):
			l.logger.Warn("the feed of the store is lost; trying again", "error", err, "in", d.Round(time.Millisecond).String())
		case l.stopAtGap:
			return err
		}
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

// position is where the log has come to in the feed; empty before it was opened.
func (l *Log) position() store.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// skip makes the log go on from now where the store no longer reaches back, and
// tells everybody. It returns an [ErrGap], or why it could not.
func (l *Log) skip(ctx context.Context) error {
	feed, err := l.store.Watch(ctx, store.Start{}, watched(l.Rules())...)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
	from, to := l.gap(feed.Position())
	l.logger.Error("events were lost: the store's history does not reach back to the last change that was seen", "from", from, "to", to)
	return fmt.Errorf("%w; they came behind the id %s and before %s", ErrGap, from, to)
}

// watched are the collections that the feed shows.
func watched(r *Rules) []string { return append([]string{canaries}, r.Collections()...) }

// begin is where the feed is opened: behind the last change that was seen, or at
// the start as far back as memory has room for.
func (l *Log) begin(ctx context.Context) (store.Start, error) {
	if at := l.position(); at != "" {
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
	feed, err := l.store.Watch(ctx, start, watched(l.Rules())...)
	if err != nil {
		return err
	}
	defer func() { _ = feed.Close() }()
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
	for first, steady := true, false; ; {
		wait := time.Duration(0)
		if !steady {
			wait = steadyAfter
		}
		cs, err := gather(reading, feed, first, wait)
		for _, c := range cs {
			if c.Collection == canaries {
				l.canary.seen(c)
			}
		}
		if len(cs) > 0 {
			l.add(cs, feed.Position())
		}
		if errors.Is(context.Cause(reading), errRules) {
			l.add(nil, feed.Position()) // it may have moved on while nothing happened
			return errRules
		}
		if err != nil {
			return err
		}
		if !steady && (len(cs) > 0 || !first) {
			steady = true
			opened() // not before it has shown that it works
		}
		if first && len(cs) < stretch {
			first = false // the past is read
			l.open.Store(true)
			l.beginOnce.Do(func() { close(l.begun) })
		}
	}
}

// steadyAfter is how long a feed must last, where nothing happens in it, to count
// as one that works.
const steadyAfter = 2 * time.Second

// gather takes the changes that are there. Where there is none it waits for one,
// at most so long if that is not 0, unless the past is still being read.
func gather(ctx context.Context, feed store.Feed, past bool, most time.Duration) ([]store.Change, error) {
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
		if c, err = next(ctx, feed, most); err != nil {
			if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				return nil, nil // nothing happened
			}
			return cs, err
		}
		cs = append(cs, c)
	}
	return cs, nil
}

func next(ctx context.Context, feed store.Feed, most time.Duration) (store.Change, error) {
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	return feed.Next(ctx)
}
