package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFileBytes bounds every file that is read.
const maxFileBytes = 1 << 20

// readBounded reads a regular file of at most maxFileBytes. Anything else is
// refused before it is opened: a pipe could keep us waiting for ever. The path
// is not part of its errors.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, bare(err)
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, bare(err)
	case len(content) > maxFileBytes:
		return nil, fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	return content, nil
}

// bare takes the path out of an error, which its reader knows already.
func bare(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
