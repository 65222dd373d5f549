package wsconn

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller is an epoll set. The set itself waits in Go's network poller, so that
// no thread is spent on waiting.
type poller struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	mu    sync.RWMutex
	conns []*Conn // by descriptor
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

// run tells connections that they are ready, until the poller is closed.
func (p *poller) run() {
	var events [256]unix.EpollEvent
	for {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			var err error
			for {
				n, err = unix.EpollWait(int(fd), events[:], 0)
				if err != unix.EINTR {
					break
				}
			}
			return n > 0 || err != nil
		})
		if err != nil {
			return
		}
		for _, e := range events[:max(n, 0)] {
			if c := p.find(int(e.Fd)); c != nil {
				c.onReady(e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0, e.Events&unix.EPOLLOUT != 0)
			}
		}
	}
}

func (p *poller) close() { _ = p.file.Close() }

func (p *poller) find(fd int) *Conn {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if fd < len(p.conns) {
		return p.conns[fd]
	}
	return nil
}

// add waits for events of fd, once each time its state changes: a reader reads
// until nothing is left, so no event has to be armed again.
func (p *poller) add(fd int, c *Conn) error {
	p.mu.Lock()
	for len(p.conns) <= fd {
		p.conns = append(p.conns, nil)
	}
	p.conns[fd] = c
	p.mu.Unlock()
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e)
}

// remove forgets fd, before it is closed and may become another connection's.
func (p *poller) remove(fd int) {
	p.mu.Lock()
	if fd < len(p.conns) {
		p.conns[fd] = nil
	}
	p.mu.Unlock()
}

// descriptor is the socket that does not block.
type descriptor struct {
	fd int
	p  *poller
}

// adopt takes a plain TCP connection out of Go's network poller; any other is
// left to a goroutine of its own.
func (p *poller) adopt(conn net.Conn) socket {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return &stream{conn: conn}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return &stream{conn: conn}
	}
	fd := -1
	err = raw.Control(func(old uintptr) { fd, _ = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil || fd < 0 {
		return &stream{conn: conn}
	}
	_ = tcp.Close() // the duplicate lives on
	return &descriptor{fd: fd, p: p}
}

func (d *descriptor) blocks() bool { return false }

func (d *descriptor) ready(c *Conn) error { return d.p.add(d.fd, c) }

func (d *descriptor) read(p []byte, _ time.Time) (int, error) {
	for {
		n, err := unix.Read(d.fd, p)
		switch {
		case err == nil && n == 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case err == unix.EAGAIN:
			return 0, errAgain
		case err != unix.EINTR:
			return 0, err
		}
	}
}

func (d *descriptor) write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		rest := p[done:]
		// A raw call: the socket never blocks, so the scheduler has nothing to
		// prepare for, and this is where nearly all of a broadcast's time goes.
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(d.fd), uintptr(unsafe.Pointer(&rest[0])), uintptr(len(rest))) //nolint:gosec // the pointer lives through the call
		switch errno {
		case 0:
			done += int(n)
		case unix.EAGAIN:
			return done, errAgain
		case unix.EINTR:
		default:
			return done, errno
		}
	}
	return done, nil
}

func (d *descriptor) closeWrite() error { return unix.Shutdown(d.fd, unix.SHUT_WR) }

func (d *descriptor) interrupt() { _ = unix.Shutdown(d.fd, unix.SHUT_RDWR) }

func (d *descriptor) close() {
	d.p.remove(d.fd)
	_ = unix.Close(d.fd)
}
