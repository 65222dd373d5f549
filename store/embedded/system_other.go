//go:build !unix

package embedded

func isReadOnly(error) bool { return false } // such systems answer fs.ErrPermission

func syncDirectory(string) error { return nil } // such systems have no call for it
