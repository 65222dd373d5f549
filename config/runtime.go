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
// store that it could stand beside: in the runtime folder of the service
// (RUNTIME_DIRECTORY, as systemd sets it) or of the user (XDG_RUNTIME_DIR), or
// where there is none, in one of the user's in the folder for temporary files. Its
// name is made from the path of the configuration file, so that two servers with
// two files have two.
func (s Source) runtimeSocket() string {
	folder := ""
	for _, name := range []string{"XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY"} {
		for _, entry := range s.Environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok && filepath.IsAbs(value) {
				folder, _, _ = strings.Cut(value, ":")
			}
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
