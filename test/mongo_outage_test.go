package test

import (
	"testing"
	"time"

	"gatehouse/test/secantus"
)

// While MongoDB is away nothing is lost, nothing comes twice, and no socket closes. Who writes is told, /readyz says
// why, and all comes back by itself.

// answerWithin is the time in which the API says that a sender hears of a store that does not answer, and what a
// loaded machine may add to it.
const answerWithin = 5*time.Second + 10*time.Second

// outage is something that happens to MongoDB, or to the way there, until it is mended.
type outage struct {
	begin, mend func(t *testing.T, l *load)
	felt        bool // writers and /readyz must notice, or the test shows nothing
}

// endure has a node live through an outage with writers at work: by is the way of the node to MongoDB, d that of
// the other program, which is not cut.
func endure(t *testing.T, d, by deployment, o outage) {
	t.Helper()
	srv := by.node(t, settings{"events.rules": []any{orderInserted}})
	witnesses := []*witness{witnessOf(t, srv, ""), witnessOf(t, srv, "?events=10,1000")}
	l := begin(t, d.program(t), srv, srv)
	witnesses[0].more(60)

	o.begin(t, l)
	if o.felt {
		// The writers may both wait for the event of an echo that was stored just before.
		l.join(srv)
		begun, unready := time.Now(), false
		eventually(t, "a sender to be told STORE_UNAVAILABLE, and /readyz to say why it is not ready", func() bool {
			if !unready {
				status, answer := srv.get(t, "/readyz", nil)
				if unready = status == 503 && decodeFailure(t, answer).Error != ""; unready {
					t.Logf("/readyz after %v: %s", time.Since(begun).Round(time.Millisecond), answer)
				}
			}
			return unready && l.count(echoRefused, echoInDoubt) > 0
		})
		if status, answer := srv.get(t, "/healthz", nil); status != 200 {
			t.Errorf("/healthz, which is about the process alone: status %d: %s", status, answer)
		}
	}
	o.mend(t, l)

	mended := time.Now()
	l.goesOn(t)
	t.Logf("echoes again after %v", time.Since(mended).Round(time.Millisecond))
	witnesses[0].until(l.mark())
	eventually(t, "the server to be ready again", func() bool {
		status, _ := srv.get(t, "/readyz", nil)
		return status == 200
	})
	t.Logf("ready again after %v", time.Since(mended).Round(time.Millisecond))
	witnesses[0].more(60)
	l.stop()
	end := l.mark()
	agree(t, end, witnesses...)
	l.check(witnesses[0].heard)
	if slowest := l.slowest(); slowest > answerWithin {
		t.Errorf("a sender was told STORE_UNAVAILABLE after %v, not within 5 seconds", slowest)
	}
	t.Logf("%d orders; echoes: %d taken, %d refused, %d in doubt; STORE_UNAVAILABLE after %v at most", l.placed,
		l.count(echoTaken), l.count(echoRefused), l.count(echoInDoubt), l.slowest().Round(time.Millisecond))
	for _, w := range witnesses {
		w.alive()
		if len(w.lost) > 0 {
			t.Errorf("%s was told that history was lost: %s", w.name, w.lost[0].raw)
		}
	}
}

func TestMongoServerAway(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{SyncOnCommit: true})

	t.Run("killed", func(t *testing.T) {
		d := on(s)
		endure(t, d, d, outage{
			begin: func(t *testing.T, _ *load) { s.Kill(t) },
			mend:  func(t *testing.T, _ *load) { s.Restart(t) },
			felt:  true,
		})
	})
	t.Run("not primary", func(t *testing.T) {
		d := on(s)
		endure(t, d, d, outage{
			begin: func(t *testing.T, _ *load) { s.StepDown(t, 5) },
			mend:  do(), // it is over by itself
			felt:  true,
		})
	})
}

func TestMongoLink(t *testing.T) {
	t.Parallel()
	needsMongoDB(t)
	s := secantus.Start(t, secantus.Options{})

	for name, o := range map[string]func(*secantus.Proxy) outage{
		"cut": func(p *secantus.Proxy) outage {
			return outage{begin: do(p.Cut), mend: do(p.Mend), felt: true}
		},
		"cut again and again": func(p *secantus.Proxy) outage {
			return outage{mend: do(), begin: func(t *testing.T, l *load) {
				for range 30 {
					p.Cut()
					p.Mend()
					l.goesOn(t)
				}
			}}
		},
		"stalled": func(p *secantus.Proxy) outage {
			return outage{begin: do(p.Stall), mend: do(p.Mend), felt: true}
		},
		"stalled for long": func(p *secantus.Proxy) outage {
			// Until the feed has given the stream up, and cannot open another one.
			lost := func(t *testing.T, l *load) { l.servers[0].logged(t, "the change stream is lost"); p.Mend() }
			return outage{begin: do(p.Stall), mend: lost, felt: true}
		},
		"answers lost": func(p *secantus.Proxy) outage {
			return outage{begin: do(p.StallReplies), mend: do(p.Cut, p.Mend), felt: true}
		},
		"slow": func(p *secantus.Proxy) outage {
			return outage{begin: do(func() { p.Slow(50 * time.Millisecond) }), mend: do(p.Mend)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := secantus.NewProxy(t, s.Host())
			d := on(s)
			endure(t, d, d.by(p.URI()), o(p))
		})
	}
}

func do(steps ...func()) func(*testing.T, *load) {
	return func(*testing.T, *load) {
		for _, step := range steps {
			step()
		}
	}
}
