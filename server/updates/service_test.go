package updates

import (
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"gatehouse/store"
	"gatehouse/users/profiles"
)

// document is a character as the feed shows it; nil stands for none.
func document(t *testing.T, fields ...any) bson.Raw {
	t.Helper()
	d := bson.D{{Key: "_id", Value: 1}}
	for i := 0; i < len(fields); i += 2 {
		d = append(d, bson.E{Key: fields[i].(string), Value: fields[i+1]})
	}
	raw, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (r *rig) changes(before, after bson.Raw) {
	r.store.shows(store.Change{Collection: profiles.Name, Op: store.OpUpdate, Before: before, After: after})
}

func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opens()
	s := r.joins()
	selena := document(t, "world", "Omega", "name", "Selena")
	for what, c := range map[string]struct {
		before, after bson.Raw
		told          [][2]string
	}{
		"an insert":                 {nil, selena, [][2]string{{"Omega", "Selena"}}},
		"an update":                 {selena, selena, [][2]string{{"Omega", "Selena"}}},
		"a delete":                  {selena, nil, [][2]string{{"Omega", "Selena"}}},
		"a rename":                  {selena, document(t, "world", "Omega", "name", "Luna"), [][2]string{{"Omega", "Selena"}, {"Omega", "Luna"}}},
		"a move":                    {selena, document(t, "world", "Alpha", "name", "Selena"), [][2]string{{"Omega", "Selena"}, {"Alpha", "Selena"}}},
		"another spelling":          {selena, document(t, "world", "Omega", "name", "SELENA"), [][2]string{{"Omega", "SELENA"}}},
		"a world's other spelling":  {selena, document(t, "world", "OMEGA", "name", "Selena"), [][2]string{{"OMEGA", "Selena"}}},
		"another spelling of both":  {selena, document(t, "world", "OMEGA", "name", "SELENA"), [][2]string{{"OMEGA", "SELENA"}}},
		"a world of another type":   {selena, document(t, "world", 7, "name", "Luna"), [][2]string{{"Omega", "Selena"}}},
		"a name that goes":          {selena, document(t, "world", "Omega"), [][2]string{{"Omega", "Selena"}}},
		"a name that comes":         {document(t, "world", "Omega"), selena, [][2]string{{"Omega", "Selena"}}},
		"no image of before":        {nil, selena, [][2]string{{"Omega", "Selena"}}},
		"no image at all":           {nil, nil, nil},
		"an empty document":         {document(t), document(t), nil},
		"names of other types":      {document(t, "world", bson.D{}, "name", bson.A{"Selena"}), document(t, "world", "Omega", "name", nil), nil},
		"names that are too long":   {nil, document(t, "world", "Omega", "name", string(make([]byte, 1<<16))), nil},
		"what is no document":       {bson.Raw("Selena"), bson.Raw{}, nil},
		"an image that is damaged":  {selena[:len(selena)-9], selena, [][2]string{{"Omega", "Selena"}}},
		"characters without a name": {nil, document(t, "world", "Omega", "name", ""), nil},
	} {
		for _, key := range [][2]string{{"omega", "selena"}, {"omega", "luna"}, {"ALPHA", "SELENA"}} {
			r.subscribes(s.token, key[0], key[1])
		}
		r.changes(c.before, c.after)
		for _, told := range c.told {
			s.hears(told[0], told[1])
		}
		r.subscribes(s.token, "Fences", what)
		r.changes(nil, document(t, "world", "Fences", "name", what))
		s.hears("Fences", what)
		if t.Failed() {
			t.Logf("last was: %s", what)
		}
		for _, key := range [][2]string{{"omega", "selena"}, {"omega", "luna"}, {"alpha", "selena"}} {
			r.v.book.take(profiles.Key(key[0], key[1]))
		}
	}
}

// Documents of the other collection that nobody here wrote are passed over.
func TestSubscriptionsThatAreNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opens()
	s := r.joins()
	for _, d := range []bson.Raw{nil, document(t), document(t, "token", 7, "key", bson.A{}), document(t, "token", digest(s.token)), document(t, "token", s.token, "key", "omega/selena")} {
		r.store.shows(store.Change{Collection: subscriptions, Op: store.OpInsert, After: d})
	}
	r.subscribes("", "Omega", "Selena")
	r.subscribes(s.token+"a", "Omega", "Selena")
	r.changes(nil, document(t, "world", "Omega", "name", "Selena"))
	r.subscribes(s.token, "Omega", "Luna")
	r.changes(nil, document(t, "world", "Omega", "name", "Luna"))
	s.hears("Omega", "Luna")
}

// Where the feed lost a stretch, or the store did not answer, changes may have
// been missed: the sockets are ended, and who comes back is served.
func TestALostFeedEndsTheSockets(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"lost": store.ErrHistoryLost, "unavailable": &store.UnavailableError{Err: errors.New("no answer")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.opens()
			a, b := r.joins(), r.joins()
			r.subscribes(a.token, "Omega", "Selena")
			r.store.fail(err)
			a.over()
			b.over()
			r.store.feeds <- &fakeFeed{refused: err} // not yet
			r.opens()
			again := r.joins()
			r.subscribes(again.token, "Omega", "Selena")
			r.subscribes(a.token, "Omega", "Selena")
			r.changes(nil, document(t, "world", "Omega", "name", "Selena"))
			again.hears("Omega", "Selena")
		})
	}
}

// Who comes back before the feed does is in the same case: what it subscribes to
// stands nowhere. It is ended too, or told.
func TestSocketsThatAreBackBeforeTheFeed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opens()
	first := r.joins()
	r.store.fail(store.ErrHistoryLost)
	first.over()
	early := r.joins()
	r.subscribes(early.token, "Omega", "Selena") // answered, and in no feed
	r.opens()
	r.changes(nil, document(t, "world", "Omega", "name", "Selena"))
	// It can tell nothing from this but that all is well.
	r.subscribes(early.token, "Omega", "Luna")
	r.changes(nil, document(t, "world", "Omega", "name", "Luna"))
	text, err := early.read()
	if err == nil {
		t.Errorf("a subscription that was answered came to nothing, and the socket goes on: the next that it hears of is %s", text)
	}
}

// Nothing is served before the feed is open.
func TestOpened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.store.feeds <- &fakeFeed{refused: &store.UnavailableError{Err: errors.New("no answer")}}
	select {
	case <-r.v.Opened():
		t.Error("it is open before its feed is")
	default:
	}
	r.opens()
	r.eventually("it is open", func() bool {
		select {
		case <-r.v.Opened():
			return true
		default:
			return false
		}
	})
}

// Other errors are for who runs it.
func TestRunEndsWithOtherErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opens()
	r.store.fail(store.ErrClosed)
	if err := <-r.ended; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Run returned %v", err)
	}
}

// One socket cannot have the server keep whatever it likes.
func TestTooManySubscriptions(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.opens()
	greedy, other := r.joins(), r.joins()
	for i := range maxSubscriptions {
		if r.v.book.subscribe(digest(greedy.token), profiles.Key("Omega", string(rune('一'+i)))) != nil {
			t.Fatalf("it is full with %d", i)
		}
	}
	r.subscribes(greedy.token, "Omega", "one more")
	greedy.over()
	r.eventually("its subscriptions are freed", func() bool {
		r.v.book.mu.Lock()
		defer r.v.book.mu.Unlock()
		return len(r.v.book.byKey) == 0 && len(r.v.book.byToken) == 1
	})
	r.subscribes(other.token, "Omega", "Selena")
	r.changes(nil, document(t, "world", "Omega", "name", "Selena"))
	other.hears("Omega", "Selena")
}
