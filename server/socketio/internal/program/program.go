// Package program runs the programs beside it: servers for suites and benchmarks,
// until they are interrupted.
package program

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"gatehouse/server/wsconn"
)

// MaxPayload is the most that a client may send at once, in bytes.
const MaxPayload = 1_000_000

// Sockets makes the WebSockets of a program.
func Sockets() (*wsconn.Server, error) {
	return wsconn.NewServer(wsconn.Options{
		Limits: wsconn.Limits{MaxMessageBytes: MaxPayload, QueueBytes: 1 << 20},
		Refuse: func(w http.ResponseWriter, reason error) { http.Error(w, reason.Error(), http.StatusBadRequest) },
	})
}

// Main serves what makeHandler makes, at the address that the flag -addr names,
// until the process is interrupted; then it calls end. It does not return before,
// and ends the process with 1 where something is wrong.
func Main(makeHandler func() (h http.Handler, end func(), err error)) {
	addr := flag.String("addr", "127.0.0.1:3000", "where to listen")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, *addr, makeHandler); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, addr string, makeHandler func() (http.Handler, func(), error)) error {
	handler, end, err := makeHandler()
	if err != nil {
		return err
	}
	defer end()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { // ends with ctx, and that with the process
		<-ctx.Done()
		_ = s.Close()
	}()
	fmt.Println("listening on", l.Addr())
	if err := s.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
