package players

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/store"
	"gatehouse/store/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const lease = 400 * time.Millisecond

// open is a store, and players of one process on it, which is not running.
func open(t *testing.T) (*Players, store.Store) {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "db"), embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Declare(t.Context(), Collections()...); err != nil {
		t.Fatal(err)
	}
	return process(st), st
}

// process is one of several on a store.
func process(st store.Store) *Players {
	return New(Options{Store: st, Logger: slog.New(slog.DiscardHandler), Lease: lease, Debounce: 50 * time.Millisecond}, Settings{time.Minute, time.Minute})
}

// runs has a process run until the test ends, or stop is called.
func runs(t *testing.T, p *Players) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func someone(t *testing.T, p *Players, name string) Alias {
	t.Helper()
	a, _, err := p.Identify(t.Context(), "username", name, true, false)
	must(t, err)
	return a
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func online(t *testing.T, p *Players, a Alias) bool {
	t.Helper()
	at, err := p.PresenceOf(t.Context(), a.PlayerID)
	must(t, err)
	return at.Online
}

// A process that dies without a word lets go of its players when its lease is
// over, which several others see, and is told once. One that was only away takes
// them back.
func TestLeases(t *testing.T) {
	t.Parallel()
	dead, st := open(t)
	a := someone(t, dead, "a")
	feed, err := st.Watch(t.Context(), store.Start{}, presence)
	must(t, err)
	defer feed.Close()
	must(t, dead.renew(t.Context())) // and never again
	must(t, dead.Arrive(t.Context(), a, "socket-1"))
	others := []*Players{process(st), process(st), process(st)}
	for _, p := range others {
		runs(t, p)
	}
	b := someone(t, others[0], "b")
	must(t, others[0].Arrive(t.Context(), b, "socket-2"))
	eventually(t, "who died to be offline", func() bool { return !online(t, others[1], a) })
	eventually(t, "nothing to be left of it", func() bool {
		raws, err := st.Find(t.Context(), nodes, store.Query{})
		must(t, err)
		return len(raws) == len(others)
	})
	if !online(t, others[1], b) {
		t.Error("who did not die is offline")
	}
	must(t, dead.renew(t.Context())) // it was only away
	must(t, dead.restore(t.Context()))
	eventually(t, "who is back to be online", func() bool { return online(t, others[1], a) })

	var told []bool
	for len(told) < 3 {
		c, err := feed.Next(t.Context())
		must(t, err)
		now, ok := ReadPresence(c)
		if ok && now.PlayerID == a.PlayerID {
			told = append(told, now.Online)
		}
	}
	if !slices.Equal(told, []bool{true, false, true}) {
		t.Errorf("told %v", told)
	}
}

// A player is online as long as one socket is open, in whichever process; one that
// comes back at once was never away.
func TestPresenceOfSeveralSockets(t *testing.T) {
	t.Parallel()
	one, st := open(t)
	two := process(st)
	stop := runs(t, one)
	runs(t, two)
	a := someone(t, one, "a")
	must(t, one.Arrive(t.Context(), a, "1"))
	must(t, two.Arrive(t.Context(), a, "2"))
	one.Leave(a, "1")
	eventually(t, "the socket to be gone", func() bool {
		_, err := st.Get(t.Context(), sockets, "1")
		return errors.Is(err, store.ErrNotFound)
	})
	if !online(t, one, a) {
		t.Error("a player with a socket is offline")
	}
	two.Leave(a, "2")
	must(t, one.Arrive(t.Context(), a, "3")) // within the time that a flicker may take
	eventually(t, "the socket to be gone", func() bool {
		_, err := st.Get(t.Context(), sockets, "2")
		return errors.Is(err, store.ErrNotFound)
	})
	if !online(t, one, a) {
		t.Error("a player who came back at once is offline")
	}
	stop() // ends what it holds
	if online(t, two, a) {
		t.Error("a process that ended has left somebody online")
	}
}

func TestTicketsAndTokens(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	ticket, err := p.NewTicket(t.Context(), "key")
	must(t, err)
	if key, err := p.UseTicket(t.Context(), ticket); err != nil || key != "key" {
		t.Errorf("%q, %v", key, err)
	}
	for _, bad := range []string{ticket, "", "x", strings.ToUpper(ticket), "{" + ticket + "}", "urn:uuid:" + ticket} {
		if _, err := p.UseTicket(t.Context(), bad); !errors.Is(err, ErrTicket) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	p.SetSettings(Settings{-time.Second, -time.Second})
	ticket, err = p.NewTicket(t.Context(), "key")
	must(t, err)
	if _, err := p.UseTicket(t.Context(), ticket); !errors.Is(err, ErrTicket) {
		t.Errorf("a ticket that has expired: %v", err)
	}
	a, token, err := p.Identify(t.Context(), "s", "i", true, true)
	must(t, err)
	if _, err := p.Verify(t.Context(), int64(a.ID), token); !errors.Is(err, ErrToken) {
		t.Errorf("a token that has expired: %v", err)
	}
	if !a.Player.DevBuild || !HasProp(a.Player.Props, "META_DEV_BUILD", "1") {
		t.Errorf("%+v", a.Player)
	}
	if _, _, err := p.Identify(t.Context(), "s", "other", false, false); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	p.SetSettings(Settings{time.Minute, time.Minute})
	token, err = p.NewToken(t.Context(), a)
	must(t, err)
	if _, err := p.Verify(t.Context(), int64(a.ID), token); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", token + "x"} {
		if _, err := p.Verify(t.Context(), int64(a.ID), bad); !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := p.Verify(t.Context(), 1<<40, token); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
}

// text makes changes of props: key=value sets, key alone removes.
func changes(all ...string) (list []PropChange) {
	for _, one := range all {
		key, value, sets := strings.Cut(one, "=")
		c := PropChange{Key: key}
		if sets {
			c.Value = &value
		}
		list = append(list, c)
	}
	return list
}

func propsText(props []Prop) string {
	var list []string
	for _, p := range props {
		list = append(list, p.Key+"="+p.Value)
	}
	return strings.Join(list, " ")
}

func TestProps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 128)
	var many, tooMany []string
	for i := range 1001 {
		if tooMany = append(tooMany, fmt.Sprintf("k[]=%d", i)); i < 1000 {
			many = append(many, tooMany[i])
		}
	}
	for _, c := range []struct {
		had, changes []string
		now          string
		rejected     string
	}{
		{nil, []string{"a=1", "b=2"}, "a=1 b=2", ""},
		{[]string{"a=1", "b=2"}, []string{"b=3", "c=", "a"}, "b=3 c=", ""},
		{[]string{"a=1"}, []string{"x", "=1", "a=2", "a=3"}, "a=3", ""},
		{[]string{"k[]=1", "a=1", "k[]=2"}, []string{"k[]=3", "k[]=3", "k[]=1"}, "a=1 k[]=3 k[]=1", ""},
		{[]string{"k[]=1", "k[]=2"}, []string{"k[]"}, "", ""},
		{[]string{"k[]=1"}, []string{"k[]", "k[]=2"}, "k[]=2", ""},
		{[]string{"META_X=1"}, []string{"META_X=2", "META_Y=1", "META_X"}, "META_X=1", ""},
		{nil, []string{long + "=1", long + "x=1", "a=2"}, long + "=1 a=2", "PROP_KEY_TOO_LONG Prop key length (129) exceeds 128 characters"},
		{nil, []string{"a=" + long + long + long + long, "b=" + long + long + long + long + "x"}, "a=" + long + long + long + long, "PROP_VALUE_TOO_LONG Prop value length (513) exceeds 512 characters"},
		{nil, []string{"a=" + strings.Repeat("𝄞", 256)}, "a=" + strings.Repeat("𝄞", 256), ""}, // two units each
		{nil, []string{"a=" + strings.Repeat("𝄞", 257)}, "", "PROP_VALUE_TOO_LONG Prop value length (514) exceeds 512 characters"},
		{nil, many, strings.Join(many, " "), ""},
		{nil, append([]string{"a=1"}, tooMany...), "a=1", "PROP_ARRAY_TOO_LONG Prop array length (1001) for key 'k[]' exceeds 1000 items"},
	} {
		good, rejected := checkProps(changes(c.changes...), true)
		got := propsText(changed(changed(nil, changes(c.had...)), good))
		var said []string
		for _, r := range rejected {
			said = append(said, r.Error+" "+r.Message)
		}
		if got != c.now || strings.Join(said, "; ") != c.rejected {
			t.Errorf("%.80s after %.80v\ngot  %.200s, %v\nwant %.200s, %s", c.had, c.changes, got, said, c.now, c.rejected)
		}
	}
}

