package socketio_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gatehouse/server/socketio"
	"gatehouse/server/wsconn"
)

// packets are what mutations begin with.
var packets = []string{
	"40", `40{"token":"x"}`, "40/a,", "41", "41/a", `42["message",1]`, `42/a,7["ack",{"x":[1,2,3]}]`, "430[]", `44{"message":"no"}`, "3", "6", "2probe",
	`451-["message",{"_placeholder":true,"num":0}]`, `452-/a,1["ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, `461-0["x",{"_placeholder":true,"num":0}]`,
	"bAQID", "5", "1", "0{}", "4",
}

// mutant is a packet, more often than not a broken one.
func mutant(r *rand.Rand) []byte {
	b := []byte(packets[r.IntN(len(packets))])
	for range r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(6) {
		case 0:
			b = append(b[:at:at], append([]byte{byte(r.IntN(256))}, b[at:]...)...)
		case 1:
			b = append(b[:at:at], b[min(at+1, len(b)):]...)
		case 2:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		case 3:
			b = append(b[:at:at], append([]byte(packets[r.IntN(len(packets))]), b[at:]...)...)
		case 4:
			b = append(b[:at:at], append(bytes.Repeat([]byte{"[{\"0,/-"[r.IntN(7)]}, r.IntN(50)), b[at:]...)...)
		case 5:
			b = b[:at]
		}
	}
	return b
}

// fuzzed is how many packets are sent.
func fuzzed(t *testing.T) int {
	t.Helper()
	n := 10_000
	if v := os.Getenv("GATEHOUSE_FUZZ"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal("GATEHOUSE_FUZZ is a number of packets: ", err)
		}
	}
	return n
}

// Whatever is sent, by polls and by frames, the server goes on, and nothing of who
// sent it is left. GATEHOUSE_FUZZ=100000 sends more than the default.
func TestLiveMutants(t *testing.T) { // not parallel: it counts the process's goroutines and bytes
	const crowd = 8
	each := fuzzed(t) / crowd
	before := runtime.NumGoroutine()
	sockets, err := wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: 1 << 20, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
	if err != nil {
		t.Fatal(err)
	}
	sio := socketio.New(socketio.Options{MaxPayload: 1 << 16, Sockets: sockets})
	var mu sync.Mutex
	here := map[string]bool{} // sockets that have come and not gone
	for _, name := range []string{"/", "/a"} {
		n := sio.Of(name)
		n.Connected = func(s *socketio.Socket) {
			mu.Lock()
			defer mu.Unlock()
			here[s.ID()] = true
		}
		n.Disconnected = func(s *socketio.Socket, _ string) {
			mu.Lock()
			defer mu.Unlock()
			if !here[s.ID()] {
				t.Error("one has gone that had not come, or twice")
			}
			delete(here, s.ID())
		}
		n.Event = func(s *socketio.Socket, e socketio.Event) {
			e.Ack(e.Values)
			_ = s.EmitValues("back", e.Values)
		}
	}
	server := httptest.NewServer(sio)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * crowd}}
	var all sync.WaitGroup
	for i := range crowd {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		all.Go(func() {
			for left := each; left > 0; {
				if i%2 == 0 {
					left -= frames(t, server.URL, r, left)
				} else {
					left -= polls(t, client, server.URL, r, left)
				}
			}
		})
	}
	all.Wait()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d bytes are held", m.HeapAlloc)
	}
	sio.Close()
	if n := sio.Count() + sio.Of("/").Count() + sio.Of("/a").Count(); n != 0 {
		t.Errorf("%d sessions and sockets are left", n)
	}
	sockets.Close()
	server.Close()
	client.CloseIdleConnections()
	mu.Lock()
	if len(here) != 0 {
		t.Errorf("%d sockets have not gone", len(here))
	}
	mu.Unlock()
	if n := sockets.Count(); n != 0 {
		t.Errorf("%d connections are counted", n)
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left", runtime.NumGoroutine()-before)
		}
	}
}

// frames sends frames by one WebSocket for as long as the server has it, and
// returns how many.
func frames(t *testing.T, url string, r *rand.Rand, most int) (sent int) {
	conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Error(err)
		return most
	}
	_ = res.Body.Close()
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				_ = conn.Close()
				return
			}
		}
	})
	defer reader.Wait()
	defer func() { _ = conn.Close() }()
	if conn.WriteMessage(websocket.TextMessage, []byte("40")) != nil {
		return 1
	}
	for sent < most {
		sent++
		kind, b := websocket.TextMessage, mutant(r)
		if r.IntN(4) == 0 {
			kind = websocket.BinaryMessage
		}
		if r.IntN(3) == 0 { // what is right for once keeps it going
			kind, b = websocket.TextMessage, []byte(`42["message",1]`)
		}
		if conn.WriteMessage(kind, b) != nil || r.IntN(200) == 0 {
			return sent
		}
	}
	return sent
}

// polls sends payloads to one session for as long as the server has it, and
// returns how many packets those were.
func polls(t *testing.T, client *http.Client, url string, r *rand.Rand, most int) (sent int) {
	at := url + "/?EIO=4&transport=polling"
	do := func(method, at string, body []byte) (int, string) {
		req, err := http.NewRequest(method, at, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	_, hello := do("GET", at, nil)
	_, rest, _ := strings.Cut(hello, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	at = fmt.Sprintf("%s&sid=%s", at, sid)
	do("POST", at, []byte("40"))
	for sent < most {
		var payload []byte
		for range 1 + r.IntN(10) {
			if len(payload) > 0 {
				payload = append(payload, '\x1e')
			}
			payload = append(payload, mutant(r)...)
			sent++
		}
		if status, _ := do("POST", at, payload); status != http.StatusOK {
			return sent
		}
		if r.IntN(3) == 0 {
			do("POST", at, []byte(`420["message"]`)) // so that the poll has something to take
			if status, _ := do("GET", at, nil); status != http.StatusOK {
				return sent
			}
		}
	}
	return sent
}
