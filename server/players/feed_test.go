package players

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"gatehouse/server/wsconn"
	"gatehouse/store"
)

// feeds is a store whose feeds end with these errors, one after the other; then
// with the end of ctx.
type feeds struct {
	errs  []error
	opens int
}

func (f *feeds) Watch(context.Context, store.Start, ...string) (store.Feed, error) {
	f.opens++
	var err error
	if len(f.errs) > 0 {
		err, f.errs = f.errs[0], f.errs[1:]
	}
	return &feed{err: err}, nil
}

type feed struct {
	store.Feed
	err error
}

func (f *feed) Next(ctx context.Context) (store.Change, error) {
	if f.err != nil {
		return store.Change{}, f.err
	}
	<-ctx.Done()
	return store.Change{}, ctx.Err()
}

func (f *feed) Close() error { return nil }

// Where the feed lost a stretch all sockets are closed, and it is opened again; an
// error that waiting does not mend is returned.
func TestFeedIsLost(t *testing.T) {
	broken := errors.New("broken")
	st := &feeds{errs: []error{store.ErrHistoryLost, &store.UnavailableError{Err: errors.New("away")}, broken}}
	v := New(Options{Store: st, Logger: slog.New(slog.DiscardHandler)}, Settings{Organization: "o", Project: "p"})
	defer v.Close()
	s, r := stranger()
	s.service = v
	v.add(s)
	if err := v.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if r.code != wsconn.CloseGoingAway || r.reason == "" || st.opens != 3 {
		t.Errorf("closed with %d %q, opened %d times", r.code, r.reason, st.opens)
	}
	select {
	case <-v.Opened():
	default:
		t.Error("it was never open")
	}
}
