package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"gatehouse/store"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var orderCases = []testCase{
	{"order/is one for all feeds", func(f *fixture) {
		const writers, each = 8, 25
		c, d := f.plain(), f.declare(store.Collection{Transient: true})
		begin := f.watch(store.Start{}, c, d)
		start := store.Start{After: begin.Position()}

		// One feed reads while the changes are made, others come later.
		var live []store.Change
		errs := together(writers+1, func(i int) error {
			if i == writers {
				for range writers * each * 2 {
					change, err := begin.Next(f.ctx)
					if err != nil {
						return err
					}
					live = append(live, change)
				}
				return nil
			}
			for n := range each {
				id := fmt.Sprintf("%d.%d", i, n)
				if err := f.Apply(f.ctx, store.Insert(c, doc(id))); err != nil {
					return err
				}
				second := store.Insert(d, doc(id))
				if n%2 == 0 {
					second = store.Update(c, id, bson.D{field("n", n)})
				}
				if err := f.Apply(f.ctx, second); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			f.Fatal(err)
		}
		f.continues(f.watch(start, c, d), live)
		f.writersInOrder(live, writers, each)

		// Each position leads on to exactly the rest.
		at := rand.N(len(live) - 20)
		for i := at; i < at+20; i++ {
			f.continues(f.watch(store.Start{After: live[i].Position}, c, d), live[i+1:])
		}
		onlyC := f.watch(start, c)
		for _, change := range live {
			if change.Collection == c {
				f.equal(f.next(onlyC), change)
			}
		}
	}},
	{"order/an answered write is behind those answered before", func(f *fixture) {
		c := f.plain()
		feed := f.watch(store.Start{}, c)
		for i := range 20 {
			f.apply(store.Insert(c, doc(fmt.Sprint(i))))
		}
		for i, change := range f.changes(feed, 20) {
			if idOf(change) != fmt.Sprint(i) {
				f.Fatalf("at %d: %s", i, change.ID)
			}
		}
	}},
	{"order/feeds that come while it is written miss nothing", func(f *fixture) {
		const changes = 200
		c := f.plain()
		first := f.watch(store.Start{}, c)
		written := make(chan error, 1)
		go func() {
			for i := range changes {
				if err := f.Apply(f.ctx, store.Insert(c, doc(fmt.Sprint(i)))); err != nil {
					written <- err
					return
				}
			}
			written <- nil
		}()
		for i := range changes {
			change := f.next(first)
			if idOf(change) != fmt.Sprint(i) {
				f.Fatalf("at %d: %s", i, change.ID)
			}
			if i%20 == 0 && i+5 < changes {
				late := f.watch(store.Start{After: change.Position}, c)
				for n := range 5 {
					if got := f.next(late); idOf(got) != fmt.Sprint(i+1+n) {
						f.Fatalf("a feed from %d shows %s at %d", i, got.ID, n)
					}
				}
			}
		}
		if err := <-written; err != nil {
			f.Fatal(err)
		}
	}},
}

// writersInOrder checks that each writer's changes stand as it made them.
func (f *fixture) writersInOrder(changes []store.Change, writers, each int) {
	f.Helper()
	made := make([]int, writers)
	for _, change := range changes {
		var writer, n int
		if _, err := fmt.Sscanf(idOf(change), "%d.%d", &writer, &n); err != nil {
			f.Fatal(err)
		}
		if n != made[writer]/2 {
			f.Fatalf("writer %d's %d is at its place %d", writer, n, made[writer])
		}
		made[writer]++
	}
	for writer, n := range made {
		if n != 2*each {
			f.Errorf("writer %d made %d changes", writer, n)
		}
	}
}
