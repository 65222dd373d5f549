package socketio_test

import (
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatehouse/server/socketio"
)

// crowd is so many WebSockets that have joined, as bare descriptors: they take no
// memory of this process but the kernel's. What they hear they leave there.
func crowd(b *testing.B, at string, n int) (fds []int) {
	b.Helper()
	hostport, _, _ := strings.Cut(strings.TrimPrefix(at, "ws://"), "/")
	addr := netip.MustParseAddrPort(hostport)
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
		}
		if err == nil {
			_, err = unix.Write(fd, []byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x82\x00\x00\x00\x0040"))
		}
		if err != nil {
			b.Fatal(err)
		}
		fds = append(fds, fd)
	}
	b.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
	return fds
}

// awaited waits until so many have joined.
func awaited(b *testing.B, n *socketio.Namespace, many int) {
	b.Helper()
	for deadline := time.Now().Add(patience); n.Count() < many; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d have joined", n.Count())
		}
	}
}

func benchServer(b *testing.B) (at string, n *socketio.Namespace) {
	b.Helper()
	at = serve(b, socketio.Options{}, func(s *socketio.Server) { n = s.Of("/") })
	return at, n
}

// One event for 1,000 sockets, which is encoded once and written to each.
func BenchmarkEmitTo1000(b *testing.B) {
	const many = 1000
	at, n := benchServer(b)
	fds := crowd(b, at, many)
	awaited(b, n, many)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		var buf [1 << 16]byte
		for {
			for _, fd := range fds {
				_, _, _ = unix.Recvfrom(fd, buf[:], unix.MSG_DONTWAIT)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Emit("msg", "0123456789012345678901234567890123456789"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/socket")
	close(stop)
	readers.Wait()
	if n.Count() != many {
		b.Errorf("%d are there", n.Count())
	}
}

// What a WebSocket that has joined and is silent takes of this process's memory.
func BenchmarkIdleWebSocket(b *testing.B) {
	const many = 4000
	at, n := benchServer(b)
	var before, after runtime.MemStats
	measure := func(m *runtime.MemStats, more, all int) {
		crowd(b, at, more)
		awaited(b, n, all)
		<-time.After(200 * time.Millisecond) // what opening them took is put away
		runtime.GC()
		runtime.ReadMemStats(m)
	}
	measure(&before, 100, 100) // what is made once is made
	measure(&after, many, 100+many)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/session")
	b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/many, "objects/session")
}
