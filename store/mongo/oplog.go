package mongo

import (
	"context"
	"fmt"
	"time"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// oplogEvery is how often a running node looks at the oplog.
const oplogEvery = 10 * time.Minute

// window is how far the oplog of the primary reaches back.
type window struct {
	reach time.Duration
	full  bool // it is at its size, so that it will not reach back further
}

// oplogWindow asks the server. It needs the right to read the database local.
func (s *Store) oplogWindow(ctx context.Context) (window, error) {
	log := s.client.Database("local").Collection("oplog.rs")
	edge := func(natural int) (at bson.Timestamp, err error) {
		doc, err := log.FindOne(ctx, bson.D{}, options.FindOne().SetSort(bson.D{{Key: "$natural", Value: natural}}).
			SetProjection(bson.D{{Key: "ts", Value: 1}})).Raw()
		if err == nil {
			at.T, at.I, _ = doc.Lookup("ts").TimestampOK()
		}
		return at, err
	}
	first, err := edge(1)
	if err != nil {
		return window{}, err
	}
	last, err := edge(-1)
	if err != nil {
		return window{}, err
	}
	w := window{reach: time.Duration(last.T-first.T) * time.Second}
	var stats struct {
		Size    float64 `bson:"size"`
		MaxSize float64 `bson:"maxSize"`
	}
	err = s.client.Database("local").RunCommand(ctx, bson.D{{Key: "collStats", Value: "oplog.rs"}}).Decode(&stats)
	w.full = err == nil && stats.MaxSize > 0 && stats.Size >= 0.9*stats.MaxSize
	return w, nil
}

// oplog says whether the oplog reaches back as far as it must.
func (s *Store) oplog(ctx context.Context) store.Finding {
	w, err := s.oplogWindow(ctx)
	if err != nil {
		return store.Finding{
			Subject: "oplog", Verdict: store.Warning,
			Text:   "how far it reaches back cannot be found out: " + s.words(err),
			Remedy: "grant find on the collection oplog.rs of the database local; of a sharded cluster, ask each shard",
		}
	}
	return w.judge(s.o.Outage)
}

// judge compares the window with the longest outage that must lose nothing.
func (w window) judge(outage time.Duration) store.Finding {
	f := store.Finding{Subject: "oplog", Verdict: store.Good}
	resize := fmt.Sprintf("in mongosh, on each member: db.adminCommand({replSetResizeOplog: 1, minRetentionHours: Double(%.4g)})", outage.Hours())
	switch {
	case w.reach >= outage:
		f.Text = fmt.Sprintf("it reaches back %v", w.reach)
	case w.full:
		f.Verdict = store.Bad
		f.Text = fmt.Sprintf("it reaches back %v; after a longer outage events are lost, and mongodb.outageHours says that an outage of %v must lose none", w.reach, outage)
		f.Remedy = resize
	default:
		f.Verdict = store.Warning
		f.Text = fmt.Sprintf("it reaches back %v, less than the %v of mongodb.outageHours, but is not full yet", w.reach, outage)
		f.Remedy = "look again later, or make sure: " + resize
	}
	return f
}

var _ store.Reacher = (*Store)(nil)

// Reach implements store.Reacher: it is the oplog's window, as it was some
// minutes ago at most.
func (s *Store) Reach() (time.Duration, bool) {
	w := s.seen.Load()
	if w == nil {
		return 0, false
	}
	return w.reach, true
}

// watchOplog keeps an eye on the oplog, and warns, once each time it becomes so,
// where it is too short.
func (s *Store) watchOplog(ctx context.Context) {
	for warned := false; ; {
		asking, cancel := s.bounded(ctx)
		w, err := s.oplogWindow(asking)
		cancel()
		if err == nil {
			s.seen.Store(&w)
		}
		short := err == nil && w.judge(s.o.Outage).Verdict == store.Bad
		if short && !warned {
			s.o.Logger.Warn("the oplog is short: clients and servers that were away for longer lose events",
				"reaches back", w.reach.String(), "mongodb.outageHours", s.o.Outage.Hours(), "remedy", w.judge(s.o.Outage).Remedy)
		}
		warned = short
		t := time.NewTimer(oplogEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}
