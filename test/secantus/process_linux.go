package secantus

import "syscall"

// endsWithParent has the kernel kill the server when the test binary is gone, however it ended: a panic and a
// test that took too long run no cleanup.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
