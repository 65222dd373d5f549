package hub

import (
	"gatehouse/events"
	"gatehouse/server/wsconn"
)

// group is the members of a shard that want the same bytes.
type group struct {
	filter  events.Filter
	members []*Member
}

func (g *group) add(m *Member) {
	m.group, m.place = g, len(g.members)
	g.members = append(g.members, m)
}

// remove reports whether the group is empty now.
func (g *group) remove(m *Member) bool {
	last := g.members[len(g.members)-1]
	g.members[m.place], last.place = last, m.place
	g.members[len(g.members)-1] = nil
	g.members = g.members[:len(g.members)-1]
	m.group = nil
	return len(g.members) == 0
}

func (g *group) deliver(es []*events.Entry) {
	for _, b := range Batches(g.filter, es) {
		for _, m := range g.members {
			m.conn.Send(b) // one that ended says so by leaving
		}
	}
}

// Batches joins the frames of the entries that the filter lets pass into as few
// batches as may be.
func Batches(f events.Filter, es []*events.Entry) []*wsconn.Batch {
	wanted := es
	if !f.All() {
		wanted = nil
		for _, e := range es {
			if f.Match(e) {
				wanted = append(wanted, e)
			}
		}
	}
	var bs []*wsconn.Batch
	for len(wanted) > 0 {
		n, bytes := 1, len(wanted[0].Frame)
		for n < len(wanted) && bytes+len(wanted[n].Frame) <= maxBatch {
			bytes += len(wanted[n].Frame)
			n++
		}
		bs = append(bs, batch(wanted[:n], bytes))
		wanted = wanted[n:]
	}
	return bs
}

// batch joins the frames of entries, of so many bytes together.
func batch(es []*events.Entry, bytes int) *wsconn.Batch {
	if len(es) == 1 {
		return wsconn.NewBatch(es[0].Frame, es[0].ID) // no copy: the log's own frame
	}
	b := wsconn.MakeBatch(bytes, len(es))
	for _, e := range es {
		b.Append(e.Frame, e.ID)
	}
	return b
}