// Who stores in a channel replaces what a key held, and is told what became of it.
func TestStorage(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	a, b := someone(t, p, "a"), someone(t, p, "b")
	c, err := p.CreateChannel(t.Context(), a, NewChannel{Name: "c"})
	must(t, err)
	_, err = p.Join(t.Context(), b, int64(c.ID))
	must(t, err)
	text := func(list []Stored) string {
		var all []string
		for _, s := range list {
			all = append(all, fmt.Sprintf("%s=%s/%d/%d", s.Key, s.Value, s.CreatedBy, s.LastUpdatedBy))
		}
		return strings.Join(all, " ")
	}
	for i, step := range []struct {
		by                              Alias
		changes                         []string
		upserted, deleted, failed, left string // left: of hp, then of k[]
	}{
		{a, []string{"hp=1", "k[]=x", "k[]=y", "k[]=x"}, "hp=1/1/1 k[]=x/1/1 k[]=y/1/1", "", "", "hp=1/1/1 | k[]=x/1/1 k[]=y/1/1"},
		{b, []string{"hp=2", "k[]=y", "k[]=z"}, "hp=2/1/2 k[]=y/1/1 k[]=z/2/2", "k[]=x/1/1", "", "hp=2/1/2 | k[]=y/1/1 k[]=z/2/2"},
		{b, []string{"hp=", "nothing="}, "", "hp=2/1/2", "", " | k[]=y/1/1 k[]=z/2/2"},
		{a, []string{"hp", "k[]="}, "k[]=/1/1", "k[]=y/1/1 k[]=z/2/2", "", " | k[]=/1/1"},
		{a, []string{"k[]=" + strings.Repeat("x", 513), "k[]=ok", "hp=3"}, "hp=3/1/1", "", "k[]", "hp=3/1/1 | k[]=/1/1"},
		{b, []string{"k[]", "=1"}, "", "k[]=/1/1", "", "hp=3/1/1 | "},
	} {
		done, err := p.PutStorage(t.Context(), step.by, int64(c.ID), changes(step.changes...))
		must(t, err)
		var failed []string
		for _, f := range done.Failed {
			failed = append(failed, f.Key)
		}
		values, err := p.Storage(t.Context(), a, int64(c.ID), "hp", "k[]")
		must(t, err)
		if got := text(values[0]) + " | " + text(values[1]); text(done.Upserted) != step.upserted || text(done.Deleted) != step.deleted || strings.Join(failed, " ") != step.failed || got != step.left {
			t.Errorf("step %d: upserted %q, deleted %q, failed %q, left %q", i, text(done.Upserted), text(done.Deleted), failed, got)
		}
	}
	stranger := someone(t, p, "stranger")
	if _, err := p.PutStorage(t.Context(), stranger, int64(c.ID), changes("a=1")); !errors.Is(err, ErrNotMember) {
		t.Error(err)
	}
	if _, err := p.Storage(t.Context(), stranger, int64(c.ID), "a"); !errors.Is(err, ErrNotMember) {
		t.Error(err)
	}
	must(t, p.DeleteChannel(t.Context(), a, int64(c.ID)))
	must(t, p.sweep(t.Context())) // which any node does
	for _, collection := range []string{storage, members, channels, sweeps} {
		raws, err := p.store.Find(t.Context(), collection, store.Query{})
		must(t, err)
		if len(raws) > 0 {
			t.Errorf("%d documents are left in %s", len(raws), collection)
		}
	}
}

