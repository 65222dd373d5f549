package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// maxPath is the longest path that a Unix socket can have on every system.
const maxPath = 103

// listen makes the socket. One that a dead server left behind is replaced; one
// that answers, and anything else in its place, is an error and left alone.
func listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("the control socket's path is %d bytes long, and a socket's path can have %d: choose a shorter one with control.socket: %s", len(path), maxPath, path)
	}
	if err := folderFor(path); err != nil {
		return nil, err
	}
	if err := clear(path); err != nil {
		return nil, err
	}
	// Made in a folder that is closed to others, then moved into place: at no
	// moment can somebody else connect to a socket whose mode is not yet set.
	private, err := os.MkdirTemp(filepath.Dir(path), ".gh")
	if err != nil {
		return nil, fmt.Errorf("the control socket cannot be made: %w", err)
	}
	defer func() { _ = os.RemoveAll(private) }()
	made := filepath.Join(private, "s")
	if len(made) > maxPath {
		return nil, fmt.Errorf("the control socket's folder has too long a path: choose a shorter one with control.socket: %s", path)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("the control socket cannot be made: %w", err)
	}
	l.SetUnlinkOnClose(false) // it will have another name
	err = os.Chmod(made, 0o600)
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("the control socket cannot be made: %w", err)
	}
	return l, nil
}

// folderFor makes the socket's folder, closed to others, where it is to be the
// user's among the system's temporary files. Such a folder must be this user's: somebody
// else could have made it, and would own what is in it.
func folderFor(path string) error {
	folder := filepath.Dir(path)
	if isTemporary(folder) {
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("the control socket cannot be made: %w", err)
		}
	}
	return trusted(path)
}

// isTemporary reports whether a folder is the one of this user's that a
// configuration without another place for the socket names.
func isTemporary(folder string) bool {
	return folder == filepath.Join(os.TempDir(), "gatehouse-"+strconv.Itoa(os.Getuid()))
}

// trusted refuses a folder among the temporary files that is another user's.
func trusted(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Lstat(folder)
	if err != nil || !isTemporary(folder) {
		return nil // what is wrong otherwise, using it will tell
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s is not a folder of this user's: choose another place with control.socket", folder)
	}
	return nil
}

// clear removes what a dead server left.
func clear(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the control socket cannot be made: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("the control socket cannot be made: %s is there and is no socket; move it away, or choose another path with control.socket", path)
	}
	c, err := dial(context.Background(), path)
	if err == nil {
		_ = c.Close()
	}
	if !nobody(err) { // a server that is too busy to answer is one, too
		return fmt.Errorf("another server answers on the control socket %s; stop it, or choose another path with control.socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a socket that nobody answers on cannot be removed: %w", err)
	}
	return nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: 2 * time.Second}
	return d.DialContext(ctx, "unix", path)
}

// nobody reports whether a dial failed because nobody is there. Nobody is where
// the path is too long for any socket, either.
func nobody(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EINVAL)
}
