package embedded_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"gatehouse/store"
	"gatehouse/store/embedded"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// BenchmarkInsert writes small documents, each of them durable before its
// writer goes on. Run it on the kind of disk that is meant to hold the file.
//
//	go test -run - -bench Insert ./store/embedded
func BenchmarkInsert(b *testing.B) {
	for _, collection := range []string{"echoes", "users"} {
		for _, writers := range []int{1, 8, 64, 256} {
			b.Run(fmt.Sprintf("%s/writers=%d", collection, writers), func(b *testing.B) {
				benchmarkInsert(b, collection, writers, 1)
			})
		}
		b.Run(collection+"/writers=1/batch=100", func(b *testing.B) {
			benchmarkInsert(b, collection, 1, 100)
		})
	}
}

func benchmarkInsert(b *testing.B, collection string, writers, batch int) {
	s, err := embedded.Open(filepath.Join(b.TempDir(), "bench.db"), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if err := s.Declare(b.Context(),
		store.Collection{Name: "echoes", Transient: true},
		store.Collection{Name: "users", Indexes: []store.Index{{Fields: []string{"name"}, Unique: true, Fold: true}}},
	); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	turns := make(chan int)
	done := make(chan error, writers)
	for range writers {
		go func() {
			var failed error
			for n := range turns {
				if failed != nil {
					continue
				}
				writes := make([]store.Write, batch)
				for i := range writes {
					writes[i] = store.Insert(collection, bson.D{{Key: "name", Value: fmt.Sprintf("user-%d-%d", n, i)}, {Key: "text", Value: "hello, world"}})
				}
				failed = s.Apply(b.Context(), writes...)
			}
			done <- failed
		}()
	}
	for n := range b.N {
		turns <- n
	}
	close(turns)
	for range writers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "writes/s")
}