// A socket that closes while it is written down anew does not stay.
func TestRestoreOfWhatCloses(t *testing.T) {
	t.Parallel()
	p, st := open(t)
	a := someone(t, p, "a")
	must(t, p.renew(t.Context()))
	must(t, p.Arrive(t.Context(), a, "1"))
	must(t, process(st).clear(t.Context(), p.node.id)) // another node buries this one
	if online(t, p, a) {
		t.Fatal("who was buried is online")
	}
	must(t, p.renew(t.Context()))
	p.node.mu.Lock()
	delete(p.node.open, "1") // as Leave does, once what is missing was listed
	p.node.mu.Unlock()
	must(t, p.restore(t.Context()))
	left := p.node.left()
	if len(left) != 1 || left[0].ID != "1" {
		t.Fatalf("left: %v", left)
	}
	must(t, p.remove(t.Context(), left[0]))
	if online(t, p, a) || len(p.node.missing()) > 0 {
		t.Error("who closed is online for good")
	}
}

// Work that a client can ask for is bounded before it is done.
func TestTooMuchAtOnce(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	a := someone(t, p, "a")
	var many []string
	for i := range maxProps + 1 {
		many = append(many, fmt.Sprintf("key%d[]=%d", i, i))
	}
	if _, _, _, err := p.Patch(t.Context(), a.PlayerID, changes(many...)); !errors.Is(err, ErrTooManyProps) {
		t.Errorf("%v", err)
	}
	if _, _, _, err := p.Patch(t.Context(), a.PlayerID, changes(many[:maxProps]...)); err != nil {
		t.Errorf("%v", err)
	}
	c, err := p.CreateChannel(t.Context(), a, NewChannel{})
	must(t, err)
	if _, err := p.PutStorage(t.Context(), a, int64(c.ID), changes(many[:maxStoredKeys+1]...)); !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("%v", err)
	}
	if _, err := p.PutStorage(t.Context(), a, int64(c.ID), changes(many[:maxStoredKeys]...)); err != nil {
		t.Errorf("%v", err)
	}
}

