package events

import (
	"encoding/json"
	"strconv"
	"time"

	"gatehouse/store"
)

// Event is one numbered thing that happened.
type Event struct {
	Type Type
	ID   string
	Time time.Time

	// Username is whom it is about; empty where that is nobody.
	Username string

	// Body is a JSON object: what stands beside eventType, id and time.
	Body json.RawMessage
}

// JSON is the event as it goes over the wire: its properties flat beside
// eventType, id and time. The body stands there as it is; it is not for
// json.Marshal to escape.
func (e Event) JSON() []byte {
	b := make([]byte, 0, len(e.Body)+len(e.ID)+80)
	b = append(b, `{"eventType":`...)
	b = strconv.AppendInt(b, int64(e.Type), 10)
	if e.ID != "" {
		b = append(b, `,"id":"`...)
		b = append(b, e.ID...) // ids need no escaping
		b = append(b, `","time":"`...)
		b = e.Time.UTC().AppendFormat(b, store.TimeLayout)
		b = append(b, '"')
	}
	if len(e.Body) > len("{}") {
		b = append(b, ',')
		return append(b, e.Body[1:]...)
	}
	return append(b, '}')
}

// property is one name and value of a body.
type property struct {
	name  string
	value any
}

// body makes a JSON object of properties, in their order; those whose value is
// nil are left out. It is written out rather than marshalled from a map so that
// the order is the table's.
func body(properties ...property) json.RawMessage {
	b := []byte{'{'}
	for _, p := range properties {
		if p.value == nil {
			continue
		}
		v, err := json.Marshal(p.value)
		if err != nil {
			continue // cannot be: values are strings, numbers, lists of strings or raw JSON
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, p.name)
		b = append(b, ':')
		b = append(b, v...)
	}
	return append(b, '}')
}
