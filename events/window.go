package events

import "gatehouse/store"

// window is a stretch of the feed as it is held in memory: the entries, counted
// from 1, and behind which of them the changes stand.
type window struct {
	entries []*Entry // entries[i] is number first+i
	first   uint64
	bytes   int

	// places tells behind which entry a change of the feed stands, so that an
	// id finds its way in; also of the last changes that meant nothing.
	places map[store.Position]uint64
	order  []store.Position
}

func newWindow() window {
	return window{first: 1, places: map[store.Position]uint64{}}
}

// head is the number of the last entry.
func (w *window) head() uint64 { return w.first + uint64(len(w.entries)) - 1 }

func (w *window) append(e *Entry) {
	w.entries = append(w.entries, e)
	w.bytes += len(e.Frame)
}

// remember notes that the window has come to this place of the feed.
func (w *window) remember(p store.Position) {
	if _, known := w.places[p]; !known {
		w.order = append(w.order, p)
	}
	w.places[p] = w.head()
}

// holds reports whether the entries behind this number are still there.
func (w *window) holds(seq uint64) bool { return seq+1 >= w.first && seq <= w.head() }

// after returns the entries behind this number, and false where they are not all
// there. At most max entries, or all if it is 0.
func (w *window) after(seq uint64, max int) ([]*Entry, bool) {
	if !w.holds(seq) {
		return nil, false
	}
	es := w.entries[seq+1-w.first:]
	if max > 0 && len(es) > max {
		es = es[:max]
	}
	return append([]*Entry(nil), es...), true
}

// find tells behind which entry an id stands.
func (w *window) find(p place, id string) (uint64, bool) {
	seq, ok := w.places[p.position]
	if !ok {
		return 0, false
	}
	if p.last {
		return seq, w.holds(seq)
	}
	for ; seq >= w.first; seq-- {
		e := w.entries[seq-w.first]
		if e.ID == id {
			return seq, true
		}
		if other, ok := parseID(e.ID); !ok || other.position != p.position {
			break // the change has no such event
		}
	}
	return 0, false
}

// trim drops from the front what is over the bounds, but nothing behind the entry
// with the number upTo.
func (w *window) trim(maxEntries, maxBytes int, upTo uint64) {
	drop := 0
	for w.first+uint64(drop) <= upTo {
		left := len(w.entries) - drop
		if left <= maxEntries && (w.bytes <= maxBytes || left == 1) {
			break
		}
		w.bytes -= len(w.entries[drop].Frame)
		drop++
	}
	if drop > 0 {
		clear(w.entries[:drop]) // the array may live on for a while
		w.entries = w.entries[drop:]
		w.first += uint64(drop)
	}
	// A place in front of the window is of no more use. Of places that meant
	// nothing there may be more than entries; they are bounded too.
	n := 0
	for n < len(w.order)-1 && (w.places[w.order[n]]+1 < w.first || len(w.order)-n > 2*maxEntries) {
		delete(w.places, w.order[n])
		n++
	}
	w.order = w.order[n:]
}
