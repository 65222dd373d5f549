package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/tailscale/hujson"
)

// Source is where a configuration comes from.
type Source struct {
	// Path is the file. Empty: there is none, and relative paths in the
	// configuration are relative to the working folder.
	Path string
	// Environ is the environment as os.Environ gives it. What does not begin
	// with GATEHOUSE_ is not looked at.
	Environ []string
	// Flags are the values given on the command line by their key path, such as
	// "websocket.port": 9000. A string is converted as a variable's text is;
	// anything else as encoding/json writes it.
	Flags map[string]any
}

// Load reads the configuration. Relative paths in it are resolved against the
// folder of the file, and an empty control.socket is filled in. An error is an
// [*Error] with every problem that there is.
func (s Source) Load() (*Config, error) {
	content, err := s.read()
	return s.build(content, err)
}

// read is the content of the file.
func (s Source) read() ([]byte, error) {
	if s.Path == "" {
		return []byte("{}"), nil
	}
	return readBounded(s.Path)
}

// build makes the configuration of the file's content, or of the error that
// reading it gave.
func (s Source) build(content []byte, unread error) (*Config, error) {
	var (
		r      report
		pieces []*piece
	)
	if unread != nil {
		r.add(fromFile, s.Path, "", unreadable(unread))
	} else if p := newPiece(fromFile, s.Path, nil, content, &r); p != nil {
		pieces = append(pieces, p)
	}
	pieces = append(pieces, readEnviron(s.Environ, &r)...)
	pieces = append(pieces, readFlags(s.Flags, &r)...)
	for _, p := range pieces {
		p.check(&r)
	}
	c, err := merge(pieces)
	if err != nil {
		r.add(fromFile, s.Path, "", err.Error())
	} else {
		checkTogether(c, pieces, &r)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if c.Control.Socket == "" && c.Store.Kind == "mongodb" {
		c.Control.Socket = s.runtimeSocket()
	}
	c.resolve(filepath.Dir(s.Path))
	return c, nil
}

func unreadable(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file; name another with --config"
	}
	return fmt.Sprintf("cannot be read: %v; name another file with --config", err)
}

// merge lays the pieces over the defaults, in their order.
func merge(pieces []*piece) (*Config, error) {
	var defaults map[string]any
	text, err := json.Marshal(Default())
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &defaults); err != nil {
		return nil, err
	}
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(defaults, ""), nil); err != nil {
		return nil, err
	}
	for _, p := range pieces {
		if err := k.Load(confmap.Provider(p.values.(map[string]any), ""), nil); err != nil {
			return nil, err
		}
	}
	c := new(Config)
	// Strict, unlike koanf's own way, which would make a number of a text.
	strict := koanf.UnmarshalConf{Tag: "json", DecoderConfig: &mapstructure.DecoderConfig{Result: c}}
	if err := k.UnmarshalWithConf("", c, strict); err != nil {
		return nil, err
	}
	return c, nil
}

// readFlags makes a piece of every flag.
func readFlags(flags map[string]any, r *report) []*piece {
	var pieces []*piece
	for _, key := range slices.Sorted(maps.Keys(flags)) {
		path := strings.Split(key, ".")
		value, err := json.Marshal(flags[key])
		if text, ok := flags[key].(string); ok {
			value = toJSON(text, path)
		}
		if err != nil {
			r.add(fromFlags, commandLine, key, "cannot be written as JSON: "+err.Error())
			continue
		}
		if p := newPiece(fromFlags, commandLine, path, value, r); p != nil {
			pieces = append(pieces, p)
		}
	}
	return pieces
}

const commandLine = "command line"

// toJSON writes the text of a variable or a flag as the JSON of the key's type.
// What is not of that type stays a text, for the check to complain of.
func toJSON(text string, path []string) []byte {
	s := schemaAt(path)
	quoted := []byte(hujson.String(text))
	if s == nil || s.Types == nil {
		return quoted
	}
	switch s.Types.ToStrings()[0] {
	case "array", "object":
		return []byte(text)
	case "integer", "number", "boolean":
		bare := hujson.Literal(strings.TrimSpace(text))
		if kind := bare.Kind(); bare.IsValid() && (kind == '0' || kind == 't' || kind == 'f') {
			return []byte(bare)
		}
	}
	return quoted
}

// resolve makes the paths relative to the file's folder ones of the process.
func (c *Config) resolve(folder string) {
	if c.Control.Socket == "" {
		c.Control.Socket = c.Store.Path + ".sock"
	}
	for _, path := range []*string{
		&c.Store.Path, &c.Control.Socket, &c.Websocket.TLS.Cert, &c.Websocket.TLS.Key, &c.Mail.Templates,
	} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
}
