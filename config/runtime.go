package config

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// runtimeSocket is the path of the control socket where there is no file of a
// store that it could stand beside: in the user's runtime folder, or where the
// system has none, in one of the user's in the folder for temporary files. Its
// name is made from the path of the configuration file, so that two servers with
// two files have two.
func (s Source) runtimeSocket() string {
	folder := ""
	for _, entry := range s.Environ {
		if value, ok := strings.CutPrefix(entry, "XDG_RUNTIME_DIR="); ok {
			folder = value
		}
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(os.TempDir(), "gatehouse-"+strconv.Itoa(os.Getuid()))
	}
	path, err := filepath.Abs(s.Path)
	if err != nil {
		path = s.Path
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(folder, "gatehouse-"+hex.EncodeToString(sum[:6])+".sock")
}
