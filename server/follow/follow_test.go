package follow

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"gatehouse/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feeds is a store whose feeds show one change each, and end with these errors,
// one after the other; the last with the end of ctx.
type feeds struct{ errs []error }

func (f *feeds) Watch(context.Context, store.Start, ...string) (store.Feed, error) {
	one := &feed{}
	if len(f.errs) > 0 {
		one.err, f.errs = f.errs[0], f.errs[1:]
	}
	if errors.Is(one.err, errRefused) {
		return nil, one.err
	}
	return one, nil
}

var errRefused error = &store.UnavailableError{Err: errors.New("it does not open")}

type feed struct {
	store.Feed
	err   error
	shown bool
}

func (f *feed) Next(ctx context.Context) (store.Change, error) {
	switch {
	case !f.shown:
		f.shown = true
		return store.Change{Collection: "c"}, nil
	case f.err != nil:
		return store.Change{}, f.err
	}
	<-ctx.Done()
	return store.Change{}, ctx.Err()
}

func (f *feed) Close() error { return nil }

// Where a feed has ended what may have missed something is told, and once more
// when the next is open; an error that waiting does not mend is returned.
func TestRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		errs          []error
		changes, lost int
		want          error
	}{
		"history lost":  {[]error{store.ErrHistoryLost, broken}, 2, 2, broken},
		"away":          {[]error{&store.UnavailableError{Err: broken}, broken}, 2, 2, broken},
		"does not open": {[]error{errRefused, broken}, 1, 1, broken},
		"broken":        {[]error{broken}, 1, 0, broken},
		"stopped":       {nil, 1, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			changes, lost := 0, 0
			f := New(Options{
				Store: &feeds{c.errs}, Collections: []string{"c"}, Logger: slog.New(slog.DiscardHandler), Dialect: "test",
				Changed: func(context.Context, store.Change) {
					if changes++; c.want == nil {
						cancel()
					}
				},
				Lost: func() { lost++ },
			})
			select {
			case <-f.Opened():
				t.Error("it is open before it runs")
			default:
			}
			if err := f.Run(ctx); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			select {
			case <-f.Opened():
			default:
				t.Error("it was never open")
			}
			if changes != c.changes || lost != c.lost || f.Follows() {
				t.Errorf("%d changes, lost %d times, follows %v; want %d and %d", changes, lost, f.Follows(), c.changes, c.lost)
			}
		})
	}
}
