package secantus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Ports are chosen below those that systems give to outgoing connections. A server that was killed must get its
// own port again, and the driver, which dials it all the while, could otherwise be given that very port.
const (
	firstPort = 20000
	lastPort  = 32000
)

// patience bounds every wait. It is far more than anything here takes, so that a loaded machine fails no test.
const patience = 30 * time.Second

// tailSize is how much of a server's log is shown when a test fails.
const tailSize = 64 << 10

// process is a server's program, its folder and its port; it can be started again after its end.
type process struct {
	binary string
	dir    string // holds the configuration, the log and the storage
	args   []string
	port   int

	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process has ended
	logFrom int64         // where in the log the present run begins
}

// newProcess prepares dir and starts the program on a free port.
func newProcess(binary, dir string, args []string) (*process, error) {
	p := &process{binary: binary, dir: dir, args: args}
	// Naming a configuration keeps the server from looking for one in the user's home and in /etc.
	if err := os.WriteFile(p.configPath(), nil, 0o600); err != nil {
		return nil, err
	}
	var err error
	for range 10 { // between the look and the start another process can take the port
		if p.port, err = freePort(); err != nil {
			return nil, err
		}
		if err = p.start(); err == nil {
			return p, nil
		}
		if !strings.Contains(p.tail(), "Address already in use") {
			break
		}
	}
	return nil, err
}

func (p *process) configPath() string { return filepath.Join(p.dir, "secantusd.toml") }
func (p *process) logPath() string    { return filepath.Join(p.dir, "secantusd.log") }
func (p *process) host() string       { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// start runs the program and returns when it listens.
func (p *process) start() error {
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if p.logFrom, err = log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	args := append([]string{
		"--config", p.configPath(),
		"--host", "127.0.0.1",
		"--port", strconv.Itoa(p.port),
		"--storage-path", filepath.Join(p.dir, "data"),
		"--cache-size", "256M",
		"--enable-test-commands",
	}, p.args...)
	cmd := exec.Command(p.binary, args...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = endsWithParent()

	started, exited := make(chan error), make(chan struct{})
	go func() {
		// Linux ends the child with the thread that made it, not with the process: this one waits as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the status is read from ProcessState
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.cmd, p.exited = cmd, exited

	// The line in its own log, rather than an answer on the port, says that the port is this program's.
	listening := fmt.Appendf(nil, "secantus listening on %s\n", p.host())
	err = eventually(context.Background(), "the line in the log that says where it listens", func() (bool, error) {
		select {
		case <-exited:
			return false, fmt.Errorf("%s ended (%v) before it listened; its log:\n%s", p.binary, cmd.ProcessState, p.tail())
		default:
		}
		run, err := p.log()
		return bytes.Contains(run, listening), err
	})
	if err != nil {
		p.kill()
		return err
	}
	return nil
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// stop asks the program to end, and makes it.
func (p *process) stop() {
	deadline := time.After(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	accepts := true
	for tick := 0; ; tick++ {
		// Not once only: a thread that just begins to serve a connection can take the signal, and then it is lost.
		if accepts && tick%20 == 0 {
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it fails only where the process has ended
		}
		select {
		case <-p.exited:
			return
		case <-again.C:
		case <-deadline:
			p.kill()
			return
		}
		// The server waits for the thread that accepts, up to two seconds, and only a connection wakes that.
		conn, err := net.Dial("tcp", p.host())
		accepts = err == nil
		if accepts {
			conn.Close()
		}
	}
}

// kill ends the program without a chance to write anything more.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it fails only where the process has ended
	<-p.exited
}

// log reads what the present run has printed.
func (p *process) log() ([]byte, error) {
	all, err := os.ReadFile(p.logPath())
	if err != nil {
		return nil, err
	}
	return all[min(p.logFrom, int64(len(all))):], nil
}

// tail is the end of the log of all runs.
func (p *process) tail() string {
	all, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	return string(all[max(0, len(all)-tailSize):])
}

func freePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // there is nothing to guess
		var listener net.Listener
		listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port of 127.0.0.1 between %d and %d: %w", firstPort, lastPort, err)
}

// eventually asks until the answer is yes. It is for what announces itself in no other way.
func eventually(ctx context.Context, what string, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if yes, err := condition(); yes || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, ctx.Err())
		}
	}
}
