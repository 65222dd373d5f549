package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestDocumentsConditions(t *testing.T) {
	t.Parallel()
	w := writerOf(t, start(t, anyOrder))

	// Nothing is there.
	for _, tag := range []string{`*`, `"0"`, `"1"`} {
		w.refused(412, "PRECONDITION_FAILED", "PUT", "/orders/a", `{"x":0}`, "If-Match", tag)
		w.refused(404, "NOT_FOUND", "PATCH", "/orders/a", `{"x":0}`, "If-Match", tag)
		w.refused(404, "NOT_FOUND", "DELETE", "/orders/a", "", "If-Match", tag)
	}
	w.expect(201, `"1"`, `{"_id":"a","x":1}`, "PUT", "/orders/a", `{"x":1}`, "If-None-Match", `*`)

	// Version 1 is.
	w.refused(412, "PRECONDITION_FAILED", "PUT", "/orders/a", `{"x":0}`, "If-None-Match", `*`)
	for _, tag := range []string{`"0"`, `"2"`, `"01"`, `"1 "`, `W/"2"`, `"5", "6"`} {
		w.refused(412, "PRECONDITION_FAILED", "PUT", "/orders/a", `{"x":0}`, "If-Match", tag)
		w.refused(412, "PRECONDITION_FAILED", "PATCH", "/orders/a", `{"x":0}`, "If-Match", tag)
		w.refused(412, "PRECONDITION_FAILED", "PATCH", "/orders/a", `{"x":1}`, "If-Match", tag) // also where nothing would change
		w.refused(412, "PRECONDITION_FAILED", "DELETE", "/orders/a", "", "If-Match", tag)
		w.refused(412, "PRECONDITION_FAILED", "GET", "/orders/a", "", "If-Match", tag)
	}
	for _, tag := range []string{``, `1`, `"`, `'1'`, `"1" "2"x`, `"1",`} {
		for _, header := range []string{"If-Match", "If-None-Match"} {
			w.refused(400, "INVALID_PARAMETER", "PUT", "/orders/a", `{"x":0}`, header, tag)
		}
	}
	w.expect(200, `"1"`, `{"_id":"a","x":1}`, "GET", "/orders/a", "", "If-None-Match", `"2"`)
	if got := w.do("GET", "/orders/a", "", "If-None-Match", `"1"`); got.status != 304 || got.body != "" || got.header.Get("ETag") != `"1"` {
		t.Errorf("GET of what is known: status %d, %q with %v", got.status, got.body, got.header)
	}
	w.expect(200, `"2"`, `{"_id":"a","x":2}`, "PUT", "/orders/a", `{"x":2}`, "If-Match", `"1"`)
	w.expect(200, `"3"`, `{"_id":"a","x":3}`, "PATCH", "/orders/a", `{"x":3}`, "If-Match", `"7" , W/"2"`)
	w.expect(200, `"4"`, `{"_id":"a","x":4}`, "PATCH", "/orders/a", `{"x":4}`, "If-Match", `*`)
	w.refused(412, "PRECONDITION_FAILED", "DELETE", "/orders/a", "", "If-Match", `"3"`)
	w.expect(204, "", "", "DELETE", "/orders/a", "", "If-Match", `"4"`)
}

const clients = 20

// race has 20 clients send a request each at once, and counts the statuses of the answers. Who is told that the store
// is busy, and that nothing was done, asks again, as it should: the disk may be slow.
func race(t *testing.T, send func(i int) (reply, error)) map[int]int {
	t.Helper()
	statuses := make([]int, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			got, err := send(i)
			for err == nil && got.status == 503 && !strings.Contains(got.body, "inDoubt") {
				got, err = send(i)
			}
			if err != nil {
				t.Error(err)
			}
			statuses[i] = got.status
		})
	}
	all.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	return count
}

// Of those who edit one version one wins, and the others are told.
func TestDocumentsOneEditorWins(t *testing.T) {
	t.Parallel()
	srv := start(t, anyOrder)
	w := writerOf(t, srv)
	c := connect(t, srv.ws)

	events := 0
	for name, try := range map[string]struct {
		won  int
		send func(i int) (reply, error)
	}{
		"POST": {201, func(i int) (reply, error) { return w.try("POST", "/orders", fmt.Sprintf(`{"_id":"POST","x":%d}`, i)) }},
		"PUT": {200, func(i int) (reply, error) {
			return w.try("PUT", "/orders/PUT", fmt.Sprintf(`{"x":%d}`, i), "If-Match", `"1"`)
		}},
		"PATCH": {200, func(i int) (reply, error) {
			return w.try("PATCH", "/orders/PATCH", fmt.Sprintf(`{"x":%d}`, i), "If-Match", `"1"`)
		}},
		"DELETE": {204, func(int) (reply, error) { return w.try("DELETE", "/orders/DELETE", "") }},
		"make": {201, func(i int) (reply, error) {
			return w.try("PUT", "/orders/make", fmt.Sprintf(`{"x":%d}`, i), "If-None-Match", "*")
		}},
	} {
		if name != "POST" && name != "make" {
			w.do("PUT", "/orders/"+name, `{"x":-1}`)
			events++
		}
		lost := map[string]int{"POST": 409, "DELETE": 404}[name]
		if lost == 0 {
			lost = 412
		}
		if got := race(t, try.send); got[try.won] != 1 || got[lost] != clients-1 {
			t.Errorf("%s: %v, want one %d and %d times %d", name, got, try.won, clients-1, lost)
		}
		events++
	}
	// And no event but theirs.
	for range events {
		if got := c.next(); got.EventType != 1000 {
			t.Errorf("%s, want eventType 1000", got.raw)
		}
	}
	c.alive()
}

// Without a condition everybody's change is made, one after the other, and none is lost.
func TestDocumentsUnconditionalChangesAreAllMade(t *testing.T) {
	t.Parallel()
	w := writerOf(t, start(t, anyOrder))

	if got := race(t, func(i int) (reply, error) { return w.try("PUT", "/orders/a", fmt.Sprintf(`{"made":%d}`, i)) }); got[201] != 1 || got[200] != clients-1 {
		t.Errorf("PUT: %v, want one 201 and %d times 200", got, clients-1)
	}
	tags := make([]string, clients)
	got := race(t, func(i int) (reply, error) {
		r, err := w.try("PATCH", "/orders/a", fmt.Sprintf(`{"n":{"c%d":%d}}`, i, i))
		tags[i] = r.header.Get("ETag")
		return r, err
	})
	if got[200] != clients {
		t.Errorf("PATCH: %v", got)
	}
	seen := map[string]bool{}
	for _, tag := range tags {
		seen[tag] = true
	}
	if len(seen) != clients {
		t.Errorf("%d changes were answered with the versions %q", clients, tags)
	}
	final := w.do("GET", "/orders/a", "")
	if want := fmt.Sprintf(`"%d"`, 2*clients); final.header.Get("ETag") != want {
		t.Errorf("the version is %s, want %s", final.header.Get("ETag"), want)
	}
	w.expect(200, final.header.Get("ETag"), final.body, "PATCH", "/orders/a", func() string {
		all := `{"n":{"c0":0`
		for i := 1; i < clients; i++ {
			all += fmt.Sprintf(`,"c%d":%d`, i, i)
		}
		return all + `}}` // which changes nothing, since all of it is there
	}())
}
