package players

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates counts the requests of each key and address.
type rates struct {
	mu    sync.Mutex
	since time.Time
	by    map[visitor]*rate.Limiter
}

type visitor struct {
	key    string     // its id; empty: of none that is good
	from   netip.Addr // of IPv6 the network, of which somebody has all
	enters bool
}

// maxVisitors is how many are told apart; more are counted together.
const maxVisitors = 100_000

func newRates() *rates { return &rates{by: map[visitor]*rate.Limiter{}} }

// allow reports whether a request may be made. Who has made none for a minute has
// all of them again, and is forgotten.
func (r *rates) allow(v visitor, perMinuteOf int) bool {
	if v.from.Is6() {
		v.from = netip.PrefixFrom(v.from, 64).Masked().Addr()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.since) > time.Minute {
		r.since = now
		for v, l := range r.by {
			if l.TokensAt(now) >= float64(l.Burst()) {
				delete(r.by, v)
			}
		}
	}
	if r.by[v] == nil && len(r.by) >= maxVisitors {
		v = visitor{enters: v.enters}
	}
	l := r.by[v]
	if l == nil {
		l = perMinute(perMinuteOf)
		r.by[v] = l
	}
	return l.AllowN(now, 1)
}