// Who says that nobody plays, though somebody does, is out of what is for as long
// as it is online once the last socket is closed.
func TestQuitOfWhoSaidOffline(t *testing.T) {
	t.Parallel()
	p, _ := open(t)
	a := someone(t, p, "a")
	must(t, p.renew(t.Context()))
	must(t, p.Arrive(t.Context(), a, "1"))
	no := false
	_, err := p.SetPresence(t.Context(), a, &no, nil)
	must(t, err)
	owner := someone(t, p, "owner")
	c, err := p.CreateChannel(t.Context(), owner, NewChannel{TemporaryMembership: true})
	must(t, err)
	_, err = p.Join(t.Context(), a, int64(c.ID))
	must(t, err)
	must(t, p.remove(t.Context(), socket{ID: "1", Player: a.PlayerID}))
	if in, err := p.IsMember(t.Context(), c.ID, a.ID); err != nil || in {
		t.Errorf("it is still in the channel: %v, %v", in, err)
	}
}

// No event of the feed holds a secret.
func TestEventsHoldNoTokens(t *testing.T) {
	t.Parallel()
	p, st := open(t)
	a := someone(t, p, "a")
	feed, err := st.Watch(t.Context(), store.Start{}, EventsCollection, aliases)
	must(t, err)
	defer feed.Close()
	a, err = p.Alias(t.Context(), int64(a.ID))
	must(t, err)
	if a.Token == "" {
		t.Fatal("the alias has no token: the test is none")
	}
	c, err := p.CreateChannel(t.Context(), a, NewChannel{})
	must(t, err)
	must(t, p.Say(t.Context(), a.ID, int64(c.ID), "hello"))
	_, err = p.NewToken(t.Context(), a)
	must(t, err)
	for range 3 {
		change, err := feed.Next(t.Context())
		must(t, err)
		if strings.Contains(change.After.String(), a.Token) {
			t.Errorf("%s", change.After)
		}
	}
}
