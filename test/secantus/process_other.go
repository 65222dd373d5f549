//go:build !linux

package secantus

import "syscall"

// endsWithParent would have the system kill the server when the test binary is gone; only Linux can.
func endsWithParent() *syscall.SysProcAttr { return nil }
