package mongo_test

import (
	"context"
	"fmt"
	"testing"

	"gatehouse/store"
	"gatehouse/test/secantus"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// BenchmarkFeed is how fast a feed shows what waits for it, beside the bare change
// stream that it is made of. GATEHOUSE_TEST_MONGODB_URI names another server.
//
//	go test -run - -bench Feed ./store/mongo
func BenchmarkFeed(b *testing.B) {
	uri, database := secantus.Shared(b), secantus.Database(b)
	s := openAt(b, uri, database)
	on := secantus.Connect(b, uri).Database(database).Collection("c")
	fill := func(b *testing.B) {
		b.Helper()
		for left := b.N; left > 0; left -= 1000 {
			docs := make([]any, min(left, 1000))
			for i := range docs {
				docs[i] = bson.D{{Key: "n", Value: i}, {Key: "text", Value: "hello, world"}}
			}
			if _, err := on.InsertMany(b.Context(), docs); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("bare stream", func(b *testing.B) {
		stream, err := on.Database().Watch(b.Context(), mongo.Pipeline{})
		must(b, err)
		defer func() { _ = stream.Close(context.Background()) }()
		fill(b)
		b.ResetTimer()
		for range b.N {
			if !stream.Next(b.Context()) {
				b.Fatal(stream.Err())
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	})
	b.Run("feed", func(b *testing.B) {
		feed, err := s.Watch(b.Context(), store.Start{}, "c")
		must(b, err)
		defer feed.Close()
		fill(b)
		b.ResetTimer()
		for range b.N {
			if _, err := feed.Next(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	})
}

// BenchmarkInsert writes small documents, each with the majority and its journal
// before its writer goes on.
func BenchmarkInsert(b *testing.B) {
	uri, database := secantus.Shared(b), secantus.Database(b)
	s := openAt(b, uri, database)
	for _, batch := range []int{1, 10, 100} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			for range b.N {
				writes := make([]store.Write, batch)
				for i := range writes {
					writes[i] = store.Insert("echoes", bson.D{{Key: "text", Value: "hello, world"}})
				}
				if err := s.Apply(b.Context(), writes...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
