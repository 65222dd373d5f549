//go:build unix

package embedded

import (
	"errors"
	"os"
	"syscall"
)

// isReadOnly reports a file system that can not be written to.
func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// syncDirectory makes a new file's name durable.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
